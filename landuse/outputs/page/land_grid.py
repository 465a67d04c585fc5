"""A year's land use cell by cell, as `classify` wrote it: class codes, and how sure the model is of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.windows import Window

from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.outputs.class_raster import read_class_raster
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.land_use_map import MAP, PROBABILITIES, thresholds_of
from landuse.outputs.record import RunRecord

MOST_CELLS = 30_000_000
"""Cells of a year: a page of more would be too large for a browser."""
AT_ONCE = 2**20
UNKNOWN = 255
"""Stands for a confidence that is not known, beside 0 to 100 per cent."""
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layer:
    """Cells of one class each.

    Attributes:
        classes: (H, W), position in the names of the grid + 1; 0 where there is none.
        percent: uint8 (H, W), the model's probability of that class in per cent; `UNKNOWN` where it is not known.
    """

    classes: Bytes
    percent: Bytes | None


@dataclass(frozen=True, eq=False)
class LandGrid:
    """The land use of a year.

    Attributes:
        layers: one, or of a map of several classes a square one for each class.
    """

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    transform: Affine
    crs: CRS

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, cols = self.layers[0].classes.shape
        return rows, cols

    def counts(self) -> dict[str, int]:
        """Cells of every class that occurs."""
        found = np.zeros(len(self.names) + 1, np.int64)
        for layer in self.layers:
            found += np.bincount(layer.classes.ravel(), minlength=len(found))
        return {name: int(count) for name, count in zip(self.names, found[1:], strict=True) if count}


def read_land_grid(folder: Path, record: RunRecord) -> LandGrid:
    """The land use that a folder of `classify` holds.

    Raises:
        SourceNotFoundError: a raster is missing.
        ConfigError: the rasters or their legend cannot be those of a land-use map.
        UsageError: the map has too many cells for a page.
        LanduseError: as `read_class_raster`.
    """
    legend = None if record.legend is None else Legend.model_validate(record.legend)
    thresholds = None if legend is None else thresholds_of(record, legend)
    if legend is not None and thresholds is not None:
        return _several(folder, legend, thresholds)
    path = folder / MAP
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}, so {folder} is not whole; write it again with landuse.")
    _check_size(path)
    raster = read_class_raster(path)
    legend = legend or raster.legend
    known = {} if legend is None else dict(zip(legend.codes, legend.names, strict=True))
    names = [known.get(code, f"Class {code}") for code in raster.counts]
    table = np.zeros(int(raster.codes.max(initial=0)) + 1, np.uint8)
    table[list(raster.counts)] = np.arange(1, len(names) + 1)
    percent = _most_probable(folder / PROBABILITIES, raster.codes.shape)
    return LandGrid(tuple(names), (Layer(table[raster.codes], percent),), raster.transform, raster.crs)


def _several(folder: Path, legend: Legend, thresholds: npt.NDArray[np.float32]) -> LandGrid:
    """One layer a class: where its probability reaches its threshold."""
    path = folder / PROBABILITIES
    _check_size(path)
    with _opened(path) as dataset:
        if dataset.count != len(legend):
            raise ConfigError(f"{path} is damaged: it has not one band for each class.")
        crs, transform, layers = CRS.from_user_input(dataset.crs), dataset.transform, []
        for band, threshold in enumerate(thresholds.tolist(), 1):
            values = dataset.read(band)
            given = values >= threshold  # NaN is not
            layers.append(Layer(np.where(given, band, 0).astype(np.uint8), _percent(np.where(given, values, np.nan))))
    return LandGrid(legend.names, tuple(layers), transform, crs)


def _check_size(path: Path) -> None:
    with _opened(path) as dataset:
        cells = dataset.width * dataset.height
    if cells > MOST_CELLS:
        raise UsageError(f"{path} has {cells:,} cells, and a page has room for {MOST_CELLS:,}; map a smaller area.")


def _opened(path: Path) -> rasterio.DatasetReader:
    """A GeoTIFF; other drivers may fetch from the network what a stranger's file names."""
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}; write the folder again with landuse.")
    try:
        return rasterio.open(path, driver="GTiff")
    except RASTER_ERRORS as error:
        raise ConfigError(f"{path} is damaged: it is no GeoTIFF.") from error


def _most_probable(path: Path, shape: tuple[int, ...]) -> Bytes | None:
    """The largest of each cell's probabilities in per cent; None where there are none that fit."""
    if not path.is_file():
        return None
    with _opened(path) as dataset:
        if dataset.shape != shape:
            raise ConfigError(f"{path} is damaged: it does not fit the {MAP} beside it.")
        percent = np.empty(shape, np.uint8)
        lines = max(1, AT_ONCE // dataset.width)
        for top in range(0, dataset.height, lines):
            window = Window(0, top, dataset.width, min(lines, dataset.height - top))
            percent[top : top + lines] = _percent(_read(path, dataset, window).max(axis=0))
    return percent


def _read(path: Path, dataset: rasterio.DatasetReader, window: Window) -> npt.NDArray[np.float32]:
    try:
        return np.asarray(dataset.read(window=window, out_dtype="float32"))
    except RASTER_ERRORS as error:
        raise ConfigError(f"{path} is damaged: its pixels cannot be read.") from error


def _percent(values: npt.NDArray[np.floating]) -> Bytes:
    known = np.isfinite(values)
    return np.where(known, np.clip(np.nan_to_num(values) * 100 + 0.5, 0, 100), UNKNOWN).astype(np.uint8)
