"""The label rules, what label data tell them of a chip, and the legend that fits what the data hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from landuse.errors import LabelsError, UsageError
from landuse.grid import ChipGrid, IntArray
from landuse.legend import UNMAPPED, CodeArray, Legend, load_legend, shipped_legends

Floats = npt.NDArray[np.float64]
BY_CODES = ("nlcd8", "worldcover", "corine5")
"""Legends that codes of a raster are recognised by, where none is given. All of them know water."""
BY_NAMES = ("nlcd8", "worldcover", "landuse7")
"""Legends that names of polygons are recognised by. Any other names become a legend of their own."""
FILLING = (0, 127, 255)
"""Codes that stand for no data where a file forgets to say so; they do not speak against a legend."""
LISTED = 20


@dataclass(frozen=True)
class ClassShares:
    """What label data say about some chips.

    Attributes:
        shares: share of each chip under each class of the legend, shape (chips, classes).
        points: class codes at the points asked for, shape (chips, points); 0 = unmapped.
        met: whether any of the chips shares ground with the label data at all.
        left_out: chips' worth of ground under each code or name that is no class of the legend, summed over the chips.
    """

    shares: Floats
    points: CodeArray
    met: bool
    left_out: Mapping[str, float] = field(default_factory=dict)


class LabelSource(Protocol):
    """A raster or a layer of polygons that knows classes."""

    @property
    def legend(self) -> Legend:
        """The classes."""
        ...

    @property
    def unmapped(self) -> str:
        """What of the source itself names no class of the legend, as a sentence; empty where nothing is."""
        ...

    def span(self, ring: Floats) -> int:
        """How many cells a side of a square should have that is looked at in one go; `ring` is a typical chip's."""
        ...

    def read(self, rings: Floats, points: Floats) -> ClassShares:
        """What lies under chips: their corners (chips, corners, 2) and points in them (chips, points, 2) in the lattice CRS."""
        ...


def legend_of_codes(counts: Mapping[int, int], where: str) -> Legend:
    """The shipped legend that explains most of some codes.

    Raises:
        LabelsError: none explains half of them.
    """
    told = {code: count for code, count in counts.items() if code not in FILLING}
    explained = {
        name: sum(n for code, n in told.items() if load_legend(name).classify_codes(np.array([code]))[0] != UNMAPPED)
        for name in BY_CODES
    }
    best = max(BY_CODES, key=lambda name: explained[name])
    if 2 * explained[best] >= sum(told.values()) and (told or not counts):
        return load_legend(best)
    codes = ", ".join(map(str, sorted(counts)[:LISTED]))
    raise LabelsError(
        f"{where} holds the codes {codes} where the chips lie, which could be anybody's; say what they mean with --legend: "
        f"a YAML file, or one of {', '.join(shipped_legends())}."
    )


def legend_of_values(counts: Mapping[str, int], where: str) -> Legend:
    """The first shipped legend that knows all names (or codes) of polygons, else one that is made of them.

    Raises:
        LabelsError: they are numbers that no legend knows, or no names of classes.
    """
    numbers = {int(text): n for text, n in counts.items() if text.isascii() and text.isdigit()}
    if numbers and len(numbers) == len(counts):
        return legend_of_codes(numbers, where)
    for name in BY_NAMES:
        if all(load_legend(name).code_of_value(text) != UNMAPPED for text in counts):
            return load_legend(name)
    return Legend.of_names(sorted(counts), where)


SIXTHS = (1 / 6, 3 / 6, 5 / 6)


class LabelRule(Protocol):
    """How a chip gets its label.

    Attributes:
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
