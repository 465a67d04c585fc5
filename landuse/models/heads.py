"""Heads: from a feature vector to class probabilities.

Frozen, made of plain arrays, applied with numpy whatever library fitted them. Trees are in `heads_forest`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.arrays import Floats

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer]
Factor = float | npt.NDArray[np.float64]
"""One number, or one for each class (K,)."""
Arrays = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]
ABSENT = -30.0
"""Score of a class that no sample had: its probability is 0 to thirteen digits."""
Mask = npt.NDArray[np.bool_]
HALF = 0.5


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


@dataclass(frozen=True, eq=False)
class DenseHead(SoftmaxHead):
    """Layers of weights with ReLU between them.

    Attributes:
        kernels: float32 (D, h1), (h1, h2), ..., (hm, K).
        biases: float32 (h1,), ..., (K,).
        mean: float32 (D,), taken off the features.
        scale: float32 (D,), what they are then divided by; above 0.
        temperature: what the scores are divided by; above 0.
    """

    kernels: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    mean: Floats
    scale: Floats
    temperature: float = 1.0
    kind: ClassVar[Literal["dense"]] = "dense"

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.kernels[0].shape[0])

    @property
    def class_count(self) -> int:
        """K."""
        return int(self.kernels[-1].shape[1])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) of the last layer, temperature included."""
        values = (features.astype(np.float32) - self.mean) / self.scale
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ kernel + bias, 0)
        return (values.astype(np.float64) @ self.kernels[-1] + self.biases[-1]) / self.temperature

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> DenseHead:
        """The head with other scores; scale and offset become part of the last layer."""
        last, bias = self.kernels[-1] * scale, self.biases[-1] * scale + offset
        return replace(
            self,
            kernels=(*self.kernels[:-1], last.astype(np.float32)),
            biases=(*self.biases[:-1], bias.astype(np.float32)),
            temperature=temperature,
        )

    def arrays(self) -> Arrays:
        """The layers by number, mean and scale."""
        layers: Arrays = {f"kernel{i}": kernel for i, kernel in enumerate(self.kernels)}
        layers |= {f"bias{i}": bias for i, bias in enumerate(self.biases)}
        return layers | {"mean": self.mean, "scale": self.scale}


@dataclass(frozen=True, eq=False)
class MultiLabelHead:
    """The scores of another head through a sigmoid a class.

    Attributes:
        body: makes the scores.
        thresholds: float32 (K,), probability from which each class is given.
    """

    body: LogisticHead | DenseHead
    thresholds: Floats

    @property
    def kind(self) -> str:
        """That of the body."""
        return self.body.kind

    @property
    def feature_count(self) -> int:
        """D."""
        return self.body.feature_count

    @property
    def class_count(self) -> int:
        """K."""
        return self.body.class_count

    @property
    def temperature(self) -> float:
        """That of the body."""
        return self.body.temperature

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) before the sigmoids."""
        return self.body.scores(features)

    def apply(self, features: Floats) -> Floats:
        """Probability float32 (n, K) of each class by itself."""
        return np.asarray(expit(self.scores(features)), np.float32)

    def given(self, probabilities: Floats) -> Mask:
        """Which classes each row is given, bool (n, K)."""
        return np.asarray(probabilities >= self.thresholds)

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> MultiLabelHead:
        """The head with other scores and the same thresholds."""
        return replace(self, body=self.body.scaled(scale, offset, temperature))

    def with_thresholds(self, thresholds: npt.NDArray[np.floating]) -> MultiLabelHead:
        """The head with other thresholds."""
        return replace(self, thresholds=thresholds.astype(np.float32))

    def arrays(self) -> Arrays:
        """Those of the body, and the thresholds."""
        return self.body.arrays() | {"thresholds": self.thresholds}


def halves(class_count: int) -> Floats:
    """Thresholds of one half, float32 (K,)."""
    return np.full(class_count, HALF, np.float32)


def affine_layers(head: Head) -> list[tuple[Floats, Floats]]:
    """A head before its softmax or sigmoids as matrices and offsets with ReLU between, float32, temperature included.

    Raises:
        UsageError: a head that is not made of such layers.
    """
    body = head.body if isinstance(head, MultiLabelHead) else head
    if isinstance(body, LogisticHead):
        return [body.affine()]
    if not isinstance(body, DenseHead):
        raise UsageError(
            "The head of the model is a forest, which no format for other programs holds as part of a network: train it with "
            "--head logistic or --head dense."
        )
    kernels, biases = (list(values) for values in (body.kernels, body.biases))
    first = kernels[0].astype(np.float64) / body.scale[:, None]
    kernels[0], biases[0] = first.astype(np.float32), (biases[0] - body.mean @ first).astype(np.float32)
    kernels[-1], biases[-1] = kernels[-1] / np.float32(body.temperature), biases[-1] / np.float32(body.temperature)
    return list(zip(kernels, biases, strict=True))
