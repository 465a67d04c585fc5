"""From which probability a class of several is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from landuse.models.arrays import Floats
from landuse.models.heads_multi import HALF

FEWEST = 5
"""Samples with and without a class below which its threshold stays one half: fewer say nothing."""


def best_thresholds(targets: npt.NDArray[np.generic], probabilities: Floats) -> Floats:
    """The threshold of each class with the highest F1 on some samples, float32 (K,), halfway between two probabilities.

    Of equally good ones the highest is taken. A threshold chosen on samples flatters the F1 measured on the same ones.

    Args:
        targets: (n, K), 0 or 1.
        probabilities: float32 (n, K).
    """
    pairs = zip(np.asarray(targets, bool).T, probabilities.T.astype(np.float64), strict=True)
    return np.array([_best(members, scores) for members, scores in pairs], np.float32)


def _best(members: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    total = int(members.sum())
    if min(total, len(members) - total) < FEWEST:
        return HALF
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    found = np.cumsum(members[order])
    f1 = 2 * found / (np.arange(1, len(scores) + 1) + total)
    cuts = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # equal scores are given together or not at all
    last = int(cuts[f1[cuts].argmax()])
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)
