"""`assess`: draw a sample of a change map for people to label, and estimate areas and accuracies from their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import shapely
from pydantic import TypeAdapter

from landuse.change.result import ChangeResult, read_change
from landuse.crs import transformer
from landuse.engine.progress import Progress, followed
from landuse.errors import SourceNotFoundError
from landuse.evaluation.assessment import (
    ARROW,
    KINDS,
    Agreement,
    Assessment,
    agreement,
    assess_sample,
    write_disagreements,
)
from landuse.evaluation.district_areas import district_table
from landuse.evaluation.sample_files import (
    KEY,
    PAGE,
    SAMPLE,
    STRATA,
    Unit,
    read_answers,
    read_strata,
    read_units,
    write_sample,
    write_strata,
)
from landuse.evaluation.sampling import MappedChange, Strata, allocate, draw, strata_of, sum_by_code, units_needed
from landuse.grid import Cell
from landuse.options.results import AgreeOptions, DesignOptions, EstimateOptions
from landuse.outputs.cog import Place, bounds_of
from landuse.outputs.districts import DISTRICTS_TABLE, check_districts, read_districts
from landuse.outputs.folder import staged_folder
from landuse.outputs.label_page import LabelPage, questions_of, write_label_page
from landuse.outputs.label_page import Place as Shown
from landuse.outputs.record import RECORD, RunRecord, found_inputs, identify, read_record, write_record
from landuse.outputs.tables import Table, write_json, write_table
from landuse.outputs.views import looks
from landuse.text import date_names

MAPPED = "mapped_ha"
MOST_UNITS = 5_000
"""More than people label, and more pictures than one page holds."""


@dataclass(frozen=True)
class Design:
    """What was drawn: units and hectares of each stratum."""

    out: Path
    units: dict[str, int]
    hectares: dict[str, float]


def design(change: Path, out: Path, options: DesignOptions | None = None) -> Design:
    """Draw a stratified random sample of a change map, with a page on which people label it.

    Args:
        out: folder to write: sample.csv and sample.gpkg (to be labelled, blind), key.csv (what the map says), strata.csv,
            label.html.
    """
    options, started = options or DesignOptions(), time.perf_counter()
    found = read_change(change)
    land = mapped_change(found, options.possible)
    strata = strata_of(land, options.buffer)
    total = units_needed(strata, options.target_se) if options.units is None else options.units
    stratum, positions = draw(strata, allocate(strata, min(total, MOST_UNITS), options.least), options.seed)
    units = units_at(found, land, positions, [str(i + 1) for i in stratum.tolist()])
    with staged_folder(out, fresh=options.fresh) as staging:
        write_sample(staging, units)
        write_points(staging / "sample.gpkg", units)
        write_strata(staging / STRATA, strata.names, strata.cells.tolist(), strata.areas.tolist())
        write_label_page(staging / PAGE, label_page(found, units, positions))
        write_record(staging, _record(found, land, strata, options, time.perf_counter() - started))
    counts = np.bincount(stratum, minlength=len(strata.names)).tolist()
    named = zip(strata.names, counts, strata.areas.tolist(), strict=True)
    units_of, hectares = {}, {}
    for name, count, area in named:
        units_of[name], hectares[name] = count, area
    return Design(out, units_of, hectares)


def mapped_change(found: ChangeResult, possible: float) -> MappedChange:
    """The cells of a change map as the sample sees them."""
    places = np.zeros(max(found.legend.codes) + 1, np.uint16)
    places[list(found.legend.codes)] = np.arange(1, len(found.legend) + 1)
    before, after = places[found.before], places[found.after]
    known = np.nan_to_num(found.probability, nan=0.0)
    unsure = (before != after) & (before > 0) & (after > 0) | (known >= possible)
    return MappedChange(before, after, found.changed, unsure & ~found.changed, found.hectares(), found.legend.names)


def units_at(
    found: ChangeResult, land: MappedChange, positions: np.ndarray[tuple[int], np.dtype[np.int64]], strata: list[str]
) -> list[Unit]:
    """The sampled cells, numbered in the order in which they are labelled."""
    lines, columns = np.divmod(positions, land.before.shape[1])
    x, y = found.transform * (columns + 0.5, lines + 0.5)
    lon, lat = transformer(found.crs, 4326).transform(x, y)
    chips = [""] * len(positions) if found.grid is None else [cell.id for cell in found.cells(positions)]
    names = ["", *land.names]
    before, after, later = (band.ravel()[positions].tolist() for band in (land.before, land.after, land.later))
    return [
        Unit(
            id=f"s{number:04d}",
            lon=float(lon[i]),
            lat=float(lat[i]),
            chip_id=chips[i],
            stratum=strata[i],
            mapped=(names[before[i]], names[after[i]]),
            change=(names[before[i]], names[later[i]]),
        )
        for i, number in enumerate(range(1, len(positions) + 1))
    ]


def label_page(
    found: ChangeResult, units: Sequence[Unit], positions: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> LabelPage:
    """The page that shows every sampled cell at both dates and asks for its classes."""
    dates = date_names(*found.names)
    shown = pictures_of(found, None if found.grid is None else found.cells(positions), len(units))
    places = tuple(
        Shown(unit.id, {"chip_id": unit.chip_id, "stratum": unit.stratum}, round(unit.lon, 7), round(unit.lat, 7), seen)
        for unit, seen in zip(units, shown, strict=True)
    )
    key = f"{found.folder.name}-{units[0].chip_id}-{len(units)}"
    title = f"What was here in {dates[0]} and in {dates[1]}?"
    return LabelPage(title, key, "sample_id", questions_of(dates, found.legend.names), places)


def pictures_of(found: ChangeResult, cells: Sequence[Cell] | None, places: int) -> list[dict[str, tuple[str, str]]]:
    """Pictures of so many places by date, close up and wide; empty ones where the maps are not of chips."""
    dates = date_names(*found.names)
    shown: list[dict[str, tuple[str, str]]] = [dict.fromkeys(dates, ("", "")) for _ in range(places)]
    if found.grid is None or cells is None:
        return shown
    for date, folder in zip(dates, found.maps, strict=True):
        progress = Progress(len(cells), "cells", f"drawing {date}")
        for pictures, look in zip(shown, followed(looks(folder, found.grid, cells), progress), strict=True):
            pictures[date] = look.close, look.wide
    return shown


def write_points(path: Path, units: Sequence[Unit]) -> None:
    """Write the sample as points, blind as sample.csv is."""
    import geopandas as gpd

    columns = {name: [getattr(unit, name) for unit in units] for name in ("chip_id", "stratum")}
    places = gpd.points_from_xy([u.lon for u in units], [u.lat for u in units], crs=4326)
    frame = gpd.GeoDataFrame(
        {"sample_id": [u.id for u in units], **columns, "before": "", "after": ""}, geometry=places
    )
    frame.to_file(path, layer="sample", driver="GPKG", engine="pyogrio")


def _record(
    found: ChangeResult, land: MappedChange, strata: Strata, options: DesignOptions, seconds: float
) -> RunRecord:
    kept = {
        "before": _hectares(land, land.before),
        "after": _hectares(land, land.later),
        "transition": _transitions(land),
        "classes": list(land.names),
        "names": list(found.names),
    }
    return RunRecord(
        command="assess design",
        options=options.as_json(),
        inputs=(identify(found.folder / "run.json"),),
        grid=None if found.grid is None else found.grid.as_dict(),
        legend=found.legend.model_dump(mode="json"),
        counts={"strata": len(strata.names), "cells": int(strata.cells.sum())},
        timings={"seconds": seconds},
        details={MAPPED: kept},
    )


def _transitions(land: MappedChange) -> dict[str, float]:
    number = len(land.names)
    pairs = np.where(land.compared, (land.before.astype(np.int64) - 1) * number + land.later, 0)
    found = sum_by_code(pairs, land.hectares, number**2 + 1)[1:]
    names = [ARROW.join(pair) for pair in product(land.names, repeat=2)]
    return {name: area for name, area in zip(names, found.tolist(), strict=True) if area}


def _hectares(land: MappedChange, codes: np.ndarray[tuple[int, int], np.dtype[np.uint16]]) -> dict[str, float]:
    found = sum_by_code(np.where(land.compared, codes, 0), land.hectares, len(land.names) + 1)[1:]
    return dict(zip(land.names, found.tolist(), strict=True))


def estimate(sample: Path, out: Path, options: EstimateOptions | None = None) -> Assessment:
    """Areas of classes and transitions with standard errors and 95 % intervals, and the accuracy of the map.

    Args:
        sample: sample.csv with its columns before and after filled in.
        out: folder to write: areas.csv, accuracy.json, matrix.csv; with districts also districts.csv, .xlsx and .parquet.
    """
    options, started = options or EstimateOptions(), time.perf_counter()
    check_districts(options.districts, options.district_name)
    folder = options.design or sample.parent
    blind = folder / SAMPLE if (folder / SAMPLE).is_file() else sample
    units, strata = read_units(blind, folder / KEY), read_strata(folder / STRATA)
    found = assess_sample(units, read_answers(sample), strata).beside_map(_mapped(folder))
    table = None
    if options.districts is not None:
        table, withheld = by_district(found, folder, options.districts, options.district_name)
        found = replace(found, notes=found.notes + withheld)
    with staged_folder(out, fresh=options.fresh) as staging:
        found.write(staging)
        if table is not None:
            write_table(staging / DISTRICTS_TABLE, *table)
        record = RunRecord(
            command="assess estimate",
            inputs=tuple(identify(path) for path in (sample, folder / KEY, folder / STRATA)),
            counts={"units": len(units), "answered": found.answered, "unsure": found.unsure},
            timings={"seconds": time.perf_counter() - started},
        )
        write_record(staging, record)
    return found


def _mapped(design: Path) -> dict[str, dict[str, float]]:
    """Hectares of the change map by kind and name, as `design` counted them; without its record, none."""
    kept = read_record(design).details.get(MAPPED) if (design / RECORD).is_file() else None
    told = {kind: kept[kind] for kind in KINDS if kind in kept} if isinstance(kept, dict) else {}
    return TypeAdapter(dict[str, dict[str, float]]).validate_python(told)


def by_district(found: Assessment, design: Path, file: Path, column: str | None) -> tuple[Table, tuple[str, ...]]:
    """Areas within the districts of a file, of the change map that a sample was drawn of, and what is withheld."""
    record = read_record(design)
    if record.command != "assess design":
        raise SourceNotFoundError(f"{design} is no folder of landuse assess design; give it with --design.")
    change = read_change(found_inputs(design, record)[0].parent)
    place = Place(change.crs, change.transform, change.before.shape)
    districts = read_districts(file, column, change.crs, bounds_of(place))
    to_map = transformer(4326, change.crs)
    x, y = to_map.transform([unit.lon for unit in found.rows], [unit.lat for unit in found.rows])
    inside = [shapely.contains_xy(polygon, x, y) for polygon in districts.polygons]
    areas = dict(zip(districts.names, districts.areas_ha.tolist(), strict=True))
    return district_table(found, areas, inside, change.by_district(districts))


def agree(first: Path, second: Path, out: Path, options: AgreeOptions | None = None) -> Agreement:
    """Compare two interpreters of one sample: kappa and share of agreement, and a list of what they see differently."""
    options = options or AgreeOptions()
    found = agreement(read_answers(first), read_answers(second))
    with staged_folder(out, fresh=options.fresh) as staging:
        write_json(staging / "agreement.json", found.figures())
        write_disagreements(staging / "disagreements.csv", found)
        inputs = identify(first), identify(second)
        write_record(staging, RunRecord(command="assess agree", inputs=inputs, counts={"units": found.compared}))
    return found
