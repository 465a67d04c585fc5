"""Where one class is and where it is not: maps of several classes a square, a map a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from pyproj import CRS

from landuse.change.ground import seen_ground
from landuse.change.maps import ClassMap, grid_of
from landuse.change.pixels import Bands, ComponentRaster, ProbabilityRaster, components_beside, open_probabilities
from landuse.errors import ConfigError, DamagedSourceError, SourceNotFoundError
from landuse.legend import CodeArray, LandClass, Legend
from landuse.outputs.land_use_map import COMPONENTS, PROBABILITIES, thresholds_of
from landuse.outputs.record import RECORD, THRESHOLDS, RunRecord, read_record

WITHOUT_COLOR = "#D9D9D9"
WITHOUT, WITH = 1, 2


@dataclass(frozen=True, eq=False)
class OneClassPixels:
    """One class of a map of several classes a cell: code 2 where it is given, 1 where it is not.

    Attributes:
        bands: probabilities of all classes.
        band: of this class.
        limit: probability from which it is given.
        components: see `MapPixels`.
    """

    bands: ProbabilityRaster
    band: int
    limit: float
    components: ComponentRaster | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """See `MapPixels`."""
        return self.bands.shape

    @property
    def counts(self) -> Mapping[int, int]:
        """See `MapPixels`; an upper bound here, and the same for both."""
        cells = self.shape[0] * self.shape[1]
        return {WITHOUT: cells, WITH: cells}

    @property
    def rated(self) -> bool:
        """See `MapPixels`."""
        return True

    def codes(self, rows: slice, cols: slice) -> CodeArray:
        """See `MapPixels`."""
        band = self.bands.read(rows, cols, whole=False)[self.band]
        return np.where(np.isnan(band), 0, np.where(band >= self.limit, WITH, WITHOUT)).astype(np.uint8)

    def probabilities(self, rows: slice, cols: slice) -> Bands:
        """See `MapPixels`."""
        band = self.bands.read(rows, cols, whole=False)[self.band]
        return np.stack([1 - band, band])


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
    file = folder / PROBABILITIES
    if not file.is_file():
        raise SourceNotFoundError(f"There is no file {file}, so the map is not whole; classify the survey again.")
    bands, transform, crs = open_probabilities(file, len(legend))
    if crs is None:
        raise DamagedSourceError(f"{file} does not say where on Earth it lies; classify the survey again.")
    components = components_beside(folder / COMPONENTS, bands.shape, transform)
    grid = grid_of(record.grid, transform, CRS.from_user_input(crs))
    ground = seen_ground(folder, grid, transform)
    return {
        kind.name: ClassMap(
            name=folder.resolve().name,
            files=(file, folder / RECORD),
            pixels=OneClassPixels(bands, number, float(limit), components),
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
