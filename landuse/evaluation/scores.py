"""How good scores are: how they rank a class before the rest, and whether a probability means what it says.

Scikit-learn gives the same (tests/evaluation/test_ranking.py), but sorts anew for every resample of a bootstrap: 86 ms for the
area of 10,000 weighted rows, against 2.4 ms here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
BINS = 15


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """What every threshold gives, from the highest down; float64 (m,) each. Row i takes all scores >= `threshold[i]`.

    Attributes:
        threshold: each score that occurs, once.
        recall: share of the members at or above it (the true positive rate); NaN without members.
        false_rate: share of the others at or above it (the false positive rate); NaN without others.
        precision: share of members among those at or above it.
    """

    threshold: Floats
    recall: Floats
    false_rate: Floats
    precision: Floats


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted by score once, so that areas under other weights cost no further sorting.

    Attributes:
        order: int64 (n,), positions from the highest score down.
        ends: int64 (m,), where each run of equal scores ends in that order (its last position).
        members: bool (n,), in the order given.
        scores: float64 (n,), likewise.
    """

    order: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    members: Mask
    scores: Floats

    @classmethod
    def of(cls, members: Mask, scores: Floats) -> Ranking:
        """Rank rows, of which `members` are of the class."""
        order = np.argsort(-scores, kind="stable").astype(np.int64)
        steps = np.flatnonzero(np.diff(scores[order]))
        ends = np.append(steps, len(scores) - 1) if len(scores) else steps
        return cls(order, ends.astype(np.int64), members, scores)

    def totals(self, weights: npt.NDArray[np.int64] | None = None) -> tuple[Floats, Floats]:
        """Members and others at or above each score that occurs, float64 (m,) each; a row counts `weights` times."""
        members = self.members[self.order]
        times = np.ones(len(members)) if weights is None else weights[self.order].astype(np.float64)
        return np.cumsum(times * members)[self.ends], np.cumsum(times * ~members)[self.ends]

    def auc(self, weights: npt.NDArray[np.int64] | None = None) -> float | None:
        """Area under the ROC curve by trapezoids, ties shared (Fawcett 2006, algorithm 2).

        None without members or without others.
        """
        true, false = self.totals(weights)
        if not len(true) or not true[-1] or not false[-1]:
            return None
        heights = true + np.concatenate([[0.0], true[:-1]])
        return float((np.diff(false, prepend=0.0) * heights).sum() / 2 / true[-1] / false[-1])

    def average_precision(self) -> float | None:
        """Precision averaged over the steps of recall: sum of (R_i - R_i-1) P_i. None without members."""
        true, false = self.totals()
        if not len(true) or not true[-1]:
            return None
        return float((np.diff(true, prepend=0.0) * true / (true + false)).sum() / true[-1])

    def points(self) -> CurvePoints:
        """Both curves, a point for each score that occurs."""
        true, false = self.totals()
        last = (true[-1], false[-1]) if len(true) else (0.0, 0.0)
        nothing = np.full(len(true), np.nan)
        return CurvePoints(
            self.scores[self.order][self.ends],
            true / last[0] if last[0] else nothing,
            false / last[1] if last[1] else nothing,
            true / (true + false),
        )


@dataclass(frozen=True)
class Bin:
    """One bin of confidence, `low` excluded and `high` included; means are None where it is empty."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and share that is right in equal bins of confidence: the data of a reliability diagram.

    Args:
        confidence: (n,) probabilities of what was predicted, 0 to 1.
        right: (n,) whether it was so.
        bins: how many; 15 as in Guo et al. 2017.
    """
    where = bin_of(confidence, bins)
    count = np.bincount(where, minlength=bins)
    said, was = np.bincount(where, confidence, minlength=bins), np.bincount(where, right, minlength=bins)
    return tuple(
        Bin(
            i / bins,
            (i + 1) / bins,
            int(n),
            float(said[i] / n) if n else None,
            float(was[i] / n) if n else None,
        )
        for i, n in enumerate(count.tolist())
    )


def expected_error(
    confidence: Floats,
    right: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.int64] | None = None,
    bins: int = BINS,
) -> float | None:
    """Expected calibration error: mean distance of confidence and accuracy over the bins (Guo et al. 2017, equation 3).

    A row counts `weights` times; None where nothing counts.
    """
    times = np.ones(len(confidence)) if weights is None else weights
    if not times.sum():
        return None
    gap = np.bincount(bin_of(confidence, bins), times * (right - confidence), minlength=bins)
    return float(np.abs(gap).sum() / times.sum())


def bin_of(confidence: Floats, bins: int = BINS) -> npt.NDArray[np.int64]:
    """Number of the bin of each confidence, from 0."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
