"""Three and more maps of one place as a chain: what each comparison of two of them says in the light of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.calibration import calibrate_pair
from landuse.change.chain import Chain, flickers
from landuse.change.common_legend import common_legend, in_legend
from landuse.change.lattice import Overlap, overlap
from landuse.change.maps import ClassMap
from landuse.change.pair import SurveyPair
from landuse.change.posterior import CellChanges, Floats
from landuse.chips.arrow import arrow_array, named_array, text_array
from landuse.errors import ConfigError
from landuse.grid import IntArray, chip_ids
from landuse.plain_yaml import read_yaml


@dataclass(frozen=True, eq=False)
class Series:
    """Maps on the ground that the first of them covers, and the chain of their cells.

    Attributes:
        maps: in one legend, oldest first, all with probabilities.
        lines, columns: (n,) place in the first map of each cell that any map knows.
        labels: (n, T) positions of the classes named, -1 where a map misses the cell.
        chain: what all maps together say.
    """

    maps: tuple[ClassMap, ...]
    lines: IntArray
    columns: IntArray
    labels: IntArray
    chain: Chain

    def between(self, first: int, last: int) -> Link:
        """What the chain says of two neighbouring maps, or of the first and the last."""
        joint = self.chain.ends() if last - first > 1 else self.chain.steps()[first]
        place = np.full(self.maps[0].codes.shape, -1, np.int64)
        place[self.lines, self.columns] = np.arange(len(self.lines))
        shared = overlap(self.maps[0], self.maps[first]), overlap(self.maps[first], self.maps[last])
        return Link(joint, place, _corner(*shared))


@dataclass(frozen=True, eq=False)
class Link:
    """A way to infer change between two maps of a series: it looks up what the chain says.

    Attributes:
        joint: (n, K, K) probability of each pair of classes.
        place: (H, W) position in `joint` of each cell of the first map, -1 for none.
        corner: line and column in the first map of the common ground of the two maps.
    """

    joint: Floats
    place: IntArray
    corner: tuple[int, int]

    @property
    def transition(self) -> Floats:
        """(K, K) mean share of the cells in each pair of classes."""
        return np.asarray(self.joint.mean(axis=0))

    @property
    def iterations(self) -> int:
        """None of its own: the chain is fitted before."""
        return 0

    @property
    def converged(self) -> bool:
        """It has nothing to settle."""
        return True

    def fit(self, sample: SurveyPair) -> Link:
        """See `ChangeModel`: all is learnt already."""
        return self

    def apply(self, block: SurveyPair) -> CellChanges:
        """See `FittedChange`. Cells outside the first map have no chain and are left as unchanged."""
        lines, columns = block.lines + self.corner[0], block.columns + self.corner[1]
        height, width = self.place.shape
        inside = (lines >= 0) & (lines < height) & (columns >= 0) & (columns < width)
        at = np.where(inside, self.place[np.where(inside, lines, 0), np.where(inside, columns, 0)], -1)
        still = np.eye(self.joint.shape[1]) * block.before[:, :, None]
        return CellChanges.of(np.where((at >= 0)[:, None, None], self.joint[at], still), block.labels)


def series_of(maps: Sequence[ClassMap], years: Sequence[float], transitions: Path | None = None) -> Series | None:
    """The chain of three or more maps, the ground being that of the first; None where one has no probabilities.

    Args:
        maps: oldest first.
        years: their dates.
        transitions: a YAML file of weights, from class to class: 0.1 for a move that is ten times less likely than others.

    Raises:
        GridMismatchError, NoOverlapError, ConfigError: they cannot be compared, or the weights are none.
    """
    if any(land.probabilities is None for land in maps):
        return None
    legend = maps[0].legend
    for land in maps[1:]:
        legend = common_legend(in_legend(maps[0], legend), land)
    lands = tuple(in_legend(land, legend) for land in maps)
    shape, bands, labels = lands[0].codes.shape, [], []
    position = np.full(256, -1, np.int64)
    position[list(legend.codes)] = np.arange(len(legend))
    for land in lands:
        shared = overlap(lands[0], land)
        band, label = np.full((len(legend), *shape), np.nan), np.full(shape, -1)
        band[:, *shared.before] = land.probabilities[:, *shared.after]  # type: ignore[index]
        label[shared.before] = position[land.codes[shared.after]]
        bands.append(band)
        labels.append(label)
    known = np.stack([np.isfinite(band[0]) & (label >= 0) for band, label in zip(bands, labels, strict=True)])
    lines, columns = np.nonzero(known.any(axis=0))
    surveys = np.stack([np.where(k, band, np.nan)[:, lines, columns].T for band, k in zip(bands, known, strict=True)])
    weights = None if transitions is None else _weights(transitions, legend.names)
    chain = Chain.fitted(_on_one_scale(surveys), np.asarray(years, np.float64), weights)
    seen = np.stack([label[lines, columns] for label in labels], axis=1)
    return Series(lands, lines, columns, seen, chain)


def _on_one_scale(surveys: Floats) -> Floats:
    """Each later survey (n, K) brought to the scale that its pair with the first asks for."""
    found = [surveys[0]]
    for later in surveys[1:]:
        both = np.isfinite(surveys[0, :, 0]) & np.isfinite(later[:, 0])
        scaled = later.copy()
        if both.any():
            learnt = calibrate_pair(surveys[0][both], later[both])
            known = np.isfinite(later[:, 0])
            scaled[known] = learnt.apply(later[known], later[known])[1]
        found.append(scaled)
    return np.stack(found)


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


def write_timeline(path: Path, series: Series) -> dict[str, int]:
    """Write `timeline.parquet`, a row for each cell that changed or flickered, and count them.

    Columns: chip_id, row and column in the first map, class in each survey by the likeliest story, changes (how many), first
    and last survey of the interval of its likeliest change, its probability, flicker (labels that leave and come back while
    the land, by the story, did not).
    """
    path_of = series.chain.path()
    off = np.stack([1 - np.trace(step, axis1=1, axis2=2) for step in series.chain.steps()], axis=1)
    changes, flicker = (np.diff(path_of, axis=1) != 0).sum(axis=1), flickers(path_of, series.labels)
    some = np.flatnonzero((changes > 0) | flicker)
    when = off[some].argmax(axis=1)
    names = [land.name for land in series.maps]
    columns = {
        "chip_id": text_array(_chips(series, some)),
        "row": arrow_array(series.lines[some]),
        "column": arrow_array(series.columns[some]),
        **{f"class_{name}": named_array(series.maps[0].legend.names, path_of[some, t]) for t, name in enumerate(names)},
        "changes": arrow_array(changes[some].astype(np.int64)),
        "after": named_array(names, np.where(changes[some] > 0, when, -1)),
        "until": named_array(names, np.where(changes[some] > 0, when + 1, -1)),
        "probability": arrow_array(off[some, when].astype(np.float32)),
        "flicker": arrow_array(flicker[some]),
    }
    pq.write_table(pa.table(columns), path)
    return {"changed": int((changes > 0).sum()), "flickering": int(flicker.sum())}


def _chips(series: Series, some: IntArray) -> list[str]:
    land = series.maps[0]
    if land.grid is None:
        return [""] * len(some)
    rows = round(land.transform.f / land.grid.side) - 1 - series.lines[some]
    cols = round(land.transform.c / land.grid.side) + series.columns[some]
    return [str(name) for name in chip_ids(rows, cols).tolist()]
