"""Three and more maps of one place as a chain: what each comparison of two of them says in the light of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landuse.change.calibration import Calibration, calibrate_pair
from landuse.change.chain import Chain
from landuse.change.common_legend import common_legend, in_legend
from landuse.change.comparison import MOST_SAMPLED, SEED, Window, blocks_of
from landuse.change.lattice import Overlap, overlap
from landuse.change.maps import ClassMap
from landuse.change.pair import SurveyPair
from landuse.change.posterior import CellChanges, Floats
from landuse.errors import ConfigError
from landuse.grid import IntArray
from landuse.plain_yaml import read_yaml


@dataclass(frozen=True, eq=False)
class Looks:
    """What T maps say of n cells of the ground of the first.

    Attributes:
        lines, columns: (n,) place in the first map of each cell that any map knows.
        surveys: (T, n, K) probabilities, NaN where a map misses the cell.
        labels: (n, T) positions of the classes named, -1 where a map misses the cell.
    """

    lines: IntArray
    columns: IntArray
    surveys: Floats
    labels: IntArray


@dataclass(frozen=True, eq=False)
class Series:
    """Maps on the ground that the first of them covers, and the chain of their cells.

    Attributes:
        maps: in one legend, oldest first, all with probabilities.
        shared: the common ground of the first map and each.
        scales: how each map is brought to the scale of the first; None where it is left as it is.
        chain: what was learnt from a sample of cells, over that sample.
    """

    maps: tuple[ClassMap, ...]
    shared: tuple[Overlap, ...]
    scales: tuple[Calibration | None, ...]
    chain: Chain

    def between(self, first: int, last: int) -> Link:
        """What the chain says of two neighbouring maps, or of the first and the last."""
        sums = np.sum([_joint(part, first, last).sum(axis=0) for part in self.chain.parts()], axis=0)
        between = overlap(self.maps[first], self.maps[last])
        return Link(self, (first, last), sums / self.chain.looks.shape[1], _corner(self.shared[first], between))

    def over(self, window: Window) -> tuple[Looks, Chain]:
        """The cells of a window of the first map, and the chain over them."""
        looks = looks_at(self.maps, self.shared, window)
        return looks, self.chain.over(_on_one_scale(looks.surveys, self.scales))


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
        return CellChanges.of(joint, block.labels)


def _joint(chain: Chain, first: int, last: int) -> Floats:
    """Probability (n, K, K) of each pair of classes of two neighbouring surveys, or of the first and the last."""
    return chain.ends() if last - first > 1 else chain.steps()[first]


def looks_at(maps: Sequence[ClassMap], shared: Sequence[Overlap], window: Window) -> Looks:
    """What maps in one legend say of a window of the first of them."""
    legend, shape = maps[0].legend, [side.stop - side.start for side in window]
    position = np.full(max(legend.codes) + 1, -1, np.int64)
    position[list(legend.codes)] = np.arange(len(legend))
    bands = np.full((len(maps), len(legend), *shape), np.nan, np.float32)
    labels = np.full((len(maps), *shape), -1, np.int64)
    for number, (land, ground) in enumerate(zip(maps, shared, strict=True)):
        parts = [_common(*sides) for sides in zip(window, ground.before, ground.after, strict=True)]
        if all(part is not None for part in parts):
            (down, rows), (right, cols) = (part for part in parts if part is not None)
            bands[number, :, down, right] = land.pixels.probabilities(rows, cols)
            labels[number, down, right] = position[land.pixels.codes(rows, cols)]
    known = np.isfinite(bands[:, 0]) & (labels >= 0)
    lines, columns = np.nonzero(known.any(axis=0))
    surveys = np.where(known[:, None], bands, np.nan)[:, :, lines, columns].transpose(0, 2, 1).astype(np.float64)
    seen = labels[:, lines, columns].T
    return Looks(lines + window[0].start, columns + window[1].start, surveys, seen)


def _common(window: slice, before: slice, after: slice) -> tuple[slice, slice] | None:
    """The part of a window that another map shares: in the window, and in that map; None where there is none."""
    start, stop = max(window.start, before.start), min(window.stop, before.stop)
    move = after.start - before.start
    return (
        (slice(start - window.start, stop - window.start), slice(start + move, stop + move)) if start < stop else None
    )


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
    weights = None if transitions is None else _weights(transitions, legend.names)
    surveys = _sample(lands, shared)
    scales = (None, *(_scale(surveys[0], later) for later in surveys[1:]))
    chain = Chain.fitted(_on_one_scale(surveys, scales), np.asarray(years, np.float64), weights)
    return Series(lands, shared, scales, chain)


def _sample(lands: Sequence[ClassMap], shared: Sequence[Overlap]) -> Floats:
    """Surveys (T, n, K) of all cells of the first map in image order, or of a large one of a random sample."""
    height, width = lands[0].pixels.shape
    share, parts = MOST_SAMPLED / (height * width), []
    for window in blocks_of((height, width)):
        looks = looks_at(lands, shared, window)
        corner = [side.start for side in window]
        chosen = np.random.default_rng([SEED, *corner]).random(len(looks.lines)) < share
        some = slice(None) if share >= 1 else np.flatnonzero(chosen)
        parts.append((looks.lines[some], looks.columns[some], looks.surveys[:, some]))
    lines, columns = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    return np.concatenate([part[2] for part in parts], axis=1)[:, np.lexsort((columns, lines))]


def _on_one_scale(surveys: Floats, scales: Sequence[Calibration | None]) -> Floats:
    """Surveys (T, n, K), each on the scale of the first."""
    found = surveys.copy()
    for one, scale in zip(found, scales, strict=True):
        known = np.isfinite(one[:, 0])
        if scale is not None:
            one[known] = scale.apply(one[known], one[known])[1]
    return found


def _scale(first: Floats, later: Floats) -> Calibration | None:
    """How a later survey (n, K) is brought to the scale that its pair with the first asks for."""
    both = np.isfinite(first[:, 0]) & np.isfinite(later[:, 0])
    return calibrate_pair(first[both], later[both]) if both.any() else None


def _corner(to_first: Overlap, between: Overlap) -> tuple[int, int]:
    """Where the common ground of two maps begins in the first map of all."""
    down = to_first.before[0].start - to_first.after[0].start + between.before[0].start
    right = to_first.before[1].start - to_first.after[1].start + between.before[1].start
    return int(down), int(right)


def _weights(path: Path, names: Sequence[str]) -> Floats:
    """(K, K) weights of moves, 1 where the file says nothing."""
    try:
        said = read_yaml(path.read_text("utf8"), str(path), "table of transitions")
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from error
    weights = np.ones((len(names), len(names)))
    if not isinstance(said, dict) or not all(isinstance(row, dict) for row in said.values()):
        raise ConfigError(
            f"{path} must name classes, and below each where it goes, with a weight: Water: {{Developed: 0.1}}."
        )
    for before, row in said.items():
        for after, weight in row.items():
            if before not in names or after not in names:
                raise ConfigError(f"{path} speaks of {before} -> {after}, and the maps have no such classes.")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e6:
                raise ConfigError(
                    f"{path}: the weight of {before} -> {after} is {weight!r}; it must be a number from 0."
                )
            weights[names.index(before), names.index(after)] = weight
    return weights
