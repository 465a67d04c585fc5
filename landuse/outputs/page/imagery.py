"""The imagery of each year as a pyramid of tiles, within what the page may weigh, sharpest where something changed."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.chips import Chips
from landuse.errors import LanduseError
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.source import metric_scale
from landuse.outputs.page.folders import MapYear, Place
from landuse.outputs.page.mesh import Floats, Lattice, degrees_of, near, world_of
from landuse.outputs.views import encoded, imagery_of, native_px

MERCATOR = "+proj=merc +a=6378137 +b=6378137 +lon_0={:g} +units=m +no_defs"
"""Web Mercator, about a meridian of one's own: a map across 180 degrees is drawn about that."""
AROUND = 40_075_016.685578488
"""Metres around the equator."""
TILE = 256
MOST_ZOOM = 22
FIRST_SIDE = 600
"""Pixels of the longer side of the whole map at the coarsest level."""
MOST_PIXELS = 1.2e9
"""Most source pixels that are read for what covers the whole map, some tens of seconds; overviews keep large surveys below."""
TILE_BYTES = 14_000
"""What a tile of fine imagery weighs in the page, about: how much of a level is asked for before it is made."""
WHOLE_SHARE = 0.6
"""Of the budget: most that what covers the whole map takes where change sites want some too."""
QUALITY = "72"
Key = tuple[int, int, int]
"""Zoom, column and row of a tile, as web maps number them."""
Rgba = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """A rectangle of the world of Web Mercator, whose sides are 1 long; y grows southwards."""

    west: float
    north: float
    east: float
    south: float

    @classmethod
    def around(cls, x: Floats, y: Floats, spare: float = 0.0) -> Frame:
        """That of points (n,), with something to spare on each side."""
        west, north, east, south = (float(side) for side in (x.min(), y.min(), x.max(), y.max()))
        return cls(west - spare, north - spare, east + spare, south + spare)

    @property
    def latitude(self) -> float:
        """Of its middle, in degrees."""
        return float(degrees_of(np.array([0.0]), np.array([(self.north + self.south) / 2]))[1][0])

    def tiles(self, zoom: int) -> Iterator[Key]:
        """The tiles of a zoom that it meets."""
        west, north, east, south = (edge * 2**zoom for edge in self)
        for y in range(math.floor(north), math.ceil(south)):
            yield from ((zoom, x, y) for x in range(math.floor(west), math.ceil(east)))

    def meets(self, key: Key) -> bool:
        """Whether a tile lies in it, in part at least."""
        zoom, x, y = key
        west, north, east, south = (edge * 2**zoom for edge in self)
        return bool(west < x + 1 and east > x and north < y + 1 and south > y)


@dataclass(frozen=True)
class Pyramid:
    """A year's imagery.

    Attributes:
        tiles: WebP in base64 by tile.
        whole: zoom to which the whole map is covered; None where it is not covered at all.
        most: zoom at which a pixel is one of the imagery, or finer.
        sharp: how many change sites are covered to that zoom.
        pixel_m: metres of a pixel of the imagery.
    """

    tiles: Mapping[Key, str]
    least: int
    whole: int | None
    most: int
    sharp: int
    pixel_m: float

    def as_json(self) -> dict[str, Any]:
        """What the page's script reads before the tiles."""
        said = {"least": self.least, "whole": self.whole, "most": self.most, "sharp": self.sharp}
        return said | {"pixel": self.pixel_m}


@dataclass(frozen=True)
class ImageryWish:
    """What is asked of the imagery.

    Attributes:
        budget: bytes in the page, of all years together.
        remote: whether rasters that lie elsewhere are fetched; a folder may come from a stranger.
    """

    budget: int
    remote: bool = False
    meridian: float = 0.0


def pyramids(years: Sequence[MapYear], sites: Sequence[Place], wish: ImageryWish) -> tuple[Pyramid | None, ...]:
    """The imagery of every year that can be read; an equal part of the budget for each, the likeliest sites first."""
    found = [imagery_of(year.folder, remote=wish.remote) for year in years]
    count = max(sum(chips is not None for chips in found), 1)
    made: list[Pyramid | None] = []
    for chips in found:
        made.append(None if chips is None else _pyramid(chips, sites, wish, wish.budget // count))
    return tuple(made)


def native_zoom(years: Sequence[MapYear], latitude: float, *, remote: bool = False) -> int:
    """Zoom of a web map at which a pixel of the screen is about one of the finest imagery, or a thirtieth of a cell without."""
    chips = [imagery_of(year.folder, remote=remote) for year in years]
    return zoom_of(min((pixel_m(one) for one in chips if one is not None), default=7.5), latitude)


def zoom_of(metres: float, latitude: float) -> int:
    """The least zoom of a web map whose pixels are no larger than `metres` at a latitude."""
    shrunk = max(math.cos(math.radians(latitude)), 0.05)  # web maps end before the poles
    return min(max(math.ceil(math.log2(AROUND / TILE * shrunk / metres) - 0.05), 3), MOST_ZOOM)


def pixel_m(chips: Chips) -> float:
    """Metres of a pixel of the finest imagery under chips."""
    return chips.grid.chip_m / native_px(chips.survey, chips.grid)


@dataclass
class _Maker:
    """Tiles of a survey on the lattice of a web map, as many as fit. Readers are kept for each zoom."""

    survey: Survey
    meridian: float
    left: int
    tiles: dict[Key, str] = field(default_factory=dict)
    readers: dict[int, MosaicReader] = field(default_factory=dict)

    def read(self, key: Key) -> Rgba:
        """A tile (4, 256, 256) of the survey, transparent where it has no imagery."""
        zoom, x, y = key
        half, turned = 2 ** (zoom - 1), self.meridian / 360.0 * 2**zoom
        row, col = half - 1 - y, x - half - int(turned)
        if zoom not in self.readers:
            self.readers[zoom] = MosaicReader(self.survey, web_grid(zoom, self.meridian))
        pixels = self.readers[zoom].read(CellRange(row, row + 1, col, col + 1))
        bands = (0, 1, 2) if pixels.data.shape[2] >= 3 else (0, 0, 0)
        alpha = np.where(pixels.valid, 255, 0).astype(np.uint8)
        return np.stack([*(np.where(alpha, pixels.data[..., band], 0).astype(np.uint8) for band in bands), alpha])

    def keep(self, key: Key, rgba: Rgba) -> bool:
        """Add a tile; whether there was room for it. An empty one takes none."""
        if key in self.tiles or not rgba[3].any():
            return True
        text = base64.b64encode(encoded(rgba[: 3 if rgba[3].all() else 4], QUALITY=QUALITY)).decode()
        if len(text) > self.left:
            return False
        self.tiles[key], self.left = text, self.left - len(text)
        return True

    def close(self) -> None:
        """Close the sources."""
        for reader in self.readers.values():
            reader.close()


def web_grid(zoom: int, meridian: float) -> ChipGrid:
    """The tiles of a web map as a lattice: both begin where the equator meets the meridian of the map's middle."""
    return ChipGrid(CRS.from_user_input(MERCATOR.format(meridian)), AROUND / 2**zoom, TILE)


def _pyramid(chips: Chips, sites: Sequence[Place], wish: ImageryWish, budget: int) -> Pyramid | None:
    frame = _frame_of(chips, wish.meridian)
    most = zoom_of(pixel_m(chips), frame.latitude)
    longest = max(frame.east - frame.west, frame.south - frame.north)
    least = min(max(math.floor(math.log2(FIRST_SIDE / TILE / longest)), 1), most)
    maker = _Maker(chips.survey, wish.meridian, budget)
    room = budget * (WHOLE_SHARE if sites else 1.0)
    try:
        whole = _lay_whole(maker, frame, (least, most), room)
        sharp = _lay_sites(maker, sites, least if whole is None else whole + 1, most)
    except (LanduseError, OSError):  # moved, damaged or elsewhere by now: the page is whole without it
        return None
    finally:
        maker.close()
    return Pyramid(maker.tiles, least, whole, most, sharp, round(pixel_m(chips), 3)) if maker.tiles else None


def _frame_of(chips: Chips, meridian: float) -> Frame:
    grid, extent = chips.grid, chips.extent
    lattice = Lattice(grid.transform(extent, 1), grid.crs, extent.shape, meridian)
    cols, lines = np.meshgrid(np.linspace(0, extent.shape[1], 9), np.linspace(0, extent.shape[0], 9))
    return Frame.around(*lattice.world(cols.ravel(), lines.ravel()))


def _lay_whole(maker: _Maker, frame: Frame, zooms: tuple[int, int], room: float) -> int | None:
    """Cover the whole map as finely as there is room and as is quick to read; return to which zoom."""
    least, most = zooms
    for zoom in range(most, least - 1, -1):
        count = len(list(frame.tiles(zoom)))
        heavy = count > 1 and count * 4 / 3 * TILE_BYTES > room
        if not heavy and _quick(maker.survey, web_grid(zoom, maker.meridian)):
            for key in frame.tiles(least):
                _lay(maker, key, zoom, frame)
            return zoom
    return None


def _lay(maker: _Maker, key: Key, deepest: int, frame: Frame) -> Rgba:
    """Add a tile and all below it, down to a zoom; the deepest are read, and the others shrunk of those below them."""
    zoom, x, y = key
    if zoom == deepest:
        rgba = maker.read(key) if frame.meets(key) else np.zeros((4, TILE, TILE), np.uint8)
    else:
        below = [[_lay(maker, (zoom + 1, 2 * x + i, 2 * y + j), deepest, frame) for i in (0, 1)] for j in (0, 1)]
        rgba = _halved(np.concatenate([np.concatenate(row, axis=2) for row in below], axis=1))
    maker.keep(key, rgba)
    return rgba


def _halved(rgba: Rgba) -> Rgba:
    corners = [rgba[:, i::2, j::2].astype(np.uint16) for i in (0, 1) for j in (0, 1)]
    count = sum((corner[3] > 0).astype(np.uint16) for corner in corners)
    colour = sum(corner[:3] for corner in corners) // np.maximum(count, 1)  # a transparent pixel is black
    return np.concatenate([colour, np.where(count > 1, 255, 0)[None]]).astype(np.uint8)


def _lay_sites(maker: _Maker, sites: Sequence[Place], first: int, most: int) -> int:
    """Cover sites down to native pixels, the likeliest and then the largest first; return how many there was room for."""
    done = 0
    for site in sorted(sites, key=_rank):
        frame = _around(site, maker.meridian)
        for zoom in range(min(first, most), most + 1):
            for key in frame.tiles(zoom):
                if key not in maker.tiles and not maker.keep(key, maker.read(key)):
                    return done
        done += 1
    return done


def _rank(site: Place) -> tuple[float, float]:
    return -(site.numbers["probability"] or 0.0), -(site.numbers["area_ha"] or 0.0)


def _around(site: Place, meridian: float) -> Frame:
    points = np.concatenate([np.asarray(rings[0], np.float64)[:, :2] for rings in site.polygons])
    x, y = world_of(near(points[:, 0], meridian), points[:, 1])
    return Frame.around(x, y, max(float(np.ptp(x)), float(np.ptp(y))) / 4)


def _quick(survey: Survey, grid: ChipGrid) -> bool:
    """Whether reading all sources at the coarsest overview that serves stays within `MOST_PIXELS`."""
    total = 0.0
    for source in survey.sources:
        scale = metric_scale(source, grid.crs, grid.pixel)
        factor = max((f for f in source.overviews if f <= scale / 2 * 1.01), default=1)
        total += source.width * source.height / factor**2
    return math.isfinite(total) and total <= MOST_PIXELS


def keyed(tiles: Iterable[tuple[Key, str]]) -> dict[str, str]:
    """Tiles by text, as JSON has it: ``zoom/column/row``."""
    return {"/".join(map(str, key)): text for key, text in tiles}
