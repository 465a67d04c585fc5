"""What a method said of changes whose truth is known, and the figures of it that a table has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from landuse.change.pair import CellChanges, SurveyPair

TIERS = ((0.9, 1.01), (0.5, 0.9), (0.1, 0.5))
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scored:
    """What a method says of the judged cells of one pair.

    Attributes:
        score: (n,) probability of change, by which they are ranked.
        truth: (n,) cells that truly changed.
        confirmed: (n,) cells that are confirmed.
        listed: (n,) probability with which `sites.csv` would list each, by which its tier goes.
        differ: (n,) cells whose labels differ, which alone count in the expected total.
    """

    score: Floats
    truth: Mask
    confirmed: Mask
    listed: Floats
    differ: Mask

    @property
    def expected(self) -> float:
        """How many changes are expected in all."""
        return float(self.score[self.differ].sum())

    @property
    def average_precision(self) -> float:
        """Of the ranking by score, ties in the worst order."""
        truth = self.truth[np.lexsort((self.truth, -self.score))]
        return float((np.cumsum(truth) / np.arange(1, len(truth) + 1))[truth].mean()) if truth.any() else np.nan

    def recall_at(self, precision: float) -> float:
        """The largest share of the true changes that a list of at least this precision holds."""
        truth = np.cumsum(self.truth[np.lexsort((self.truth, -self.score))])
        enough = truth / np.arange(1, len(truth) + 1) >= precision
        return float(truth[enough].max(initial=0) / max(self.truth.sum(), 1))


def f1_of(each: Sequence[Scored]) -> float:
    """F1 of what is confirmed over some cases."""
    hits = sum(int((one.truth & one.confirmed).sum()) for one in each)
    return 2 * hits / max(1, sum(int(one.truth.sum() + one.confirmed.sum()) for one in each))


def recalls_of(each: Sequence[Scored]) -> list[str]:
    """Mean recall at two precisions."""
    return [f"{np.mean([one.recall_at(precision) for one in each if one.truth.any()]):.2f}" for precision in (0.8, 0.9)]


def ranks_of(each: Sequence[Scored]) -> list[str]:
    """Average precision of each case with changes, their mean, and that of all cases in one ranking."""
    found = [s.average_precision for s in each if s.truth.any()]
    return [" ".join(f"{one:.2f}" for one in found), f"{np.mean(found):.2f}", f"{together(each).average_precision:.2f}"]


def together(each: Sequence[Scored]) -> Scored:
    """All cases as one."""
    return Scored(*(np.concatenate([getattr(s, part.name) for s in each]) for part in fields(Scored)))


def counts_of(each: Sequence[Scored]) -> list[str]:
    """Over all cases: real ones of those confirmed, the share of all that they are, the tiers, and estimated over true."""
    every = together(each)
    truth, sure = every.truth, every.confirmed
    of_tiers = [truth[(every.listed >= low) & (every.listed < high)] for low, high in TIERS]
    return [
        f"{truth[sure].sum()} of {sure.sum()}",
        f"{truth[sure].sum() / truth.sum():.2f}",
        *(f"{found.mean():.2f} ({len(found)})" if len(found) else "none" for found in of_tiers),
        f"{every.expected / truth.sum():.2f}",
    ]


def expected_line(each: Sequence[Scored]) -> str:
    """What `diff` says to expect among the first of its lists and of false alarms, over all comparisons, and what is real."""
    said = []
    for most in (10, 50, 200):
        first = [np.argsort(-one.listed, kind="stable")[:most] for one in each]
        expected = sum(float(one.listed[some].sum()) for one, some in zip(each, first, strict=True))
        real = sum(int(one.truth[some].sum()) for one, some in zip(each, first, strict=True))
        said.append(f"{expected:.1f} and {real} of the first {most}")
    every = together(each)
    alarms, false = (1 - every.listed)[every.confirmed].sum(), (~every.truth)[every.confirmed].sum()
    return f"expected and real: {', '.join(said)}; false alarms {alarms:.1f} and {false}"


def listed(pair: SurveyPair, cells: CellChanges, least: float) -> tuple[Mask, Floats]:
    """Which cells (n,) of a pair are confirmed from a probability of `least`, and the probability with which each is listed.

    As `diff` lists them: a confirmed cell by the change that its labels name, any other by its likeliest change.
    """
    sure = pair.differ & (cells.named >= least)
    return sure, np.where(sure, cells.named, cells.moved)
