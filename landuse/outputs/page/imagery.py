"""A small orthophoto of each survey to lie under its land use, where its rasters can still be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, calculate_default_transform, reproject

from landuse.chips import CHIPS_FILE, ChipSet, read_chips
from landuse.errors import LanduseError
from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.source import metric_scale
from landuse.outputs.page.folders import Corners, MapYear
from landuse.outputs.views import at_hand, imagery_of, native_px, webp

MERCATOR = "+proj=merc +a=6378137 +b=6378137 +lon_0={} +units=m +no_defs"
"""Web Mercator, about a meridian of one's own: a picture across 180 degrees is drawn about that."""
SIDE = 1536
"""Pixels of a picture's longer side."""
CELL = 256
MOST_ZOOM = 22
EQUATOR_M = 156_543.034
"""Metres of a pixel of a web map at zoom 0 on the equator."""
MOST_PIXELS = 4e8
"""Most source pixels that are read for a picture, a few seconds' work; overviews keep large surveys below it."""
QUALITY = 72


@dataclass(frozen=True)
class Picture:
    """A picture in Web Mercator.

    Attributes:
        label: what the layer is called.
        year: its place among the years of the page.
        bounds: corners in degrees.
        uri: a data address.
    """

    label: str
    year: int
    bounds: Corners
    uri: str


def pictures_of(years: Sequence[MapYear]) -> tuple[Picture, ...]:
    """A picture of every year whose imagery lies on this machine and is quick to read; the others are left out."""
    found = (_picture(year, index) for index, year in enumerate(years))
    return tuple(picture for picture in found if picture is not None)


def native_zoom(years: Sequence[MapYear], latitude: float) -> int:
    """Zoom of a web map at which a pixel of the screen is about one of the finest imagery, or a thirtieth of a cell without."""
    sides = [_pixel_m(year) for year in years]
    metres = min([side for side in sides if side is not None], default=7.5)
    shrunk = max(math.cos(math.radians(latitude)), 0.05)  # web maps end before the poles
    return min(max(math.ceil(math.log2(EQUATOR_M * shrunk / metres)), 3), MOST_ZOOM)


def _pixel_m(year: MapYear) -> float | None:
    chips = imagery_of(year.folder)
    return None if chips is None else chips.grid.chip_m / native_px(chips.survey, chips.grid)


def _picture(year: MapYear, index: int) -> Picture | None:
    try:
        chips = read_chips(year.folder / CHIPS_FILE)
        if not len(chips) or not at_hand(chips.survey):
            return None
        small = _small(chips)
        if small is None or not small.rgba[3].any():
            return None
        bounds, rgba = _to_mercator(small)
    except (LanduseError, OSError):  # moved, damaged or elsewhere by now: the page is whole without it
        return None
    return Picture(year.label, index, bounds, webp(rgba, QUALITY))


@dataclass(frozen=True, eq=False)
class _Small:
    """The survey under a map, small, in the map's own CRS: `rgba` uint8 (4, H, W), transparent where there is no imagery."""

    rgba: npt.NDArray[np.uint8]
    transform: Affine
    crs: CRS


def _small(chips: ChipSet) -> _Small | None:
    """The imagery under all chips at `SIDE` pixels or fewer, no finer than the source; None where it takes long to read.

    It is shrunk in the map's CRS, which costs little where the sources lie in it, and warped when it is small.
    """
    bounds = chips.grid.bounds(CellRange.around(chips.rows, chips.cols))
    pixel = max(bounds.east - bounds.west, bounds.north - bounds.south) / SIDE
    pixel /= min(metric_scale(chips.survey.sources[0], chips.grid.crs, pixel), 1.0)
    grid = ChipGrid(chips.grid.crs, CELL * pixel * chips.grid.metres_per_unit, CELL)
    if not _quick(chips.survey, grid):
        return None
    cells = grid.touching(bounds)
    with MosaicReader(chips.survey, grid) as reader:
        pixels = reader.read(cells)
    bands = (0, 1, 2) if pixels.data.shape[2] >= 3 else (0, 0, 0)
    alpha = np.where(pixels.valid, 255, 0).astype(np.uint8)
    rgba = np.stack([*(pixels.data[..., band] for band in bands), alpha])
    rows, cols = _inside(grid, cells, bounds)
    shift = Affine.translation(cols.start, rows.start)
    return _Small(rgba[:, rows, cols], grid.transform(cells) @ shift, grid.crs)


def _inside(grid: ChipGrid, cells: CellRange, bounds: Bounds) -> tuple[slice, slice]:
    """The pixels of an image of `cells` that touch `bounds`."""
    whole, pixel = grid.bounds(cells), grid.pixel
    top, bottom = int((whole.north - bounds.north) / pixel), math.ceil((whole.north - bounds.south) / pixel)
    left, right = int((bounds.west - whole.west) / pixel), math.ceil((bounds.east - whole.west) / pixel)
    return slice(top, bottom), slice(left, right)


def _quick(survey: Survey, grid: ChipGrid) -> bool:
    """Whether reading all sources at the coarsest overview that serves stays within `MOST_PIXELS`."""
    total = 0.0
    for source in survey.sources:
        scale = metric_scale(source, grid.crs, grid.pixel)
        factor = max((f for f in source.overviews if f <= scale), default=1)
        total += source.width * source.height / factor**2
    return math.isfinite(total) and total <= MOST_PIXELS


def _to_mercator(small: _Small) -> tuple[Corners, npt.NDArray[np.uint8]]:
    """The small image warped to Web Mercator, as browsers draw it, and its corners in degrees, east of 180 beyond 180."""
    crs = rasterio.crs.CRS.from_wkt(small.crs.to_wkt())
    _, height, width = small.rgba.shape
    extent = rasterio.transform.array_bounds(height, width, small.transform)
    meridian = _meridian(small.crs, extent)
    mercator = rasterio.crs.CRS.from_string(MERCATOR.format(meridian))
    transform, wide, high = calculate_default_transform(crs, mercator, width, height, *extent)
    rgba = np.zeros((4, high, wide), np.uint8)
    here = {"src_transform": small.transform, "src_crs": crs, "src_alpha": 4}
    there = {"dst_transform": transform, "dst_crs": mercator, "dst_alpha": 4}
    reproject(small.rgba, rgba, resampling=Resampling.bilinear, **here, **there)
    west, south, east, north = rasterio.transform.array_bounds(high, wide, transform)
    lon, lat = Transformer.from_crs(3857, 4326, always_xy=True).transform([west, east], [south, north])
    return [[lat[0], lon[0] + meridian], [lat[1], lon[1] + meridian]], rgba


def _meridian(crs: CRS, extent: tuple[float, float, float, float]) -> int:
    """The meridian about which to draw: 180 for ground on both sides of it, else Greenwich."""
    west, south, east, north = extent
    lon, _ = Transformer.from_crs(crs, 4326, always_xy=True).transform(
        [west, west, east, east], [south, north, south, north]
    )
    return 180 if max(lon) - min(lon) > 180 else 0
