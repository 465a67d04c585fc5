"""How good features are: logistic probes, and finding a place again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from landuse.models.arrays import Floats
from landuse.models.heads import LogisticHead

PENALTY = 0.01
"""Inverse strength of the penalty on standardised features."""
Labels = npt.NDArray[np.int64]


def probe(features: Floats, labels: Labels) -> LogisticHead:
    """A logistic probe."""
    return fit_quickly(features, labels, class_count=int(labels.max()) + 1, penalty=PENALTY)


def fit_quickly(
    features: Floats,
    labels: Labels,
    *,
    class_count: int,
    penalty: float,
    sample_weight: npt.NDArray[np.floating] | None = None,
) -> LogisticHead:
    """As `heads.fit_logistic`, but stops when the slope is below 0.0001: much sooner, and no worse for a probe.

    Args:
        features: (n, D).
        labels: (n,) classes 0 to `class_count` - 1, each of which occurs.
        class_count: K, more than two.
        penalty: inverse strength of the L2 penalty on standardised features.
        sample_weight: (n,), or None for equal weights.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    model = LogisticRegression(C=penalty, max_iter=300, tol=1e-4)
    model.fit((features - mean) / scale, labels, sample_weight=sample_weight)
    return LogisticHead(
        model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32), mean, scale.astype(np.float32)
    )


def five_fold(features: Floats, labels: Labels, seed: int = 0) -> float:
    """Share of rows that are right when a probe of the other four fifths names them (stratified, shuffled)."""
    right = 0
    for others, fold in StratifiedKFold(5, shuffle=True, random_state=seed).split(features, labels):
        right += int(
            share_right(probe(features[others], labels[others]), features[fold], labels[fold]) * len(fold) + 0.5
        )
    return right / len(labels)


def held_out_accuracy(features: Floats, labels: Labels, held_out: npt.NDArray[np.bool_]) -> float:
    """Accuracy on the held-out rows of a probe fitted on the others."""
    return share_right(probe(features[~held_out], labels[~held_out]), features[held_out], labels[held_out])


def share_right(head: LogisticHead, features: Floats, labels: Labels) -> float:
    """Share of rows whose class the head finds."""
    return float((head.scores(features).argmax(axis=1) == labels).mean())


def found_again(first: Floats, second: Floats) -> float:
    """Share of the places (rows) of one date whose nearest neighbour at the other date is the same place.

    Nearest by cosine of features that are standardised over both dates.
    """
    both = np.concatenate([first, second])
    standard = (both - both.mean(axis=0)) / (both.std(axis=0) + 1e-6)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    likeness = standard[: len(first)] @ standard[len(first) :].T
    return float((likeness.argmax(axis=1) == np.arange(len(first))).mean())
