"""`diff`: what changed between two or more maps, and how surely."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.change.comparison import ChangeRule, Comparison, compare
from landuse.change.lattice import strips
from landuse.change.maps import PROBABILITIES_FILE, ClassMap, read_class_map, regrouped, safe_name
from landuse.change.ranking import ranking_of, write_ranking
from landuse.change.series import series_of, write_timeline
from landuse.change.several import is_several, maps_by_class
from landuse.change.site_file import write_sites
from landuse.change.summary import Told, gains_and_losses, summarise
from landuse.change.transitions import transitions, write_transitions
from landuse.change.trust import trust_of
from landuse.errors import MapOrderWarning, UsageError
from landuse.legend import load_legend
from landuse.options.results import DiffOptions
from landuse.outputs.cog import Place, bounds_of, write_bands_cog, write_change_cog
from landuse.outputs.districts import (
    UNCHANGED_CODE,
    Districts,
    DistrictTotals,
    check_districts,
    districts_of,
    write_change_districts,
)
from landuse.outputs.folder import claimed_folder, staged_folder
from landuse.outputs.ground import boxes_of_raster
from landuse.outputs.record import RECORD, RunRecord, identify, read_record, write_record
from landuse.outputs.stac import write_item
from landuse.outputs.styles import write_change_styles
from landuse.outputs.vector_formats import formats_of
from landuse.words import told_apart, year_in

CHANGE, PROBABILITY = "change.tif", "change_probability.tif"
SITE_TABLE, RANKING = "sites.csv", "ranking.parquet"
TRANSITIONS, SUMMARY, TIMELINE = "transitions.csv", "summary.json", "timeline.parquet"
MOST_CODE = 99
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DiffResult:
    """What came out of the first and the last map given.

    Attributes:
        out: the folder written.
        summary: the content of `summary.json`.
        changes: chip id -> (from, to) of every confirmed chip; empty where the maps are not of chips.
    """

    out: Path
    summary: dict[str, Any]
    changes: dict[str, tuple[str, str]]

    @property
    def label_differences(self) -> int:
        """Cells whose labels differ."""
        return int(self.summary["cells"]["label_differences"])

    @property
    def confirmed(self) -> int:
        """Cells confirmed as changed."""
        return int(self.summary["cells"]["confirmed"])


def diff(maps: Sequence[str | Path], out: Path, options: DiffOptions | None = None) -> DiffResult:
    """Compare maps of the same ground at two or more dates.

    The files of `out` compare the first map with the last. With three or more maps every step has such a folder too, below
    `out`: ``1_<first>_<second>``, ``2_<second>_<third>`` and so on; all of them are judged together, as one chain, and
    `timeline.parquet` tells what became of each cell that changed or flickered.

    Args:
        maps: folders of classify or single-band class GeoTIFFs, oldest first.
        out: folder to write.
        options: thresholds and legends.

    Two maps of several classes a square are compared class by class, each in a folder of its own: ``1_<class>`` and so on.
    Where the years in the maps' names run backwards, a `MapOrderWarning` says so.

    Raises:
        UsageError: fewer than two maps.
        GridMismatchError, NoOverlapError, ConfigError: the maps cannot be compared; the sentence says why and what to do.
        LanduseError: a file cannot be read or written.
    """
    options = options or DiffOptions()
    if len(maps) < 2:
        raise UsageError("Give at least two maps to compare, the earlier one first.")
    formats_of(options.formats)
    check_districts(options.districts, options.district_name)
    paths = [Path(path) for path in maps]
    _warn_of_order(paths)
    with claimed_folder(out, fresh=options.fresh) as target:
        several = any(map(is_several, paths))
        return _diff_several(paths, target, options) if several else _diff(paths, target, options)


def _diff(maps: Sequence[Path], out: Path, options: DiffOptions) -> DiffResult:
    """Compare maps of one class a square."""
    started = time.perf_counter()
    names = told_apart(maps)
    lands = [
        replace(_prepared(read_class_map(path, options.legend), options), name=name)
        for path, name in zip(maps, names, strict=True)
    ]
    if len(lands) == 2 and options.transitions is not None:
        raise UsageError("--transitions weighs the moves of a series; give three or more maps, or leave it out.")
    rule = ChangeRule(options.min_probability, options.min_site, options.method)
    with staged_folder(out, fresh=options.fresh) as staging:
        if len(lands) > 2:
            whole, summary = _write_series(staging, lands, options)
        else:
            whole = compare(lands[0], lands[-1], rule)
            summary = write_comparison(staging, whole, options, started)
    return DiffResult(out, summary, whole.changes())


def _write_series(staging: Path, lands: Sequence[ClassMap], options: DiffOptions) -> tuple[Comparison, dict[str, Any]]:
    """Write the comparisons of three or more maps, each step in a folder; return that of the first and last, and its summary.

    Where all maps have probabilities, each comparison says what it is in the light of all of them.
    """
    started = time.perf_counter()
    rule = ChangeRule(options.min_probability, options.min_site, options.method)
    series = series_of(lands, _dates(lands), options.transitions)
    maps, steps = list(lands if series is None else series.maps), []
    for number, (before, after) in enumerate(pairwise(maps), 1):
        step = staging / f"{number}_{safe_name(before.name)}_{safe_name(after.name)}"
        step.mkdir()
        link = None if series is None else series.between(number - 1, number)
        found = write_comparison(step, compare(before, after, rule, link), options, time.perf_counter())
        steps.append(
            {"folder": step.name} | {key: found[key] for key in ("before", "after", "cells", "area_ha", "sites")}
        )
    whole = compare(maps[0], maps[-1], rule, None if series is None else series.between(0, len(maps) - 1))
    more = {"steps": steps} | ({} if series is None else {"timeline": write_timeline(staging / TIMELINE, series)})
    return whole, write_comparison(staging, whole, options, started, more)


def _dates(lands: Sequence[ClassMap]) -> list[float]:
    """The years in the maps' names where all have one and they ascend; else one unit of time between neighbours."""
    years = [year_in(land.name) for land in lands]
    dated = [float(year) for year in years if year is not None]
    ascending = all(first < second for first, second in pairwise(dated))
    return dated if len(dated) == len(lands) and ascending else [float(number) for number in range(len(lands))]


def _warn_of_order(maps: Sequence[Path]) -> None:
    """Warn where a map is given before one of an earlier year; only names tell the year, so it is no error."""
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
    rule, found = ChangeRule(options.min_probability, options.min_site, options.method), {}
    with staged_folder(out, fresh=options.fresh) as staging:
        for number, name in enumerate(before, 1):
            folder = staging / f"{number}_{safe_name(name)}"
            folder.mkdir()
            comparison = compare(before[name], after[name], rule)
            summary = write_comparison(folder, comparison, options, time.perf_counter())
            found[name] = summary | {"folder": folder.name, "area_by_change": gains_and_losses(comparison)}
        names = told_apart([path.resolve() for path in maps])
        summary = {"before": names[0], "after": names[1], "classes": found}
        write_json(staging / SUMMARY, summary)
        write_record(staging, _record_several(maps, options, summary, time.perf_counter() - started))
    return DiffResult(out, summary, {})


def _prepared(land: ClassMap, options: DiffOptions) -> ClassMap:
    return land if options.regroup is None else regrouped(land, load_legend(options.regroup))


def write_comparison(
    folder: Path, found: Comparison, options: DiffOptions, started: float, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write every file of one comparison, `run.json` last; return the content of `summary.json`, to which `more` is added."""
    transform, crs = found.overlap.transform, found.before.crs
    codes = change_codes(found)
    labels, confirmed = found.labels_table(), found.confirmed_table()
    place = Place(crs, transform, found.overlap.shape)
    changes = write_change_cog(folder / CHANGE, _change_image(found, codes), place, found.legend, codes)
    write_bands_cog(folder / PROBABILITY, _probability_image(found)[None], transform, crs, ("P(change)",))
    tiers = write_sites(folder, folder / SITE_TABLE, found, formats_of(options.formats))
    ranking = ranking_of(found)
    write_ranking(folder / RANKING, found, ranking)
    write_change_styles(folder, found.legend, codes, changes)
    districts = districts_of(options.districts, options.district_name, crs, bounds_of(place))
    if districts is not None:
        write_change_districts(folder, _by_district(found, districts, codes), found.legend, codes)
    write_transitions(
        folder / TRANSITIONS, transitions(labels, confirmed, found.legend, _expected_ha(found, labels.compared_ha))
    )
    summary = (
        summarise(found, Told(labels, confirmed, tiers, ranking, trust_of(found))) | {"codes": codes} | dict(more or {})
    )
    write_json(folder / SUMMARY, summary)
    record = _record(found, options, summary, time.perf_counter() - started)
    write_item(folder, f"{found.before.name}_{found.after.name}", CHANGE, record)
    write_record(folder, record)
    return summary


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file of JSON."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf8")


def change_codes(found: Comparison) -> dict[str, int]:
    """Class name -> number in `change.tif`: the class code, or its rank in the legend where a code is above 99.

    Raises:
        UsageError: more than 99 classes, for which 100 x from + to has no room.
    """
    legend = found.legend
    if max(legend.codes) <= MOST_CODE:
        return dict(zip(legend.names, legend.codes, strict=True))
    if len(legend) > MOST_CODE:
        raise UsageError(
            f"The maps have {len(legend)} classes, and {CHANGE} has room for 99; compare them with --regroup."
        )
    return {name: rank for rank, name in enumerate(legend.names, 1)}


def _expected_ha(found: Comparison, compared_ha: float) -> Floats | None:
    return None if found.fitted is None else found.fitted.transition * compared_ha


def _change_image(found: Comparison, codes: dict[str, int]) -> npt.NDArray[np.uint16]:
    table = np.zeros(256, np.uint16)
    table[list(found.legend.codes)] = list(codes.values())
    before, after = found.codes
    return np.where(found.confirmed, 100 * table[before] + table[after], 0).astype(np.uint16)


def _by_district(found: Comparison, districts: Districts, codes: dict[str, int]) -> DistrictTotals:
    """Hectares of every confirmed change, and of what was compared without, in each district."""
    totals, changes = DistrictTotals(districts), _change_image(found, codes).astype(np.int32)
    before, after = found.codes
    state = np.where(changes > 0, changes, np.where((before > 0) & (after > 0), UNCHANGED_CODE, 0))
    transform, shape = found.overlap.transform, found.overlap.shape
    for rows, hectares in strips(transform, found.before.crs, shape):
        lines, cols = np.indices(hectares.shape).reshape(2, -1)
        boxes = boxes_of_raster(transform, lines + rows.start, cols)
        totals.add(boxes, state[rows].ravel(), hectares.ravel())
    return totals


def _probability_image(found: Comparison) -> npt.NDArray[np.float32]:
    return np.full(found.differ.shape, np.nan, np.float32) if found.probability is None else found.probability


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


def _record_several(maps: Sequence[Path], options: DiffOptions, summary: dict[str, Any], seconds: float) -> RunRecord:
    first = read_record(maps[0])
    return RunRecord(
        command="diff",
        options=options.as_json(),
        inputs=tuple(identify(path / name) for path in maps for name in (PROBABILITIES_FILE, RECORD)),
        grid=first.grid,
        legend=first.legend,
        counts={"sites": sum(one["sites"] for one in summary["classes"].values())},
        timings={"seconds": seconds},
        details={"before": summary["before"], "after": summary["after"]},
    )
