"""Maps of several classes a square as one map a class: where it is, and where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from pydantic import ValidationError
from pyproj import CRS

from landuse.change.maps import PROBABILITIES_FILE, ClassMap, grid_of
from landuse.errors import ConfigError, DamagedSourceError, SourceNotFoundError
from landuse.legend import LandClass, Legend
from landuse.outputs.class_raster import ClassRaster
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.land_use_map import thresholds_of
from landuse.outputs.record import RECORD, THRESHOLDS, RunRecord, read_record

WITHOUT_COLOR = "#D9D9D9"
WITHOUT, WITH = 1, 2


def is_several(path: Path) -> bool:
    """Whether a map is a folder of classify whose squares carry any number of classes."""
    return (path / RECORD).is_file() and THRESHOLDS in read_record(path).details


def maps_by_class(folder: Path) -> dict[str, ClassMap]:
    """One map of a folder of several classes a square for each class: its code is 2 where it is given and 1 elsewhere.

    Raises:
        SourceNotFoundError, ConfigError, DamagedSourceError: a file is missing or damaged.
    """
    record = read_record(folder)
    legend = _legend(folder, record)
    thresholds = thresholds_of(record, legend)
    if thresholds is None:
        raise ConfigError(f"{folder} gives a square one class, so it is no map of several classes.")
    raster, bands = _read(folder / PROBABILITIES_FILE, len(legend))
    known = raster.codes > 0
    grid = grid_of(record.grid, raster)
    return {
        kind.name: ClassMap(
            name=folder.resolve().name,
            files=(folder / PROBABILITIES_FILE, folder / RECORD),
            codes=np.where(known, np.where(band >= limit, WITH, WITHOUT), 0).astype(np.uint8),
            transform=raster.transform,
            crs=raster.crs,
            legend=_two(kind),
            grid=grid,
            probabilities=np.stack([1 - band, band]),
        )
        for kind, band, limit in zip(legend.classes, bands, thresholds, strict=True)
    }


def _two(kind: LandClass) -> Legend:
    without = LandClass(code=WITHOUT, name=f"not {kind.name}", color=WITHOUT_COLOR)
    return Legend(name=kind.name, classes=(without, LandClass(code=WITH, name=kind.name, color=kind.color)))


def _legend(folder: Path, record: RunRecord) -> Legend:
    try:
        return Legend.model_validate(record.legend)
    except ValidationError as error:
        raise ConfigError(f"{folder / RECORD} is damaged: its legend is no legend.") from error


def _read(path: Path, classes: int) -> tuple[ClassRaster, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """A raster of probabilities (classes, H, W), NaN where unknown, and its place with code 1 where it is known."""
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}, so the map is not whole; classify the survey again.")
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            if dataset.count != classes:
                raise DamagedSourceError(f"{path} does not hold a band for each class; classify the survey again.")
            bands, transform, crs = dataset.read(out_dtype="float32"), dataset.transform, dataset.crs
    except RASTER_ERRORS as error:
        raise DamagedSourceError(f"The pixels of {path} cannot be read; the file may be cut short.") from error
    known = np.isfinite(bands).all(axis=0)
    if crs is None or ((bands[:, known] < 0) | (bands[:, known] > 1)).any():
        raise DamagedSourceError(f"{path} holds values that are no probabilities; classify the survey again.")
    place = ClassRaster(known.astype(np.uint8), transform, CRS.from_user_input(crs), None)
    return place, np.where(known, bands, np.float32(np.nan))
