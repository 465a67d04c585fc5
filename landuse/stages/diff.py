"""`diff`: what changed between two or more maps, and how surely."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from landuse.change.comparison import ChangeRule, Comparison, compare
from landuse.change.maps import ClassMap, read_class_map, regrouped, safe_name
from landuse.change.passes import ChangeFiles, add_up, infer_cells, smooth_states
from landuse.change.presence import is_several, maps_by_class
from landuse.change.ranking import write_ranking
from landuse.change.result import confirmed_chips
from landuse.change.scratch import cell_scratch
from landuse.change.series import series_of, write_timeline
from landuse.change.site_file import site_table, write_outlines, write_sites
from landuse.change.sites import find_sites, site_file
from landuse.change.summary import Told, gains_and_losses, summarise, trust_of
from landuse.change.transitions import class_table, transition_table, transitions, write_transitions
from landuse.environment import give_memory_back
from landuse.errors import MapOrderWarning, UsageError
from landuse.legend import load_legend
from landuse.mosaic.gdal import block_cache
from landuse.options.results import DiffOptions
from landuse.outputs.categories import change_numbers
from landuse.outputs.cog import TILE, Place, bands_cog, bounds_of, change_cog
from landuse.outputs.districts import DISTRICTS_TABLE, check_districts, districts_of, write_change_districts
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.land_use_map import COMPONENTS, PROBABILITIES
from landuse.outputs.record import RECORD, RunRecord, identify, read_record, write_record
from landuse.outputs.stac import write_item
from landuse.outputs.styles import write_change_styles
from landuse.outputs.tables import TABLES, safe_cell, write_json, write_table, write_workbook
from landuse.outputs.vector_formats import formats_of
from landuse.text import told_apart, year_in

CHANGE, PROBABILITY = "change.tif", "change_probability.tif"
SITE_TABLE, RANKING = "sites.csv", "ranking.parquet"
GAINS = "gains"
TRANSITIONS, SUMMARY, TIMELINE = "transitions.csv", "summary.json", "timeline.parquet"
CLASSES = "classes"
SEVERAL_READ = (PROBABILITIES, COMPONENTS, RECORD)
"""What is read of a map of several classes a square; those of older models have no components."""
CLASS_HEADER = ("class", "before_ha", "after_ha", "gained_ha", "lost_ha", "sites", "folder")
"""What `classes.csv` says of each of several classes a square: its hectares, confirmed change, and where more is told."""
CACHE_BYTES = 48 * 2**20
"""GDAL's block cache while maps are compared: some tiles of both maps, however wide they are."""
LINES_BYTES = 8 * 2**20
"""The same where they are gone over by lines, beside a row of tiles of both maps' codes."""


@dataclass(frozen=True, eq=False)
class DiffResult:
    """What came out of the first and the last map given."""

    out: Path
    summary: dict[str, Any]

    @cached_property
    def changes(self) -> dict[str, tuple[str, str]]:
        """Chip id -> (from, to) of every confirmed chip; empty where the maps are not of chips."""
        return confirmed_chips(self.out, self.summary.get("codes", {}))


def diff(maps: Sequence[str | Path], out: Path, options: DiffOptions | None = None) -> DiffResult:
    """Compare maps of the same ground at two or more dates.

    The files of `out` compare the first map with the last. With three or more maps every step has such a folder too, below
    `out`: ``1_<first>_<second>``, ``2_<second>_<third>`` and so on; all of them are judged together, as one chain, and
    `timeline.parquet` tells what became of each cell that changed or flickered.

    The maps are folders of classify or single-band class GeoTIFFs, oldest first.

    Two maps of several classes a square are compared class by class, each in a folder of its own: ``1_<class>`` and so on.
    Where the years in the maps' names run backwards, a `MapOrderWarning` says so.

    Raises:
        UsageError: fewer than two maps.
        GridMismatchError, NoOverlapError, ConfigError: the maps cannot be compared; the sentence says why and what to do.
    """
    options = options or DiffOptions()
    if len(maps) < 2:
        raise UsageError("Give at least two maps to compare, the earlier one first.")
    formats_of(options.formats)
    check_districts(options.districts, options.district_name)
    paths = [Path(path) for path in maps]
    _warn_of_order(paths)
    with claimed_folder(out, fresh=options.fresh) as target, block_cache(CACHE_BYTES):
        several = any(map(is_several, paths))
        return _diff_several(paths, target, options) if several else _diff(paths, target, options)


def _diff(maps: Sequence[Path], out: Path, options: DiffOptions) -> DiffResult:
    started = time.perf_counter()
    names = told_apart(maps)
    lands = [
        replace(_prepared(read_class_map(path, options.legend), options), name=name)
        for path, name in zip(maps, names, strict=True)
    ]
    if len(lands) == 2 and options.transitions is not None:
        raise UsageError("--transitions weighs the moves of a series; give three or more maps, or leave it out.")
    rule = _rule(options)
    with staged_folder(out, fresh=options.fresh) as staging:
        if len(lands) > 2:
            summary = _write_series(staging, lands, options)
        else:
            summary, _ = write_comparison(staging, compare(lands[0], lands[-1], rule), options, started)
    return DiffResult(out, summary)


def _write_series(staging: Path, lands: Sequence[ClassMap], options: DiffOptions) -> dict[str, Any]:
    """Write the comparisons of three or more maps, each step in a folder; return the summary of that of the first and last.

    Where all maps have probabilities, each comparison says what it is in the light of all of them.
    """
    started = time.perf_counter()
    rule = _rule(options)
    series = series_of(lands, _dates(lands), options.transitions)
    maps, steps = list(lands if series is None else series.maps), []
    for number, (before, after) in enumerate(pairwise(maps), 1):
        step = staging / f"{number}_{safe_name(before.name)}_{safe_name(after.name)}"
        step.mkdir()
        link = None if series is None else series.between(number - 1, number)
        found, _ = write_comparison(step, compare(before, after, rule, link), options, time.perf_counter())
        steps.append(
            {"folder": step.name} | {key: found[key] for key in ("before", "after", "cells", "area_ha", "sites")}
        )
    whole = compare(maps[0], maps[-1], rule, None if series is None else series.between(0, len(maps) - 1))
    more = {"steps": steps} | ({} if series is None else {"timeline": write_timeline(staging / TIMELINE, series)})
    return write_comparison(staging, whole, options, started, more)[0]


def _dates(lands: Sequence[ClassMap]) -> list[float]:
    """The years in the maps' names where all have one and they ascend; else one unit of time between neighbours."""
    years = [year_in(land.name) for land in lands]
    dated = [float(year) for year in years if year is not None]
    ascending = all(first < second for first, second in pairwise(dated))
    return dated if len(dated) == len(lands) and ascending else [float(number) for number in range(len(lands))]


def _warn_of_order(maps: Sequence[Path]) -> None:
    """Warn of a map that is compared with itself, and of one before that of an earlier year, which only its name tells."""
    for one, other in pairwise(maps):
        if one.resolve() == other.resolve():
            warnings.warn(
                f"{one} is compared with itself, so nothing can have changed; give two maps.",
                MapOrderWarning,
                stacklevel=3,
            )
    years = [year_in(name) for name in told_apart([path.resolve() for path in maps])]
    for first, second in pairwise(year for year in years if year is not None):
        if first > second:
            warnings.warn(
                f"The map of {first} is given before that of {second}, so changes are told backwards; "
                "give the earlier map first.",
                MapOrderWarning,
                stacklevel=3,
            )
            return


def _diff_several(maps: Sequence[Path], out: Path, options: DiffOptions) -> DiffResult:
    """Compare two maps of several classes a square: for each class a folder of where it came and where it went."""
    if len(maps) > 2 or options.regroup or options.legend:
        raise UsageError("Maps of several classes a square are compared two at a time, without --legend or --regroup.")
    started = time.perf_counter()
    before, after = (
        maps_by_class(path) if is_several(path) else _prepared(read_class_map(path), options) for path in maps
    )
    if isinstance(before, ClassMap) or isinstance(after, ClassMap):
        raise UsageError(
            "One of the maps gives a square any number of classes and the other one class; compare maps of one kind."
        )
    if before.keys() != after.keys():
        raise UsageError("The two maps are not of the same classes; classify both surveys with one model.")
    rule, found = _rule(options), {}
    with staged_folder(out, fresh=options.fresh) as staging:
        for number, name in enumerate(before, 1):
            folder = staging / f"{number}_{safe_name(name)}"
            folder.mkdir()
            comparison = compare(before[name], after[name], rule)
            summary, told = write_comparison(folder, comparison, options, time.perf_counter())
            found[name] = summary | {"folder": folder.name, "area_by_change": gains_and_losses(told)}
        names = told_apart([path.resolve() for path in maps])
        summary = {"before": names[0], "after": names[1], "classes": found}
        _write_several(staging, maps, options, summary, started)
    return DiffResult(out, summary)


def _rule(options: DiffOptions) -> ChangeRule:
    return ChangeRule(options.min_probability, options.min_site, options.min_hectares, options.smooth, options.method)


def _write_several(
    folder: Path, maps: Sequence[Path], options: DiffOptions, summary: dict[str, Any], started: float
) -> None:
    lines = class_lines(summary["classes"])
    write_json(folder / SUMMARY, summary)
    write_table(folder / CLASSES, CLASS_HEADER, [(safe_cell(name), *rest, inside) for name, *rest, inside in lines])
    first, rasters = read_record(maps[0]), [f"{inside}/{CHANGE}" for *_, inside in lines]
    record = RunRecord(
        command="diff",
        options=options.as_json(),
        inputs=tuple(identify(path / name) for path in maps for name in SEVERAL_READ if (path / name).is_file()),
        grid=first.grid,
        legend=first.legend,
        counts={"sites": sum(one["sites"] for one in summary["classes"].values())},
        timings={"seconds": time.perf_counter() - started},
        details={"before": summary["before"], "after": summary["after"]}
        | {"classes": [dict(zip(CLASS_HEADER, line, strict=True)) for line in lines]},
    )
    write_item(folder, f"{summary['before']}_{summary['after']}", rasters[0], record, rasters)
    write_record(folder, record)


def class_lines(classes: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A line for each class, as `CLASS_HEADER` has it."""
    keys = ("before", "after", "gained", "lost")
    return [
        (name, *(one["area_by_change"][key] for key in keys), one["sites"], one["folder"])
        for name, one in classes.items()
    ]


def _prepared(land: ClassMap, options: DiffOptions) -> ClassMap:
    return land if options.regroup is None else regrouped(land, load_legend(options.regroup))


def write_comparison(
    folder: Path, found: Comparison, options: DiffOptions, started: float, more: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Told]:
    """Write every file of one comparison, `run.json` last.

    The cells are gone over three times, some at a time: what is said of each, which of them are sites, and what all that adds
    up to.

    Returns:
        The content of `summary.json`, to which `more` is added, and what it was made of.
    """
    crs, transform = found.before.crs, found.overlap.transform
    codes, place = change_numbers(found.legend), Place(crs, transform, found.overlap.shape)
    few = LINES_BYTES + 4 * TILE * place.shape[1]
    give_memory_back()
    with cell_scratch(folder, place.shape, len(found.legend)) as scratch:
        with bands_cog(folder / PROBABILITY, place, ("P(change)",)) as probability, block_cache(CACHE_BYTES):
            tally = infer_cells(found, scratch, probability)
        trust = trust_of(found, tally.known, tally.differing_share)
        give_memory_back()
        if found.rule.smooth:
            smooth_states(found, scratch)
        with site_file(folder) as sites, block_cache(few):
            find_sites(found, scratch, sites)
            write_outlines(folder, found, sites, formats_of(options.formats))
            tiers = write_sites(folder / SITE_TABLE, found, sites, expected=trust.figures)
            confirmed = sites.confirmed()
        give_memory_back()
        districts = districts_of(options.districts, options.district_name, crs, bounds_of(place))
        with change_cog(folder / CHANGE, place, found.legend, codes) as writer, block_cache(few):
            totals = add_up(found, scratch, ChangeFiles(writer, codes, districts))
    give_memory_back()
    write_ranking(folder / RANKING, found, tally.ranking)
    write_change_styles(folder, found.legend, codes, writer.totals)
    told = Told(totals.labels, totals.confirmed, tally, *confirmed, tiers, trust)
    moves = transition_table(transitions(told.labels, told.confirmed, found.legend, told.expected_ha(found)))
    write_transitions(folder / TRANSITIONS, moves)
    classes = class_table(told.labels, told.confirmed, found.legend, _years_between(found))
    write_table(folder / GAINS, *classes)
    sheets = {"transitions": moves, GAINS: classes, "sites": site_table(folder / SITE_TABLE)}
    if totals.by_district is not None:
        sheets[DISTRICTS_TABLE] = write_change_districts(folder, totals.by_district, found.legend, codes)
    write_workbook(folder / TABLES, sheets)
    summary = summarise(found, told) | {"codes": codes} | dict(more or {})
    write_json(folder / SUMMARY, summary)
    record = _record(found, options, summary, time.perf_counter() - started)
    write_item(folder, f"{found.before.name}_{found.after.name}", CHANGE, record)
    write_record(folder, record)
    return summary, told


def _years_between(found: Comparison) -> float | None:
    """Years from the earlier map to the later one, as their names tell; None where they do not."""
    first, second = (year_in(land.name) for land in (found.before, found.after))
    return float(second - first) if first is not None and second is not None and second > first else None


def _record(found: Comparison, options: DiffOptions, summary: dict[str, Any], seconds: float) -> RunRecord:
    counts = {name: value for name, value in summary["cells"].items() if value is not None}
    grid = found.before.grid
    return RunRecord(
        command="diff",
        options=options.as_json(),
        inputs=tuple(identify(file) for file in (*found.before.files, *found.after.files)),
        grid=None if grid is None else grid.as_dict(),
        legend=found.legend.model_dump(mode="json"),
        counts=counts | {"sites": summary["sites"]},
        timings={"seconds": seconds},
        details={"before": found.before.name, "after": found.after.name, "codes": summary["codes"]},
    )
