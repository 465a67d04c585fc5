"""Heads: from a feature vector to class probabilities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from landuse.errors import UsageError
from landuse.models.arrays import Floats

Labels = npt.NDArray[np.integer]
ABSENT = -30.0
"""Score of a class that no sample had: its probability is 0 to thirteen digits."""


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """Multinomial logistic regression over standardised features, with a temperature.

    Attributes:
        weight: float32 (D, K).
        bias: float32 (K,).
        mean: float32 (D,), taken off the features.
        scale: float32 (D,), what they are then divided by; above 0.
        temperature: what the scores are divided by before the softmax (Guo et al. 2017); above 0.
    """

    weight: Floats
    bias: Floats
    mean: Floats
    scale: Floats
    temperature: float = 1.0

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.weight.shape[0])

    @property
    def class_count(self) -> int:
        """K."""
        return int(self.weight.shape[1])

    def affine(self) -> tuple[Floats, Floats]:
        """The whole head before the softmax as one matrix (D, K) and one offset (K,), float32."""
        matrix = self.weight.astype(np.float64) / self.scale[:, None] / self.temperature
        offset = self.bias.astype(np.float64) / self.temperature - self.mean @ matrix
        return matrix.astype(np.float32), offset.astype(np.float32)

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) before the softmax, temperature included."""
        standard = (features.astype(np.float64) - self.mean) / self.scale
        return (standard @ self.weight.astype(np.float64) + self.bias) / self.temperature

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D)."""
        probabilities: Floats = softmax(self.scores(features), axis=1).astype(np.float32)
        return probabilities


def fit_logistic(
    features: Floats,
    labels: Labels,
    *,
    class_count: int,
    C: float = 1.0,
    sample_weight: npt.NDArray[np.floating] | None = None,
) -> LogisticHead:
    """Fit a head by scikit-learn's L-BFGS.

    Args:
        features: (n, D).
        labels: class index of each row, 0 to `class_count` - 1. A class without a row gets probability 0.
        class_count: K.
        C: inverse strength of the L2 penalty on standardised features.
        sample_weight: (n,), or None for equal weights.

    Raises:
        UsageError: without rows, for labels outside the legend, or with one class only.
    """
    present = np.unique(labels)
    if not len(labels) or present[0] < 0 or present[-1] >= class_count:
        raise UsageError(f"Labels must be class indices from 0 to {class_count - 1}, and there must be some.")
    if len(present) == 1:
        raise UsageError("All samples are of one class: a head needs samples of at least two.")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    from sklearn.exceptions import ConvergenceWarning  # a second to import, and no worker that only infers needs it
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a slightly early stop costs nothing here
        model.fit((features - mean) / scale, labels, sample_weight=sample_weight)
    coefficients, intercepts = _one_row_a_class(model.coef_, model.intercept_)
    weight = np.zeros((features.shape[1], class_count), np.float32)
    bias = np.full(class_count, ABSENT, np.float32)
    weight[:, present], bias[present] = coefficients.T, intercepts
    return LogisticHead(weight, bias, mean.astype(np.float32), scale.astype(np.float32))


def _one_row_a_class(
    coefficients: npt.NDArray[np.float64], intercepts: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scikit-learn keeps one row for two classes; a softmax needs two."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2


def balanced_weights(labels: Labels, class_count: int) -> npt.NDArray[np.float64]:
    """A weight (n,) for each sample so that every class present weighs the same, with mean 1."""
    counts = np.bincount(labels, minlength=class_count)
    weights: npt.NDArray[np.float64] = 1.0 / counts[labels]
    return np.asarray(weights / weights.mean(), np.float64)


def calibrate(head: LogisticHead, features: Floats, labels: Labels) -> LogisticHead:
    """The head with the temperature that fits held-back data best (least negative log-likelihood).

    Args:
        head: to calibrate; its present temperature is replaced.
        features: (n, D), not used in fitting.
        labels: class index of each row.

    Raises:
        UsageError: without rows.
    """
    if not len(labels):
        raise UsageError("Calibration needs held-back samples, and there are none.")
    scores = replace(head, temperature=1.0).scores(features)

    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(likelihood[np.arange(len(labels)), labels].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return replace(head, temperature=float(np.exp(best.x)))
