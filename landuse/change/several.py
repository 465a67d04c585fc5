"""Maps of several classes a square as one map a class: where it is, and where it is not."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from pyproj import CRS

from landuse.change.ground import seen_ground
from landuse.change.maps import PROBABILITIES_FILE, ClassMap, grid_of
from landuse.change.pixels import OneClassPixels, open_probabilities
from landuse.errors import ConfigError, DamagedSourceError, SourceNotFoundError
from landuse.legend import LandClass, Legend
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
    file = folder / PROBABILITIES_FILE
    if not file.is_file():
        raise SourceNotFoundError(f"There is no file {file}, so the map is not whole; classify the survey again.")
    bands, transform, crs = open_probabilities(file, len(legend))
    if crs is None:
        raise DamagedSourceError(f"{file} does not say where on Earth it lies; classify the survey again.")
    grid = grid_of(record.grid, transform, CRS.from_user_input(crs))
    ground = seen_ground(folder, grid, transform)
    return {
        kind.name: ClassMap(
            name=folder.resolve().name,
            files=(file, folder / RECORD),
            pixels=OneClassPixels(bands, number, float(limit)),
            transform=transform,
            crs=CRS.from_user_input(crs),
            legend=_two(kind),
            grid=grid,
            ground=ground,
        )
        for number, (kind, limit) in enumerate(zip(legend.classes, thresholds, strict=True))
    }


def _two(kind: LandClass) -> Legend:
    without = LandClass(code=WITHOUT, name=f"not {kind.name}", color=WITHOUT_COLOR)
    return Legend(name=kind.name, classes=(without, LandClass(code=WITH, name=kind.name, color=kind.color)))


def _legend(folder: Path, record: RunRecord) -> Legend:
    try:
        return Legend.model_validate(record.legend)
    except ValidationError as error:
        raise ConfigError(f"{folder / RECORD} is damaged: its legend is no legend.") from error
