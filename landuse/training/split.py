"""Where samples lie, and which are held back: whole blocks or groups, with every class on both sides where that can be."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.options.training import HoldoutOptions

Mask = npt.NDArray[np.bool_]
DEFAULT_CELLS = 8
"""Side of a block where no size is asked for, in chips: 1.8 km for chips of 224 m."""
Names = npt.NDArray[np.object_]
SIDES = {"train": False, "training": False, "val": False, "valid": False, "validation": False, "test": True}
"""What a split column may say, and whether it is the side that is held back. Rows for validation are trained on: what is
chosen here is chosen by folds of the training side."""


@dataclass(frozen=True, eq=False)
class Places:
    """The cell of every sample.

    Attributes:
        rows, cols: int64 (n,).
        chip_m: ground side of a cell in metres.
    """

    rows: IntArray
    cols: IntArray
    chip_m: float

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Mask | IntArray) -> Places:
        """The places at positions, or where a mask holds."""
        return Places(self.rows[chosen], self.cols[chosen], self.chip_m)

    def blocks(self, block_m: float | None = None) -> IntArray:
        """Number of the square of `block_m` metres that holds each cell's centre, int64 (n,); None takes 8 chips."""
        side = DEFAULT_CELLS if block_m is None else max(block_m / self.chip_m, 1.0)
        squares = np.floor((np.stack([self.rows, self.cols], axis=1) + 0.5) / side).astype(np.int64)
        return np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def gaps(self, others: Mask) -> npt.NDArray[np.float64]:
        """Metres of ground between each cell and the nearest of those where `others` holds, float64 (n,).

        Measured from edge to edge: 0 for cells that touch, at an edge or at a corner, and -1 for the same cell. Infinite
        where `others` is empty. With row and column differences of whole cells, the gap is the distance to the nearest
        of the other cells and their eight neighbours.
        """
        if not others.any():
            return np.full(len(self), np.inf)
        from scipy.spatial import cKDTree  # a quarter of a second to import, and classify imports this module

        cells = np.stack([self.rows, self.cols], axis=1)
        there = np.unique(cells[others], axis=0)
        around = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
        widened = np.unique((there[:, None, :] + around).reshape(-1, 2), axis=0)
        gaps: npt.NDArray[np.float64] = cKDTree(widened).query(cells)[0] * self.chip_m
        same = cKDTree(there).query(cells)[0] == 0
        return np.where(same, -1.0, gaps)


@dataclass(frozen=True, eq=False)
class Layout:
    """What a split looks at.

    Attributes:
        strata: int64 (n,); each keeps about its share on both sides.
        places: cells of spatial samples, else None.
    """

    strata: IntArray
    places: Places | None = None
    groups: Names | None = None
    sides: Mask | None = None

    def __len__(self) -> int:
        return len(self.strata)

    def take(self, chosen: Mask | IntArray) -> Layout:
        """The samples at positions, or where a mask holds."""
        return Layout(
            self.strata[chosen],
            None if self.places is None else self.places.take(chosen),
            None if self.groups is None else self.groups[chosen],
            None if self.sides is None else self.sides[chosen],
        )

    def kept_together(self, block_m: float | None) -> tuple[str, IntArray]:
        """Kind of the split, and a number for each sample; samples of one number stay on one side."""
        if self.groups is not None:
            return "by group", np.unique(self.groups.astype(str), return_inverse=True)[1].astype(np.int64)
        if self.places is not None:
            return "spatial blocks", self.places.blocks(block_m)
        return "stratified random", np.arange(len(self), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Two sides, and what belongs to neither.

    Attributes:
        kind: ``spatial blocks``, ``by group``, ``stratified random`` or ``given``.
        train, test: bool (n,), never both true.
        distance_m: ground between the nearest two samples of different sides, metres; None without places or sides.
    """

    kind: str
    train: Mask
    test: Mask
    distance_m: float | None = None

    @property
    def left_out(self) -> Mask:
        """Samples that are too near the other side to learn from, bool (n,)."""
        return ~(self.train | self.test)

    def report(self) -> dict[str, Any]:
        """What the model file says of it."""
        return {
            "kind": self.kind,
            "train": int(self.train.sum()),
            "test": int(self.test.sum()),
            "left_out": int(self.left_out.sum()),
            "nearest_train_test_m": self.distance_m,
        }


def split(layout: Layout, rule: HoldoutOptions) -> Split:
    """Hold samples back: as given, by group, by blocks of land, or at random within the classes.

    A sample on the very ground of one held back (the same place of another year) is left out of training whatever the kind,
    and so is one nearer than the buffer.

    Raises:
        UsageError: the buffer leaves nothing to train on.
    """
    if layout.sides is not None:
        return _apart("given", layout, layout.sides, rule)
    kind, groups = layout.kept_together(rule.block_m)
    return _apart(kind, layout, hold_out(layout.strata, groups, rule.holdout, rule.seed), rule)


def folds(layout: Layout, count: int, rule: HoldoutOptions) -> list[Split]:
    """Splits for cross-validation, by the same rules: each sample is held back once, a given side apart.

    Args:
        layout: the samples; those given to be held back take no part on either side.
        count: how many; fewer where there are fewer groups.

    Raises:
        UsageError: there is nothing to put on two sides, or the buffer leaves nothing to train on.
    """
    free = np.ones(len(layout), bool) if layout.sides is None else ~layout.sides
    kind, groups = layout.kept_together(rule.block_m)
    numbers = fold_numbers(layout.strata[free], groups[free], count, rule.seed)
    if numbers.max(initial=0) < 1:
        raise UsageError(
            "Cross-validation needs two groups or blocks of samples; give a smaller --block-m, or more data."
        )
    found = []
    for number in range(int(numbers.max()) + 1):
        held = np.zeros(len(layout), bool)
        held[free] = numbers == number
        found.append(_apart(kind, layout, held, rule, free))
    return found


def _apart(kind: str, layout: Layout, held: Mask, rule: HoldoutOptions, free: Mask | None = None) -> Split:
    train = ~held if free is None else free & ~held
    if layout.places is None or not held.any():
        return Split(kind, train, held)
    gaps = layout.places.gaps(held)
    train = train & (gaps >= max(rule.buffer_m, 0.0))
    if not train.any():
        raise UsageError(
            f"A buffer of {rule.buffer_m:g} m leaves nothing to train on; give a smaller --buffer-m or a larger --block-m."
        )
    return Split(kind, train, held, float(gaps[train].min()))


def hold_out(labels: IntArray, groups: IntArray, share: float, seed: int) -> Mask:
    """Which samples are held back; bool (n,).

    Whole groups go to one side, classes keep about their shares on both. With a share of 0, or with fewer than two groups,
    nothing is held back; nor are single samples of which that would leave a class none to learn from.

    Args:
        share: share of the samples to hold back, 0 to 0.5.
    """
    if share <= 0:
        return np.zeros(len(labels), bool)
    numbers = fold_numbers(labels, groups, round(1 / share), seed)
    held = np.asarray((numbers == 0) & (numbers.max(initial=0) > 0))
    return held & np.isin(labels, labels[~held]) if len(np.unique(groups)) == len(labels) else held


def fold_numbers(labels: IntArray, groups: IntArray, count: int, seed: int) -> IntArray:
    """Fold of each sample, int64 (n,) from 0; all 0 where there are fewer than two groups, or too few of every class.

    Scikit-learn's StratifiedKFold where every sample is a group of its own, and StratifiedGroupKFold otherwise.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    numbers = np.zeros(len(labels), np.int64)
    distinct = len(np.unique(groups))
    count = min(count, distinct)
    if count < 2:
        return numbers
    single = distinct == len(labels)
    kind = StratifiedKFold if single else StratifiedGroupKFold
    splitter = kind(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        try:
            for number, (_, held) in enumerate(splitter.split(labels, labels, None if single else groups)):
                numbers[held] = number
        except ValueError:  # every class has fewer samples than there are folds
            return np.zeros(len(labels), np.int64)
    return numbers


def given_sides(values: Sequence[object], where: str) -> Mask:
    """True for each value of a split column that says test. Raises `UsageError` for a value that is none of `SIDES`."""
    names = [str(value).strip().casefold() for value in values]
    strange = sorted(set(names) - set(SIDES))
    if strange:
        raise UsageError(f"{where}: the split {strange[0]!r} is none of {', '.join(SIDES)}.")
    return np.array([SIDES[name] for name in names], bool)
