"""Labels from a raster of class codes, in any CRS, read window by window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Transformer

from landuse.errors import DamagedSourceError, LabelsError, MissingCRSError, SourceNotFoundError
from landuse.grid import BLOCK
from landuse.labels.areas import class_areas, ring_areas
from landuse.labels.source import Floats, Look
from landuse.legend import UNMAPPED, Legend

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

MOST_PIXELS = 2**22
"""Pixels of a label raster held at once."""
ROUNDING = 1e-9
"""Shares below this come from rounding: they are less than a thousandth of a square metre of a hectare."""
WINDOW_SIDE = 1024
"""Side in pixels of the window that is read in one go where chips are smaller than that."""


@dataclass(frozen=True)
class RasterLabels:
    """An opened label raster. `to_pixels` carries lattice coordinates to its pixels (column, row), as fractions."""

    dataset: DatasetReader
    legend: Legend
    transformer: Transformer | None
    to_pixel: Affine

    def span(self, ring: Floats) -> int:
        """See `LabelSource`: so many cells that the window is of a good size to read, at least a block."""
        side = float(np.ptp(self._pixels(ring), axis=0).max())
        times = WINDOW_SIDE / (BLOCK * side) if np.isfinite(side) and side > 0 else 1.0
        return BLOCK << int(np.log2(np.clip(times, 1, 8)))

    def look(self, rings: Floats, points: Floats) -> Look:
        """See `LabelSource`. Raises `DamagedSourceError` where pixels cannot be read."""
        rings, points = self._pixels(rings), self._pixels(points)
        areas = np.zeros((len(rings), len(self.legend)))
        found = np.zeros(points.shape[:2], np.uint8)
        whole = np.isfinite(rings).all(axis=(1, 2))
        met = False
        for row, col, codes in self._strips(rings[whole]):
            met, corner = True, np.array([col, row])
            areas[whole] += class_areas(codes, rings[whole] - corner, self.legend.codes)
            _pick(codes, points - corner, found)
        sizes = ring_areas(np.where(np.isfinite(rings), rings, 0.0))
        shares = np.divide(areas, sizes[:, np.newaxis], out=np.zeros_like(areas), where=sizes[:, np.newaxis] != 0)
        return Look(np.where(shares < ROUNDING, 0.0, shares.clip(None, 1.0)), found, met)

    def _pixels(self, points: Floats) -> Floats:
        """Points of the lattice CRS, shape (..., 2), as fractional column and row; NaN where the CRSs do not meet."""
        x, y = points[..., 0], points[..., 1]
        if self.transformer is not None:
            x, y = self.transformer.transform(x, y)
            x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
        t = self.to_pixel
        return np.stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f], axis=-1)

    def _strips(self, rings: Floats) -> Iterator[tuple[int, int, npt.NDArray[np.uint8]]]:
        """Strips of the raster under the rings: first row, first column, class codes."""
        if not len(rings):
            return
        low = np.floor(rings.min(axis=(0, 1))).clip(0)
        high = np.ceil(rings.max(axis=(0, 1))).clip(None, [self.dataset.width, self.dataset.height])
        (col0, row0), (col1, row1) = low.astype(int).tolist(), high.astype(int).tolist()
        if col0 >= col1:
            return
        step = max(1, MOST_PIXELS // (col1 - col0))
        for row in range(row0, row1, step):
            yield row, col0, self._read(row, min(row + step, row1), col0, col1)

    def _read(self, row0: int, row1: int, col0: int, col1: int) -> npt.NDArray[np.uint8]:
        """Class codes of a window; nodata and masked pixels are unmapped."""
        from rasterio.errors import RasterioIOError
        from rasterio.windows import Window

        window = Window(col0, row0, col1 - col0, row1 - row0)
        try:
            values = self.dataset.read(1, window=window, masked=True)
        except RasterioIOError as error:
            raise DamagedSourceError(
                f"{self.dataset.name} is damaged: rows {row0} to {row1} cannot be read; fetch the label raster again."
            ) from error
        codes = self.legend.classify_codes(np.ma.getdata(values))
        codes[np.ma.getmaskarray(values)] = UNMAPPED
        return codes


def _pick(codes: npt.NDArray[np.uint8], points: Floats, found: npt.NDArray[np.uint8]) -> None:
    """Put the codes at points (pixel fractions; the index is the floor) into `found`, where they lie on the raster."""
    height, width = codes.shape
    x, y = points[..., 0], points[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found[inside] = codes[np.floor(y[inside]).astype(np.int64), np.floor(x[inside]).astype(np.int64)]


@contextmanager
def open_raster_labels(path: Path | str, legend: Legend, crs: CRS) -> Iterator[RasterLabels]:
    """Open a label raster for chips of a lattice in `crs`.

    Raises:
        SourceNotFoundError: there is no such file.
        LabelsError: it is not a raster, has several bands, or holds values that are no whole numbers.
        MissingCRSError: it does not say where on Earth it lies.
    """
    with _opened(path) as dataset:
        _check(dataset)
        own = CRS.from_user_input(dataset.crs.to_wkt())
        same = own.equals(crs, ignore_axis_order=True)
        transformer = None if same else Transformer.from_crs(crs, own, always_xy=True)
        yield RasterLabels(dataset, legend, transformer, ~dataset.transform)


def _opened(path: Path | str) -> DatasetReader:
    """The dataset at a path. Raises `SourceNotFoundError` or `LabelsError`."""
    from rasterio.errors import RasterioIOError

    from landuse.mosaic.raster_file import open_raster

    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        return open_raster(str(path))
    except RasterioIOError as error:
        raise LabelsError(
            f"{path} is not a raster; if it holds polygons, name their class with --label-field."
        ) from error


def _check(dataset: Any) -> None:  # noqa: ANN401
    """Raise unless an opened raster can hold labels."""
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
