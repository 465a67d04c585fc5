"""One line of the table: a measure, ours, the baseline, what was asked and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEADER = ("measure", "ours", "baseline", "ratio", "asked", "met?")


@dataclass(frozen=True)
class Row:
    """A measured line, as it is printed."""

    measure: str
    ours: str
    baseline: str
    ratio: str
    asked: str
    met: str

    @property
    def cells(self) -> list[str]:
        """The cells in the order of `HEADER`."""
        return [self.measure, self.ours, self.baseline, self.ratio, self.asked, self.met]


@dataclass(frozen=True)
class Asked:
    """A bound that a ratio must keep, and what this machine lacks to show it (nothing, if it can)."""

    bound: float
    at_most: bool = False
    lacks: str = ""

    def verdict(self, value: float) -> str:
        """Whether a value keeps the bound, in words."""
        kept = value <= self.bound if self.at_most else value >= self.bound
        word = "yes" if kept else "no"
        return f"{word}, but {self.lacks}" if self.lacks else word

    def words(self, unit: str) -> str:
        """The bound as it is printed."""
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}{unit}"


def ratio_row(
    measure: str, ours: Sequence[float], baseline: Sequence[float], asked: Asked, *, unit: str = "chips/s"
) -> Row:
    """A line that compares two figures of one unit, measured in the same rounds.

    The ratio is ours to the baseline's within a round, since a shared machine is not as fast in every one; the median
    of the rounds is judged, and the least and the most are told.
    """
    ratios = [mine / theirs for mine, theirs in zip(ours, baseline, strict=True)]
    ratio, least, most = statistics.median(ratios), min(ratios), max(ratios)
    spread = f" ({least:.2f} to {most:.2f})" if len(ratios) > 1 else ""
    figures = (f"{statistics.median(values):.1f} {unit}" for values in (ours, baseline))
    return Row(measure, *figures, f"{ratio:.2f}{spread}", asked.words(" times"), asked.verdict(ratio))


def value_row(measure: str, value: float, asked: Asked, unit: str) -> Row:
    """A line with one figure and its bound."""
    return Row(measure, f"{value:.2f} {unit}", "", "", asked.words(f" {unit}"), asked.verdict(value))


def failed_row(measure: str, reason: str) -> Row:
    """A line of a measurement that could not be made."""
    return Row(measure, "not measured", "", "", "", " ".join(reason.split()).replace("|", "/"))
