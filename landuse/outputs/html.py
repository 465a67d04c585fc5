"""What pages have in common: how they begin, data that cannot break out of its script, a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from landuse.version import __version__

GENERATOR = '<meta name="generator" content="landuse '


def beginning(title: str, style: str, security: str, language: str = "en") -> str:
    """A page's first lines, up to its body, with its title, style and content security policy (`policy`)."""
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{security}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR}{__version__}">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>"""


@cache
def asset(package: str, name: str) -> str:
    """A text among the assets of a package."""
    return (files(package) / "assets" / name).read_text("utf8")


def still_page(package: str, name: str, start: str, values: dict[str, Any]) -> str:
    """A page without a script, of a template among a package's assets; every word is escaped by the template engine."""
    from jinja2 import Environment
    from markupsafe import Markup

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(asset(package, name))
    html: str = template.render(beginning=Markup(start), **values)
    return html


def script_json(value: Any) -> str:  # noqa: ANN401
    """JSON that may stand inside a script element: no character that could end it or start markup."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def policy(scripts: Iterable[str] = (), pictures: str = "") -> str:
    """The content security policy of a page: these scripts run, told by their digests, and nothing is fetched.

    Args:
        pictures: scheme and host of a server from which pictures may come all the same; empty for none.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: {pictures}".rstrip()
        + "; base-uri 'none'; form-action 'none'"
    )
