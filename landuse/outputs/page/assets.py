"""Scripts, styles, words and pictures that ship with the package, as text to be inlined."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

PAGE_SCRIPTS = (
    "language.js", "nodes.js", "geometry.js", "grid.js", "raster.js", "imagery.js", "changes.js", "districts.js", "popup.js",
    "legend.js", "sankey.js", "sites.js", "search.js", "swipe.js", "link.js", "panel.js", "page.js",
)  # fmt: skip
_PICTURE = re.compile(r"url\((images/[\w.-]+)\)")
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=.*\s*$")


def _assets() -> Traversable:
    return files("landuse.outputs") / "assets"


@cache
def leaflet_script() -> str:
    """Leaflet, without the hint that would make a browser's tools ask for its source map."""
    return _SOURCE_MAP.sub("\n", (_assets() / "leaflet" / "leaflet.js").read_text("utf8"))


@cache
def leaflet_style() -> str:
    """Leaflet's style, with its pictures inside; others (marker pins) are not used and left empty."""
    return _PICTURE.sub(
        lambda found: f"url({_picture(found[1])})", (_assets() / "leaflet" / "leaflet.css").read_text("utf8")
    )


@cache
def page_script() -> str:
    """The project's own script of the page."""
    parts = [(_assets() / "csv.js").read_text("utf8")]
    parts += [(_assets() / "page" / name).read_text("utf8") for name in PAGE_SCRIPTS]
    return "\n".join(parts)


@cache
def page_style() -> str:
    """The project's own style of the page."""
    return (_assets() / "page" / "page.css").read_text("utf8")


@cache
def page_template() -> str:
    """The HTML document, with ``$name`` where something is put in."""
    return (_assets() / "page" / "page.html").read_text("utf8")


@cache
def page_words() -> dict[str, dict[str, Any]]:
    """The words of the page and of the report (`report_...`) by language; `words.json` is all there is to translate."""
    words: dict[str, dict[str, Any]] = json.loads((_assets() / "page" / "words.json").read_text("utf8"))
    return words


def _picture(name: str) -> str:
    """A shipped picture as a data address; an empty one where it does not ship."""
    picture = _assets() / "leaflet" / name
    if not picture.is_file():
        return "data:,"
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
