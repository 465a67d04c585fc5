"""What pages have in common: data that cannot break out of its script, and a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any


def script_json(value: Any) -> str:  # noqa: ANN401
    """JSON that may stand inside a script element: no character that could end it or start markup."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def policy(scripts: Iterable[str], pictures: str = "") -> str:
    """The content security policy of a page: these scripts run, told by their digests, and nothing is fetched.

    Args:
        scripts: their text.
        pictures: scheme and host of a server from which pictures may come all the same; empty for none.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: {pictures}".rstrip()
        + "; base-uri 'none'; form-action 'none'"
    )
