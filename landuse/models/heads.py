"""Heads: from a feature vector to class probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.arrays import Floats
from landuse.models.heads_solver import Penalty, Standard, solve_softmax, standard_of
from landuse.models.links import log_softmax, softmax

Labels = npt.NDArray[np.integer]
Factor = float | npt.NDArray[np.float64]
"""One number, or one for each class (K,)."""
Arrays = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]
ABSENT = -30.0
"""Score of a class that no sample had: its probability is 0 to thirteen digits."""


class Head(Protocol):
    """From feature vectors to probabilities. Frozen, made of plain arrays, applied without the library that fitted it."""

    @property
    def kind(self) -> str:
        """What it is called in a model file."""

    @property
    def feature_count(self) -> int:
        """D."""

    @property
    def class_count(self) -> int:
        """K."""

    @property
    def temperature(self) -> float:
        """What the scores are divided by; above 0."""

    @property
    def thresholds(self) -> Floats | None:
        """Of a head that gives a row any number of classes, the probability (K,) from which it gives each; else None."""

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) before the softmax, or before the sigmoid of each class; temperature included."""

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D): rows that sum to 1, or of each class by itself."""

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> Head:
        """The head whose scores are (score * scale + offset) / temperature; its present temperature is replaced."""

    def arrays(self) -> Arrays:
        """All that it is made of, by name."""


class SoftmaxHead(ABC):
    """What the heads share that give a row one class: a softmax makes their scores probabilities."""

    thresholds: ClassVar[None] = None

    @abstractmethod
    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) before the softmax, temperature included."""

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D)."""
        return np.asarray(softmax(self.scores(features), axis=1), np.float32)


@dataclass(frozen=True, eq=False)
class LogisticHead(SoftmaxHead):
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
    kind: ClassVar[Literal["logistic"]] = "logistic"

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

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> LogisticHead:
        """The head with other scores; scale and offset become part of its weights."""
        weight, bias = self.weight * scale, self.bias * scale + offset
        return replace(self, weight=weight.astype(np.float32), bias=bias.astype(np.float32), temperature=temperature)

    def arrays(self) -> Arrays:
        """Its four arrays."""
        return {"weight": self.weight, "bias": self.bias, "mean": self.mean, "scale": self.scale}


def in_graph(head: Head) -> LogisticHead | None:
    """The head where it can be a part of the network's graph: an affine function and a softmax; else None."""
    return head if isinstance(head, LogisticHead) else None


def fit_logistic(
    features: Floats,
    labels: Labels,
    *,
    class_count: int,
    C: float = 1.0,
    sample_weight: npt.NDArray[np.floating] | None = None,
    penalty: Penalty | None = None,
) -> LogisticHead:
    """Fit a multinomial logistic regression on the driver.

    Args:
        features: (n, D).
        labels: class index of each row, 0 to `class_count` - 1. A class without a row gets probability 0.
        class_count: K.
        C: inverse strength of an L2 penalty on standardised features; used where no penalty is given.
        sample_weight: (n,), or None for equal weights.
        penalty: elastic net as Spark MLlib has it.

    Raises:
        UsageError: without rows, for labels outside the legend, or with one class only.
    """
    present, own = present_classes(labels, class_count)
    weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    rule = penalty or Penalty(1 / (C * float(weights.sum())))
    standard = standard_of(features, weights)
    found = solve_softmax(standard.of(features), own, weights, rule)
    return logistic_head(found, standard, present, class_count)


def present_classes(labels: Labels, class_count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The classes that occur, and each label's position among them. Raises as `fit_logistic`."""
    present, own = np.unique(np.asarray(labels, np.int64), return_inverse=True)
    if not len(labels) or present[0] < 0 or present[-1] >= class_count:
        raise UsageError(f"Labels must be class indices from 0 to {class_count - 1}, and there must be some.")
    if len(present) == 1:
        raise UsageError("All samples are of one class: a head needs samples of at least two.")
    return present, own.astype(np.int64)


def logistic_head(
    found: npt.NDArray[np.float64], standard: Standard, present: npt.NDArray[np.int64], class_count: int
) -> LogisticHead:
    """A head of K classes from weights float64 (D + 1, P) of the P that occurred, biases last."""
    weight = np.zeros((len(found) - 1, class_count), np.float32)
    bias = np.full(class_count, ABSENT, np.float32)
    weight[:, present], bias[present] = found[:-1], found[-1]
    return LogisticHead(weight, bias, standard.mean.astype(np.float32), standard.scale.astype(np.float32))


AnyHead = TypeVar("AnyHead", bound=Head)


def calibrate(head: AnyHead, features: Floats, labels: Labels) -> AnyHead:
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
    plain = head.scaled(1.0, 0.0, 1.0)
    scores = plain.scores(features)

    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        """Mean negative log-likelihood at a temperature."""
        likelihood = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(likelihood[np.arange(len(labels)), labels].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return cast(AnyHead, plain.scaled(1.0, 0.0, float(np.exp(best.x))))
