"""Small maps of a comparison: the land at both dates, and what became of the cells that changed."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS

from landuse.change.maps import ClassMap, read_class_map, regrouped
from landuse.change.overlap import in_legend
from landuse.change.pixels import RasterPixels
from landuse.errors import DamagedSourceError, LanduseError
from landuse.legend import CodeArray, Legend, load_legend
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.class_raster import read_class_raster
from landuse.outputs.cog import RASTER_ERRORS, Place
from landuse.outputs.land_use_map import MAP
from landuse.outputs.views import encoded
from landuse.reporting.compared import CHANGE, Compared

SIDE = 900
"""Most pixels of a picture's longer side: what a third of a printed page shows."""
PALE = 0.78
"""How far the land beneath changes fades to white."""
NOTHING = (255, 255, 255)
Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MapPicture:
    """The land at a date: what people call it, and a data address of its picture."""

    date: str
    uri: str


@dataclass(frozen=True)
class ScaleBar:
    """A bar of `metres`, as a share of a picture's width."""

    metres: float
    share: float

    @property
    def words(self) -> str:
        """The length with its unit."""
        return f"{self.metres / 1000:g} km" if self.metres >= 1000 else f"{self.metres:g} m"


@dataclass(frozen=True, eq=False)
class Maps:
    """The pictures of one comparison, which all show the same ground.

    Attributes:
        change: data address of what became of the ground that changed.
        place: the ground: CRS, transform and shape of `change.tif`.
    """

    change: str
    dates: tuple[MapPicture, ...]
    place: Place
    bar: ScaleBar


def draw_maps(compared: Compared) -> Maps:
    """Draw the maps of a comparison; a date whose map is gone or damaged by now is left out.

    Raises `DamagedSourceError`: `change.tif` cannot be read.
    """
    changes, place = _read_changes(compared.folder / CHANGE)
    colors = color_table(compared.legend)
    lands = [_land(path, compared, place) for path in compared.maps]
    dates = [
        MapPicture(date, png(colors[thinned(codes)]))
        for date, codes in zip(compared.dates, lands, strict=True)
        if codes is not None
    ]
    under = colors[thinned(lands[1])] if lands[1] is not None else np.full((*_shape(place.shape), 3), 255, np.uint8)
    picture = drawn_changes(changes, under, _became(compared))
    return Maps(png(picture), tuple(dates), place, scale_bar(place))


def _became(compared: Compared) -> npt.NDArray[np.uint8]:
    """Colour of each code of `change.tif`: that of the class the ground became, (100, 3) by number of the class."""
    colors = {c.name: c.rgb for c in compared.legend.classes}
    table = np.zeros((CHANGE_STEP, 3), np.uint8)
    codes = compared.record.details.get("codes")
    for name, number in (codes if isinstance(codes, dict) else {}).items():
        if isinstance(number, int) and 0 < number < CHANGE_STEP and name in colors:
            table[number] = colors[name]
    return table


def color_table(legend: Legend) -> Rgb:
    """Colour by class code, white for no data, (codes, 3)."""
    table = np.full((max(legend.codes) + 1, 3), NOTHING, np.uint8)
    for c in legend.classes:
        table[c.code] = c.rgb
    return table


def _step(shape: tuple[int, int]) -> int:
    return max(1, math.ceil(max(shape) / SIDE))


def _shape(shape: tuple[int, int]) -> tuple[int, int]:
    step = _step(shape)
    return math.ceil(shape[0] / step), math.ceil(shape[1] / step)


def thinned(codes: CodeArray) -> CodeArray:
    """Every n-th cell, so that a picture fits."""
    step = _step((codes.shape[0], codes.shape[1]))
    return codes[::step, ::step]


def drawn_changes(changes: npt.NDArray[np.uint16], under: Rgb, became: Rgb) -> Rgb:
    """Changes in full colour over faded land; where cells share a pixel, one that changed is shown.

    Args:
        changes: codes of `change.tif`, (H, W), 0 where nothing changed.
        under: (h, w, 3), the land.
        became: (100, 3) colour by number of the later class.
    """
    step = _step((changes.shape[0], changes.shape[1]))
    high, wide = under.shape[:2]
    padded = np.zeros((high * step, wide * step), changes.dtype)
    padded[: changes.shape[0], : changes.shape[1]] = changes
    shown = padded.reshape(high, step, wide, step).max(axis=(1, 3))
    faded = (under * (1 - PALE) + 255 * PALE).astype(np.uint8)
    return np.where(shown[..., None] > 0, became[shown % CHANGE_STEP], faded)


def _read_changes(path: Path) -> tuple[npt.NDArray[np.uint16], Place]:
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            codes: npt.NDArray[np.uint16] = dataset.read(1, out_dtype="uint16")
            return codes, Place(CRS.from_user_input(dataset.crs), dataset.transform, dataset.shape)
    except RASTER_ERRORS as error:
        raise DamagedSourceError(f"{path} cannot be read; compare the maps again with landuse diff.") from error


def _land(path: Path | None, compared: Compared, place: Place) -> CodeArray | None:
    """Class codes of a map on the ground that was compared; None where it cannot be had any more."""
    if path is None:
        return None
    options = compared.record.options
    try:
        land = _read_codes(path, options.get("legend"))
        land = regrouped(land, load_legend(groups)) if (groups := options.get("regroup")) else land
    except (LanduseError, OSError):  # moved, changed or damaged since: the report is whole without it
        return None
    return _cut(in_legend(land, compared.legend), place)


def _read_codes(path: Path, legend: str | None) -> ClassMap:
    if not path.is_dir():
        return read_class_map(path, legend)
    raster = read_class_raster(path / MAP)
    if raster.legend is None:
        raise DamagedSourceError(f"{path / MAP} does not name its classes.")
    pixels = RasterPixels(raster)
    return ClassMap(path.name, (path / MAP,), pixels, raster.transform, raster.crs, raster.legend)


def _cut(land: ClassMap, place: Place) -> CodeArray:
    """The codes of the ground of `place`, 0 where the map has none."""
    to_land: Affine = ~land.transform @ place.transform
    left, top = round(to_land.c), round(to_land.f)
    found = np.zeros(place.shape, land.legend.dtype)
    rows, cols = (
        slice(max(0, -start), min(size, extent - start))
        for start, size, extent in zip((top, left), place.shape, land.pixels.shape, strict=True)
    )
    if rows.start < rows.stop and cols.start < cols.stop:
        there = slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left)
        found[rows, cols] = land.pixels.codes(*there)
    return found


def scale_bar(place: Place) -> ScaleBar:
    """A bar of a round length, at most a third of the picture's width."""
    axis = place.crs.axis_info[0]
    unit = 111_320.0 if place.crs.is_geographic else axis.unit_conversion_factor
    width = place.shape[1] * abs(place.transform.a) * unit
    power = 10.0 ** math.floor(math.log10(width / 3))
    metres = max(step * power for step in (1, 2, 5) if step * power <= width / 3)
    return ScaleBar(metres, metres / width)


def png(picture: Rgb) -> str:
    """A picture (h, w, 3) as the data address of a PNG."""
    return f"data:image/png;base64,{base64.b64encode(encoded(np.moveaxis(picture, 2, 0), 'PNG')).decode()}"


def shares_of(place: Place, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where points of the CRS lie in a picture, as shares of its width and height from the upper left."""
    inverse = ~place.transform
    found = [inverse @ point for point in points]
    return [(col / place.shape[1], row / place.shape[0]) for col, row in found]
