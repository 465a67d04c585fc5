"""The label rules: how a chip gets its label from the area shares of its classes, or from the classes at points in it.

A rule is one class; `RULES` lists those that a user may choose.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import ChipGrid, IntArray
from landuse.legend import UNMAPPED, CodeArray, Legend

Floats = npt.NDArray[np.float64]
SIXTHS = (1 / 6, 3 / 6, 5 / 6)


class LabelRule(Protocol):
    """How a chip gets its label.

    Attributes:
        name: what a user calls it.
        offsets: the points it looks at, as (x, y) parts of the chip's side from its south-west corner.
    """

    name: ClassVar[str]
    offsets: ClassVar[tuple[tuple[float, float], ...]]

    def decide(self, legend: Legend, shares: Floats, points: CodeArray) -> CodeArray:
        """The label of each chip.

        Args:
            legend: classes; shares stand in its order.
            shares: share of the chip under each class, shape (chips, classes).
            points: class codes at the rule's points, shape (chips, points).

        Returns:
            Class codes in the legend's dtype, shape (chips,); 0 = none.
        """
        ...


class Majority:
    """The class of the largest share, the first in the legend where two are equal; none where more is unmapped than that."""

    name: ClassVar[str] = "majority"
    offsets: ClassVar[tuple[tuple[float, float], ...]] = ()

    def decide(self, legend: Legend, shares: Floats, points: CodeArray) -> CodeArray:
        """See `LabelRule`."""
        largest = shares.max(axis=1, initial=0.0)
        codes = legend.as_codes(shares.argmax(axis=1))
        known = (largest > 0) & (largest >= 1 - shares.sum(axis=1))
        return np.where(known, codes, UNMAPPED).astype(legend.dtype)


class NinePoint:
    """The class of all nine points in the middles of a chip's ninths; none where they differ or one is unmapped."""

    name: ClassVar[str] = "nine-point"
    offsets: ClassVar[tuple[tuple[float, float], ...]] = tuple((x, y) for y in SIXTHS for x in SIXTHS)

    def decide(self, legend: Legend, shares: Floats, points: CodeArray) -> CodeArray:
        """See `LabelRule`."""
        first = points[:, 0]
        return np.where((points == first[:, np.newaxis]).all(axis=1), first, UNMAPPED).astype(legend.dtype)


class Centre(NinePoint):
    """The class of the centre."""

    name: ClassVar[str] = "centre"
    offsets: ClassVar[tuple[tuple[float, float], ...]] = ((0.5, 0.5),)


RULES: dict[str, LabelRule] = {rule.name: rule for rule in (NinePoint(), Majority(), Centre())}


def rule_named(name: str) -> LabelRule:
    """A rule by its name. Raises `UsageError` where there is none."""
    if name not in RULES:
        raise UsageError(f"No label rule {name!r}: choose one of {', '.join(RULES)}.")
    return RULES[name]


def rule_points(rule: LabelRule, grid: ChipGrid, rows: IntArray, cols: IntArray) -> Floats:
    """The points at which a rule looks, x then y in the grid's CRS; shape (chips, points, 2)."""
    offsets = np.array(rule.offsets, np.float64).reshape(1, -1, 2)
    corners = np.stack([cols, rows], axis=-1)[:, np.newaxis, :]
    return np.asarray((corners + offsets) * grid.side)


def purity(legend: Legend, labels: CodeArray, shares: Floats) -> Floats:
    """Share of each chip under its label, or under its largest class where it has none; shape (chips,), 0 to 1."""
    column = np.where(labels == UNMAPPED, shares.argmax(axis=1), legend.positions(labels))
    return np.asarray(np.take_along_axis(shares, column[:, np.newaxis], axis=1)[:, 0])
