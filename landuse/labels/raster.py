"""Labels from a raster of class codes, in any CRS, read window by window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from affine import Affine
from pydantic import ValidationError
from pyproj import CRS, Transformer

from landuse.crs import transformer
from landuse.errors import DamagedSourceError, LabelsError, LanduseError, MissingCRSError, SourceNotFoundError
from landuse.grid import BLOCK, Bounds
from landuse.labels.area_shares import class_areas, ring_areas
from landuse.labels.rules import LISTED, ClassShares, Floats, legend_of_codes
from landuse.legend import LEGEND_TAG, MOST_CODE, UNMAPPED, Legend
from landuse.vector_file import layer_fields, vector_layers

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

MOST_PIXELS = 2**22
"""Pixels of a label raster held at once."""
MOST_UNMAPPED = 20
"""Codes without a class that are told of one by one, the most frequent of a window."""
ROUNDING = 1e-9
"""Shares below this come from rounding: they are less than a thousandth of a square metre of a hectare."""
SAMPLE_SIDE = 1024
"""Side in pixels of what is read of a raster to see which codes it holds."""
WINDOW_SIDE = 1024
"""Side in pixels of the window that is read in one go where chips are smaller than that."""


class Window(NamedTuple):
    """A rectangle of pixels, in rasterio's order."""

    col: int
    row: int
    width: int
    height: int


@dataclass(frozen=True)
class RasterLabels:
    """An opened label raster.

    Attributes:
        legend: the classes, with the crosswalk from its codes.
        transformer: from the lattice CRS to the raster's; None where they are one.
        to_pixel: from the raster's CRS to (column, row), as fractions.
        unmapped: see `LabelSource`; a raster's unmapped codes are only known where it is looked at.
    """

    dataset: DatasetReader
    legend: Legend
    transformer: Transformer | None
    to_pixel: Affine
    unmapped: str = ""

    @cached_property
    def _class_of(self) -> npt.NDArray[np.int64]:
        """Position in the legend of every code of the raster, shape (65536,); -1 where it has none."""
        return self.legend.positions(self.legend.crosswalk())

    def span(self, ring: Floats) -> int:
        """See `LabelSource`: so many cells that the window is of a good size to read, at least a block."""
        side = float(np.ptp(self._pixels(ring), axis=0).max())
        times = WINDOW_SIDE / (BLOCK * side) if np.isfinite(side) and side > 0 else 1.0
        return BLOCK << int(np.log2(np.clip(times, 1, 8)))

    def read(self, rings: Floats, points: Floats) -> ClassShares:
        """See `LabelSource`. Raises `DamagedSourceError` where pixels cannot be read."""
        rings, points = self._pixels(rings), self._pixels(points)
        shares = np.zeros((len(rings), len(self.legend)))
        places = np.full(points.shape[:2], -1)
        left_out: dict[str, float] = {}
        whole = np.isfinite(rings).all(axis=(1, 2))
        sizes = ring_areas(rings[whole])
        met = False
        for row, col, values, known in self._strips(rings[whole]):
            met, corner = True, np.array([col, row])
            classes, unmapped = self._classes(values, known)
            numbers = range(len(self.legend) + len(unmapped))
            areas = class_areas(classes, rings[whole] - corner, numbers)
            part = np.divide(areas, sizes[:, None], out=np.zeros_like(areas), where=sizes[:, None] != 0)
            shares[whole] += part[:, : len(self.legend)]
            for code, share in zip(unmapped, part[:, len(self.legend) :].sum(axis=0).tolist(), strict=True):
                left_out[str(code)] = left_out.get(str(code), 0.0) + share
            _pick(np.where(classes < len(self.legend), classes, -1), points - corner, places)
        codes = np.where(places < 0, UNMAPPED, self.legend.as_codes(places)).astype(self.legend.dtype)
        return ClassShares(np.where(shares < ROUNDING, 0.0, shares.clip(None, 1.0)), codes, met, left_out)

    def _classes(
        self, values: npt.NDArray[np.integer[Any]], known: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int16], list[int]]:
        """Pixels as positions in the legend, then in a list of the unmapped codes, -1 where nothing is known; and that list."""
        inside = known & (values >= 0) & (values <= MOST_CODE)
        classes = np.where(inside, self._class_of[np.where(inside, values, 0)], -1).astype(np.int16)
        odd = known & (classes < 0)
        codes, counts = np.unique(values[odd], return_counts=True)
        unmapped = np.sort(codes[np.argsort(-counts)[:MOST_UNMAPPED]])
        for number, code in enumerate(unmapped.tolist(), len(self.legend)):
            classes[odd & (values == code)] = number
        return classes, [int(code) for code in unmapped]

    def _pixels(self, points: Floats) -> Floats:
        """Points of the lattice CRS, shape (..., 2), as fractional column and row; NaN where the CRSs do not meet."""
        x, y = points[..., 0], points[..., 1]
        if self.transformer is not None:
            x, y = self.transformer.transform(x, y)
            x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
        t = self.to_pixel
        return np.stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f], axis=-1)

    def _strips(self, rings: Floats) -> Iterator[tuple[int, int, npt.NDArray[Any], npt.NDArray[np.bool_]]]:
        """Strips of the raster under the rings: first row, first column, codes, and where they are not no data."""
        if not len(rings):
            return
        low = np.floor(rings.min(axis=(0, 1))).clip(0)
        high = np.ceil(rings.max(axis=(0, 1))).clip(None, [self.dataset.width, self.dataset.height])
        (col0, row0), (col1, row1) = low.astype(int).tolist(), high.astype(int).tolist()
        if col0 >= col1:
            return
        step = max(1, MOST_PIXELS // (col1 - col0))
        for row in range(row0, row1, step):
            values = _read(self.dataset, Window(col0, row, col1 - col0, min(step, row1 - row)))
            yield row, col0, np.ma.getdata(values), ~np.ma.getmaskarray(values)


def _read(dataset: DatasetReader, window: Window, **options: Any) -> np.ma.MaskedArray[Any, Any]:  # noqa: ANN401
    """Codes of a window, nodata and masked pixels masked. Raises `DamagedSourceError`."""
    from rasterio.errors import RasterioIOError
    from rasterio.windows import Window as RasterioWindow

    try:
        return np.ma.asarray(dataset.read(1, window=RasterioWindow(*window), masked=True, **options))
    except RasterioIOError as error:
        rows = f"rows {window.row} to {window.row + window.height}"
        raise DamagedSourceError(
            f"{dataset.name} is damaged: {rows} cannot be read; fetch the label raster again."
        ) from error


def _pick(classes: npt.NDArray[np.int16], points: Floats, found: npt.NDArray[np.int64]) -> None:
    """Put the classes at points (pixel fractions; the index is the floor) into `found`, where they lie on the raster."""
    height, width = classes.shape
    x, y = points[..., 0], points[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found[inside] = classes[np.floor(y[inside]).astype(np.int64), np.floor(x[inside]).astype(np.int64)]


@contextmanager
def open_raster_labels(path: Path, legend: Legend | None, crs: CRS, near: Bounds) -> Iterator[RasterLabels]:
    """Open a label raster for chips of a lattice in `crs`.

    Args:
        legend: the classes; None takes those that the raster carries, else the shipped legend that fits its codes.

    Raises:
        SourceNotFoundError: there is no such file.
        LabelsError: it is not a raster, has several bands, holds values that are no whole numbers, or codes that no shipped
            legend explains where none is given.
        MissingCRSError: it does not say where on Earth it lies.
    """
    import rasterio

    with rasterio.Env(), _opened(path) as dataset:  # without an Env GDAL writes its errors to the console itself
        _check(dataset)
        own = CRS.from_user_input(dataset.crs.to_wkt())
        same = own.equals(crs, ignore_axis_order=True)
        to_own = None if same else transformer(crs, own)
        known = legend or _own_legend(dataset) or legend_of_codes(_counts(dataset, near, to_own), dataset.name)
        yield RasterLabels(dataset, known, to_own, ~dataset.transform)


def _own_legend(dataset: DatasetReader) -> Legend | None:
    try:
        text = dataset.tags().get(LEGEND_TAG)
        return Legend.model_validate_json(text).as_mapped() if text else None
    except ValidationError:
        return None


def _counts(dataset: DatasetReader, near: Bounds, to_own: Transformer | None) -> dict[int, int]:
    """Pixels of each code around some ground, of at most a million evenly spread ones; empty where they do not meet."""
    west, south, east, north = near if to_own is None else to_own.transform_bounds(*near)
    if not np.isfinite([west, south, east, north]).all():
        return {}
    corners = np.array([~dataset.transform @ (x, y) for x in (west, east) for y in (south, north)])
    size = np.array([dataset.width, dataset.height])
    (col0, row0), (col1, row1) = np.floor(corners.min(0).clip(0)), np.ceil(np.minimum(corners.max(0), size))
    if col0 >= col1 or row0 >= row1:
        return {}
    window = Window(int(col0), int(row0), int(col1 - col0), int(row1 - row0))
    shape = min(window.height, SAMPLE_SIDE), min(window.width, SAMPLE_SIDE)
    codes, counts = np.unique(_read(dataset, window, out_shape=shape).compressed(), return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist(), strict=True))


def _opened(path: Path) -> DatasetReader:
    """The dataset at a path. Raises `SourceNotFoundError` or `LabelsError`."""
    from rasterio.errors import RasterioIOError

    from landuse.mosaic.gdal import open_raster

    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        return open_raster(str(path))
    except RasterioIOError as error:
        raise LabelsError(_no_raster(path)) from error


def _no_raster(path: Path) -> str:
    try:
        fields = [name for layer in vector_layers(path) for name in layer_fields(layer)]
    except LanduseError:
        fields = []
    known = f" (it has {', '.join(dict.fromkeys(fields[:LISTED]))})" if fields else ""
    return f"{path} is not a raster; if it holds polygons, name the attribute with their class by --label-field{known}."


def _check(dataset: Any) -> None:  # noqa: ANN401
    name = dataset.name
    if dataset.count != 1:
        raise LabelsError(f"{name} has {dataset.count} bands; a label raster has one band of class codes.")
    if not np.issubdtype(np.dtype(dataset.dtypes[0]), np.integer):
        raise LabelsError(
            f"{name} holds {dataset.dtypes[0]} values, which are no class codes; "
            "convert it with `gdal_translate -ot Byte` if its values are whole numbers."
        )
    if dataset.crs is None:
        raise MissingCRSError(f"{name} has no CRS; say which one with `gdal_edit -a_srs EPSG:n {name}`.")
    if dataset.transform.is_identity or dataset.transform.determinant == 0:
        raise LabelsError(f"{name} is not georeferenced; give its place with `gdal_edit -a_ullr`.")
