"""An online map below ours, which is asked for nothing until the reader turns it on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from landuse.errors import UsageError

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
