"""Confirmed change by district: of the table that `diff` wrote, or measured now in the polygons of a file."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.windows import Window

from landuse.change.overlap import bands
from landuse.errors import ConfigError
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.cog import Place, bounds_of
from landuse.outputs.districts import (
    DISTRICTS_TABLE,
    NOT_COMPARED,
    UNCHANGED,
    Districts,
    DistrictTotals,
    check_districts,
    read_districts,
)
from landuse.outputs.tables import cell_text
from landuse.reporting.compared import CHANGE, Compared

Row = tuple[str, str, str, float]
"""District, class before, class after, hectares."""


@dataclass(frozen=True)
class DistrictChange:
    """A district: its confirmed change in hectares and as a share of its area, and the largest transition."""

    name: str
    changed_ha: float
    share: float
    before: str
    after: str
    largest_ha: float


def district_changes(compared: Compared, districts: Path | None, column: str | None) -> list[DistrictChange]:
    """The districts with confirmed change, the most first; none where there are no districts.

    Args:
        districts: polygons; None takes the table of `diff`, if it wrote one.

    Raises:
        UsageError, NoOverlapError: the districts cannot serve, as `read_districts`.
        ConfigError: the table is damaged.
    """
    check_districts(districts, column)
    if districts is not None:
        return _listed(*_measured(compared, districts, column))
    table = compared.folder / f"{DISTRICTS_TABLE}.csv"
    return _listed(*_read(table)) if table.is_file() else []


def _listed(rows: Iterable[Row], areas: dict[str, float]) -> list[DistrictChange]:
    changes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[1] not in (UNCHANGED, NOT_COMPARED) and row[3] > 0:
            changes[row[0]].append(row)
    found = []
    for name, lines in changes.items():
        total, most = sum(line[3] for line in lines), max(lines, key=lambda line: line[3])
        found.append(
            DistrictChange(name, total, total / areas[name] if areas[name] else 0.0, most[1], most[2], most[3])
        )
    return sorted(found, key=lambda one: (-one.changed_ha, one.name))


def _read(path: Path) -> tuple[list[Row], dict[str, float]]:
    areas: dict[str, float] = defaultdict(float)
    rows = []
    try:
        with path.open(encoding="utf8", newline="") as stream:
            for line in csv.DictReader(stream):
                name = cell_text(line["district"])
                areas[name] += float(line["area_ha"])
                rows.append((name, cell_text(line["from"]), cell_text(line["to"]), float(line["area_ha"])))
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged: it is no table of changes by district.") from error
    return rows, areas


def _measured(compared: Compared, path: Path, column: str | None) -> tuple[Iterator[Row], dict[str, float]]:
    """Confirmed hectares of every transition in each district, strip by strip of `change.tif`."""
    with rasterio.open(compared.folder / CHANGE) as dataset:
        place = Place(CRS.from_user_input(dataset.crs), dataset.transform, dataset.shape)
        districts = read_districts(path, column, place.crs, bounds_of(place))
        totals = DistrictTotals(districts)
        for rows in bands(place.shape):
            corner, height = place.transform @ Affine.translation(0, rows.start), rows.stop - rows.start
            hectares = raster_areas_ha(corner, place.crs, (height, place.shape[1]))
            codes = dataset.read(1, window=Window(0, rows.start, place.shape[1], height)).astype(np.int64)
            totals.add_raster(place.transform, rows.start, codes, hectares)
    areas = dict(zip(districts.names, districts.areas_ha.tolist(), strict=True))
    return _rows(compared, totals, districts), areas


def _rows(compared: Compared, totals: DistrictTotals, districts: Districts) -> Iterator[Row]:
    said = compared.record.details.get("codes")
    names = {number: name for name, number in said.items()} if isinstance(said, dict) else {}
    for before in names:
        for after in names:
            hectares = totals.of(CHANGE_STEP * before + after)
            for district, area in zip(districts.names, hectares.tolist(), strict=True):
                yield district, names[before], names[after], area
