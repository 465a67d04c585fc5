"""A small orthophoto of each survey to lie under its land use, where its rasters can still be read."""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS, Transformer
from rasterio.io import MemoryFile

from landuse.chips import CHIPS_FILE, read_chips
from landuse.errors import LanduseError
from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.source import Source, metric_scale
from landuse.outputs.page.folders import Corners, MapYear, bounds_of

WEB_MERCATOR = CRS.from_epsg(3857)
SIDE = 1536
"""Pixels of a picture's longer side."""
CELL = 256
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


def _picture(year: MapYear, index: int) -> Picture | None:
    corners = bounds_of(year.places)
    survey = _survey(year.folder)
    if survey is None or corners is None:
        return None
    try:
        grid, bounds = _frame(corners, survey.sources[0])
        if not _quick(survey, grid):
            return None
        cells = grid.touching(bounds)
        with MosaicReader(survey, grid) as reader:
            pixels = reader.read(cells)
    except (LanduseError, OSError):  # moved, damaged or elsewhere by now: the page is whole without it
        return None
    if not pixels.valid.any():
        return None
    rows, cols, shown = _crop(grid, cells, bounds)
    return Picture(year.label, index, _degrees(shown), webp(pixels.data[rows, cols], pixels.valid[rows, cols]))


def _survey(folder: Path) -> Survey | None:
    """The survey that a folder was made of; None where its table does not say, or names files that are not on this machine.

    A folder may come from a stranger, so nothing that it names is fetched from elsewhere.
    """
    try:
        survey = read_chips(folder / CHIPS_FILE).survey
    except (LanduseError, OSError):
        return None
    paths = {path for source in survey.sources for path in source.paths}
    return survey if survey.sources and all(Path(path).is_file() for path in paths) else None


def _frame(corners: Corners, source: Source) -> tuple[ChipGrid, Bounds]:
    """A Web Mercator grid whose pixels suit a picture of the corners, and their bounds in it; no finer than the source is."""
    (south, west), (north, east) = corners
    xs, ys = Transformer.from_crs(4326, WEB_MERCATOR, always_xy=True).transform([west, east], [south, north])
    bounds = Bounds(xs[0], ys[0], xs[1], ys[1])
    pixel = max(bounds.east - bounds.west, bounds.north - bounds.south) / SIDE
    finer = metric_scale(source, WEB_MERCATOR, pixel)
    return ChipGrid(WEB_MERCATOR, CELL * pixel / min(finer, 1.0), CELL), bounds


def _crop(grid: ChipGrid, cells: CellRange, bounds: Bounds) -> tuple[slice, slice, Bounds]:
    """The pixels of an image of `cells` that touch `bounds`, and their ground."""
    whole, pixel = grid.bounds(cells), grid.pixel
    top, bottom = int((whole.north - bounds.north) / pixel), math.ceil((whole.north - bounds.south) / pixel)
    left, right = int((bounds.west - whole.west) / pixel), math.ceil((bounds.east - whole.west) / pixel)
    shown = Bounds(
        whole.west + left * pixel, whole.north - bottom * pixel, whole.west + right * pixel, whole.north - top * pixel
    )
    return slice(top, bottom), slice(left, right), shown


def _quick(survey: Survey, grid: ChipGrid) -> bool:
    """Whether reading all sources at the coarsest overview that serves stays within `MOST_PIXELS`."""
    total = 0.0
    for source in survey.sources:
        scale = metric_scale(source, grid.crs, grid.pixel)
        factor = max((f for f in source.overviews if f <= scale), default=1)
        total += source.width * source.height / factor**2
    return math.isfinite(total) and total <= MOST_PIXELS


def _degrees(bounds: Bounds) -> Corners:
    to_degrees = Transformer.from_crs(WEB_MERCATOR, 4326, always_xy=True)
    lon, lat = to_degrees.transform([bounds.west, bounds.east], [bounds.south, bounds.north])
    return [[lat[0], lon[0]], [lat[1], lon[1]]]


def webp(data: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> str:
    """A data address of an image (H, W, B), transparent where not valid; one band is grey, of many the first three count."""
    bands = (0, 1, 2) if data.shape[2] >= 3 else (0, 0, 0)
    image = np.stack([*(data[..., band] for band in bands), np.where(valid, 255, 0).astype(np.uint8)])
    profile = {"driver": "WEBP", "height": image.shape[1], "width": image.shape[2], "count": 4, "dtype": "uint8"}
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.Env(GDAL_PAM_ENABLED="NO"), memory.open(**profile, QUALITY=str(QUALITY)) as dataset:
            dataset.write(image)
        return f"data:image/webp;base64,{base64.b64encode(memory.read()).decode()}"
