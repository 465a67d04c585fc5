"""From scores to probabilities. As in scipy.special, whose import takes a worker longer than these lines take to read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating[Any]]


def log_softmax(scores: Scores, axis: int) -> Scores:
    """Logarithms of `softmax`, of the same shape and type."""
    shifted = scores - scores.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def softmax(scores: Scores, axis: int) -> Scores:
    """Probabilities that sum to 1 along an axis, of the same shape and type; large scores do not overflow."""
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


def expit(scores: Scores) -> Scores:
    """The logistic function, of the same shape and type; large scores do not overflow."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1 / (1 + small), small / (1 + small)))
