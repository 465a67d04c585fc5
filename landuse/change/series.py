"""Three and more maps of one place as a chain: what each comparison of two of them says in the light of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.chain import Chain, flickers, read_weights
from landuse.change.classwise import MOST_CELLS, NEVER, ClassViews, surer
from landuse.change.comparison import Window, blocks_of
from landuse.change.looks import Looks, looks_at, sampled_looks
from landuse.change.maps import ClassMap
from landuse.change.methods import FLOOR
from landuse.change.overlap import Overlap, common_legend, in_legend, overlap
from landuse.change.pair import CellChanges, Floats, SurveyPair, raised
from landuse.change.same_place import SamePlace
from landuse.chips.table_file import arrow_array, named_array, text_array
from landuse.grid import IntArray, chip_ids

RARE = 0.01
"""Least share that a look is held against: beside the crumbs of a class that occurs nowhere, any crumb would be evidence."""
SHARED = 0.5
"""What the likeness of two looks counts in a chain, where an odd look takes part in two steps: docs/change.md."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the probabilities of a survey are worth.

    Attributes:
        shares: (K,) mean probabilities of the classes.
        views: learnt beside the surest survey; None for that one, and where both know no cell: it counts as it is.
    """

    shares: Floats
    views: ClassViews | None

    def looks(self, survey: Floats) -> Floats:
        """How likely what it shows of cells (n, K) is for each class; 1 where it misses one (NaN)."""
        found, known = np.ones(survey.shape), np.isfinite(survey[:, 0])
        if self.views is None:
            found[known] = np.maximum(survey[known], FLOOR) / np.maximum(self.shares, RARE)
        else:
            found[known] = self.views.looks(raised(survey[known], NEVER))
        return found


@dataclass(frozen=True, eq=False)
class Series:
    """Maps on the ground that the first of them covers, and the chain of their cells.

    Attributes:
        maps: in one legend, oldest first, all with probabilities.
        shared: the common ground of the first map and each.
        evidence: what each map is worth.
        places: for each map but the last, how looks of one place are told in it and the next.
        chain: what was learnt from a sample of cells, over that sample.
    """

    maps: tuple[ClassMap, ...]
    shared: tuple[Overlap, ...]
    evidence: tuple[Evidence, ...]
    places: tuple[SamePlace | None, ...]
    chain: Chain

    def between(self, first: int, last: int) -> Link:
        """What the chain says of two neighbouring maps, or of the first and the last."""
        sums = np.sum([_joint(part, first, last).sum(axis=0) for part in self.chain.parts()], axis=0)
        between = overlap(self.maps[first], self.maps[last])
        return Link(self, (first, last), sums / self.chain.looks.shape[1], _corner(self.shared[first], between))

    def over(self, window: Window) -> tuple[Looks, Chain]:
        """The cells of a window of the first map, and the chain over them."""
        looks = looks_at(self.maps, self.shared, window)
        shown = _looks(looks.surveys, self.evidence)
        return looks, replace(self.chain, looks=shown, odds=_odds(looks, self.places))


@dataclass(frozen=True, eq=False)
class Link:
    """A way to infer change between two maps of a series, and what it has learnt: it asks the chain.

    Attributes:
        series: all maps.
        ends: numbers of the two maps.
        transition: (K, K) mean share of the cells in each pair of classes.
        corner: line and column in the first map of the common ground of the two maps.
    """

    series: Series
    ends: tuple[int, int]
    transition: Floats
    corner: tuple[int, int]
    iterations: int = 0
    converged: bool = True

    def fit(self, sample: SurveyPair) -> Link:
        """See `ChangeModel`: all is learnt already."""
        return self

    def apply(self, block: SurveyPair) -> CellChanges:
        """See `FittedChange`. Cells outside the first map have no chain and are left as unchanged."""
        joint = np.eye(block.before.shape[1]) * block.before[:, :, None]
        lines, columns = block.lines + self.corner[0], block.columns + self.corner[1]
        height, width = self.series.maps[0].pixels.shape
        inside = np.flatnonzero((lines >= 0) & (lines < height) & (columns >= 0) & (columns < width))
        if len(inside):
            lines, columns = lines[inside], columns[inside]
            window = slice(int(lines.min()), int(lines.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
            looks, chain = self.series.over(window)
            place = np.full([side.stop - side.start for side in window], -1, np.int64)
            place[looks.lines - window[0].start, looks.columns - window[1].start] = np.arange(len(looks.lines))
            at = place[lines - window[0].start, columns - window[1].start]
            joint[inside[at >= 0]] = _joint(chain, *self.ends)[at[at >= 0]]
        return CellChanges.of(joint, block.labels).as_labelled(block.labels)


def _joint(chain: Chain, first: int, last: int) -> Floats:
    """Probability (n, K, K) of each pair of classes of two neighbouring surveys, or of the first and the last."""
    return chain.ends() if last - first > 1 else chain.steps()[first]


def series_of(maps: Sequence[ClassMap], years: Sequence[float], transitions: Path | None = None) -> Series | None:
    """The chain of three or more maps, the ground being that of the first; None where one has no probabilities.

    Args:
        maps: oldest first.
        years: their dates.
        transitions: a YAML file of weights, from class to class: 0.1 for a move that is ten times less likely than others.

    Raises:
        GridMismatchError, NoOverlapError, ConfigError: they cannot be compared, or the weights are none.
    """
    if not all(land.pixels.rated for land in maps):
        return None
    legend = maps[0].legend
    for land in maps[1:]:
        legend = common_legend(in_legend(maps[0], legend), land)
    lands = tuple(in_legend(land, legend) for land in maps)
    shared = tuple(overlap(lands[0], land) for land in lands)
    weights = None if transitions is None else read_weights(transitions, legend.names)
    sample = sampled_looks(lands, shared)
    evidence = evidence_of(sample.surveys)
    some = sample.take(np.linspace(0, len(sample.lines) - 1, min(len(sample.lines), MOST_CELLS)).astype(np.int64))
    places = tuple(SamePlace.fitted(some.step(number)) for number in range(len(lands) - 1))
    shares = np.mean([one.shares for one in evidence], axis=0)
    shown, odds = _looks(sample.surveys, evidence), _odds(sample, places)
    chain = Chain.fitted(shown, odds, shares / shares.sum(), np.asarray(years, np.float64), weights)
    return Series(lands, shared, evidence, places, chain)


def _odds(looks: Looks, places: Sequence[SamePlace | None]) -> Floats:
    """Odds (T - 1, n) of change by the components alone; 1 where nothing is known."""
    steps = [
        np.zeros(len(looks.lines)) if place is None else SHARED * place.log_odds(looks.step(number))
        for number, place in enumerate(places)
    ]
    return np.exp(np.stack(steps))


def evidence_of(surveys: Floats) -> tuple[Evidence, ...]:
    """What each of T surveys (T, n, K) is worth, NaN where one misses a cell: the surest one is trusted."""
    known = np.isfinite(surveys[:, :, 0])
    trusted = int(np.argmax([surer(one[mask]) for one, mask in zip(surveys, known, strict=True)]))
    found = []
    for number, one in enumerate(surveys):
        both = np.flatnonzero(known[trusted] & known[number])
        some = both[np.linspace(0, len(both) - 1, min(len(both), MOST_CELLS)).astype(np.int64)]
        plain = number == trusted or not len(some)
        views = None if plain else ClassViews.fitted(raised(surveys[trusted][some], NEVER), raised(one[some], NEVER))
        found.append(Evidence(np.maximum(one[known[number]], FLOOR).mean(axis=0), views))
    return tuple(found)


def _looks(surveys: Floats, evidence: Sequence[Evidence]) -> Floats:
    """Looks (T, n, K) of surveys."""
    return np.stack([one.looks(survey) for one, survey in zip(evidence, surveys, strict=True)])


def _corner(to_first: Overlap, between: Overlap) -> tuple[int, int]:
    """Where the common ground of two maps begins in the first map of all."""
    down = to_first.before[0].start - to_first.after[0].start + between.before[0].start
    right = to_first.before[1].start - to_first.after[1].start + between.before[1].start
    return int(down), int(right)


def write_timeline(path: Path, series: Series) -> dict[str, int]:
    """Write `timeline.parquet`, a row for each cell that changed or flickered, and count them.

    Columns: chip_id, row and column in the first map, class in each survey by the likeliest story, changes (how many), first
    and last survey of the interval of its likeliest change, its probability, flicker (labels that leave and come back while
    the land, by the story, did not).
    """
    counts, writer = {"changed": 0, "flickering": 0}, None
    for window in blocks_of(series.maps[0].pixels.shape):
        table = _stories(series, *series.over(window), counts)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return counts


def _stories(series: Series, looks: Looks, chain: Chain, counts: dict[str, int]) -> pa.Table:
    """The rows of some cells, which are added to `counts`."""
    path_of = chain.path()
    off = np.stack([1 - np.trace(step, axis1=1, axis2=2) for step in chain.steps()], axis=1)
    changes, flicker = (np.diff(path_of, axis=1) != 0).sum(axis=1), flickers(path_of, looks.labels)
    some = np.flatnonzero((changes > 0) | flicker)
    when = off[some].argmax(axis=1)
    names = [land.name for land in series.maps]
    counts["changed"] += int((changes > 0).sum())
    counts["flickering"] += int(flicker.sum())
    return pa.table(
        {
            "chip_id": text_array(_chips(series, looks, some)),
            "row": arrow_array(looks.lines[some]),
            "column": arrow_array(looks.columns[some]),
            **{
                f"class_{name}": named_array(series.maps[0].legend.names, path_of[some, t])
                for t, name in enumerate(names)
            },
            "changes": arrow_array(changes[some].astype(np.int64)),
            "after": named_array(names, np.where(changes[some] > 0, when, -1)),
            "until": named_array(names, np.where(changes[some] > 0, when + 1, -1)),
            "probability": arrow_array(off[some, when].astype(np.float32)),
            "flicker": arrow_array(flicker[some]),
        }
    )


def _chips(series: Series, looks: Looks, some: IntArray) -> list[str]:
    land = series.maps[0]
    if land.grid is None:
        return [""] * len(some)
    rows = round(land.transform.f / land.grid.side) - 1 - looks.lines[some]
    cols = round(land.transform.c / land.grid.side) + looks.columns[some]
    return [str(name) for name in chip_ids(rows, cols).tolist()]
