"""The label rules, as pure functions over the area shares of a chip and the classes at points in it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from landuse.grid import ChipGrid, IntArray
from landuse.legend import UNMAPPED, Legend

Rule = Literal["nine-point", "majority", "centre"]
RULES: tuple[Rule, ...] = get_args(Rule)

_SIXTHS = (1 / 6, 3 / 6, 5 / 6)
_OFFSETS: dict[Rule, tuple[tuple[float, float], ...]] = {
    "nine-point": tuple((x, y) for y in _SIXTHS for x in _SIXTHS),
    "majority": (),
    "centre": ((0.5, 0.5),),
}


def rule_points(rule: Rule, grid: ChipGrid, rows: IntArray, cols: IntArray) -> npt.NDArray[np.float64]:
    """The points at which a rule looks, x then y in the grid's CRS; shape (chips, points, 2), with 9, 0 or 1 points."""
    offsets = np.array(_OFFSETS[rule], np.float64).reshape(1, -1, 2)
    corners = np.stack([cols, rows], axis=-1)[:, np.newaxis, :]
    return np.asarray((corners + offsets) * grid.side)


def decide(
    rule: Rule, legend: Legend, shares: npt.NDArray[np.float64], points: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """The label of each chip.

    Args:
        rule: *nine-point*: the class of all nine points, none where they differ or one is unmapped. *centre*: the class of
            the centre. *majority*: the class of the largest share, the first in the legend where two are equal, and none
            where more of the chip is unmapped than is of that class.
        legend: classes; shares stand in its order.
        shares: share of the chip under each class, shape (chips, classes).
        points: class codes at the rule's points, shape (chips, points).

    Returns:
        Class codes, uint8, shape (chips,); 0 = none.
    """
    if rule == "majority":
        largest = shares.max(axis=1, initial=0.0)
        codes = np.array(legend.codes, np.uint8)[shares.argmax(axis=1)]
        return np.where((largest > 0) & (largest >= 1 - shares.sum(axis=1)), codes, UNMAPPED).astype(np.uint8)
    first = points[:, 0]
    return np.where((points == first[:, np.newaxis]).all(axis=1), first, UNMAPPED).astype(np.uint8)


def purity(legend: Legend, labels: npt.NDArray[np.uint8], shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of each chip under its label, or under its largest class where it has none; shape (chips,), 0 to 1."""
    position = np.full(256, -1)
    position[list(legend.codes)] = np.arange(len(legend))
    column = np.where(labels == UNMAPPED, shares.argmax(axis=1), position[labels])
    return np.asarray(np.take_along_axis(shares, column[:, np.newaxis], axis=1)[:, 0])
