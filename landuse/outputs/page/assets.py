"""What the page is made of beside its data: scripts, styles, words, pictures, and an online map below ours.

All but the map is inlined as text; the map is asked for nothing until the reader turns it on.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from landuse.errors import UsageError
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


OPENSTREETMAP = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
MOST_ADDRESS = 500
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?")
_PLACES = re.compile(r"\{([A-Za-z]*)\}")
_SIGNS = re.compile(r"[A-Za-z0-9\-._~:/?&=+,@%!*()\[\]{}]+")
"""What an address is written with; no quotes, spaces, semicolons or angle brackets."""
NAMES = {"TileMatrix": "z", "TileCol": "x", "TileRow": "y"}
"""What WMTS calls zoom, column and row."""


@dataclass(frozen=True)
class Basemap:
    """Attributes: `url`, with {z}, {x} and {y}; `credit`, whom the map is by; `origin`, scheme and host."""

    url: str
    credit: str
    origin: str


def basemap_of(template: str, credit: str | None = None) -> Basemap | None:
    """The online map of an address with {z}, {x} and {y}, or those of WMTS; None for ``none``.

    Args:
        credit: whom the map is by; the host where nothing is said.

    Raises:
        UsageError: it is no such address.
    """
    if template == "none":
        return None
    url = _PLACES.sub(lambda found: f"{{{NAMES.get(found[1], found[1])}}}", template)
    origin = _origin(url)
    if origin is None or sorted(_PLACES.findall(url)) != ["x", "y", "z"]:
        raise UsageError(
            f"{template!r} is no address of a base map: give https://HOST/... with {{z}}, {{x}} and {{y}} once each "
            "(or WMTS's {TileMatrix}, {TileCol} and {TileRow}), or none."
        )
    known = "© OpenStreetMap contributors" if url == OPENSTREETMAP else urlsplit(url).netloc
    return Basemap(url, " ".join((credit or known).split()), origin)


def _origin(url: str) -> str | None:
    """Scheme and host of an address of tiles; None where it is none, or could say more to a browser than an address."""
    if len(url) > MOST_ADDRESS or not _SIGNS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return None
    return f"{parts.scheme}://{parts.netloc}"
