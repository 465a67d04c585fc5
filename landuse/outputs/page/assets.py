"""Scripts, styles, words and pictures that ship with the package, as text to be inlined."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from landuse.outputs.html import asset
from landuse.outputs.tables import csv_script

PACKAGE = "landuse.outputs"
PAGE_SCRIPTS = (
    "language.js", "nodes.js", "geometry.js", "grid.js", "raster.js", "imagery.js", "changes.js", "districts.js", "popup.js",
    "legend.js", "sankey.js", "sites.js", "search.js", "swipe.js", "link.js", "panel.js", "page.js",
)  # fmt: skip
_PICTURE = re.compile(r"url\((images/[\w.-]+)\)")
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=.*\s*$")


@cache
def leaflet_script() -> str:
    """Leaflet, without the hint that would make a browser's tools ask for its source map."""
    return _SOURCE_MAP.sub("\n", asset(PACKAGE, "leaflet/leaflet.js"))


@cache
def leaflet_style() -> str:
    """Leaflet's style, with its pictures inside; others (marker pins) are not used and left empty."""
    return _PICTURE.sub(lambda found: f"url({_picture(found[1])})", asset(PACKAGE, "leaflet/leaflet.css"))


@cache
def page_script() -> str:
    """The project's own script of the page."""
    return "\n".join([csv_script(), *(asset(PACKAGE, f"page/{name}") for name in PAGE_SCRIPTS)])


@cache
def page_words() -> dict[str, dict[str, Any]]:
    """The words of the page and of the report (`report_...`) by language; `words.json` is all there is to translate."""
    words: dict[str, dict[str, Any]] = json.loads(asset(PACKAGE, "page/words.json"))
    return words


def _picture(name: str) -> str:
    """A shipped picture as a data address; an empty one where it does not ship."""
    picture = files(PACKAGE) / "assets" / "leaflet" / name
    if not picture.is_file():
        return "data:,"
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
