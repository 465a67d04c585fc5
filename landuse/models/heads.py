"""Heads: from a feature vector to class probabilities.

Frozen, made of plain arrays, applied with numpy whatever library fitted them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.libraries import Floats

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer]
Factor = float | npt.NDArray[np.float64]
"""One number, or one for each class (K,)."""
Arrays = dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]
ABSENT = -30.0
"""Score of a class that no sample had: its probability is 0 to thirteen digits."""
Mask = npt.NDArray[np.bool_]
HALF = 0.5
Indices = npt.NDArray[np.int32]
LEAF = -1
DEEPEST = 30
"""What Spark MLlib allows."""
SMALLEST = 1e-6
"""What a probability of 0 counts as in a score: a leaf that never saw a class does not rule it out for good."""


def softmax(scores: Scores, axis: int) -> Scores:
    """Probabilities that sum to 1 along an axis, of the same shape and type; large scores do not overflow."""
    exponentials = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


def expit(scores: Scores) -> Scores:
    """The logistic function, of the same shape and type; large scores do not overflow."""
    small = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1 / (1 + small), small / (1 + small)))


class Head(ABC):
    """From feature vectors to probabilities. Frozen, made of plain arrays, applied without the library that fitted it."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What it is called in a model file."""

    @property
    @abstractmethod
    def feature_count(self) -> int:
        """D."""

    @property
    @abstractmethod
    def class_count(self) -> int:
        """K."""

    @property
    @abstractmethod
    def temperature(self) -> float:
        """What the scores are divided by (Guo et al. 2017); above 0."""

    @property
    @abstractmethod
    def thresholds(self) -> Floats | None:
        """Of a head that gives a row any number of classes, the probability (K,) from which it gives each; else None."""

    @abstractmethod
    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) before the softmax, or before the sigmoid of each class; temperature included."""

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D): rows that sum to 1, or of each class by itself."""
        scores = self.scores(features)
        return np.asarray(softmax(scores, axis=1) if self.thresholds is None else expit(scores), np.float32)

    @abstractmethod
    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> Head:
        """The head whose scores are (score * scale + offset) / temperature; its present temperature is replaced."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """All that it is made of, by name."""


@dataclass(frozen=True, eq=False)
class DenseHead(Head):
    """Layers of weights over standardised features, with ReLU between them. One layer is logistic regression.

    A softmax makes probabilities of their scores; with thresholds, which stand for several labels a row, a sigmoid a class.

    Attributes:
        kernels: float32 (D, h1), (h1, h2), ..., (hm, K).
        biases: float32 (h1,), ..., (K,).
        mean: float32 (D,), taken off the features.
        scale: float32 (D,), what they are then divided by; above 0.
        thresholds: float32 (K,), probability from which a row is given each class; None where it is given one.
    """

    kernels: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    mean: Floats
    scale: Floats
    temperature: float = 1.0
    thresholds: Floats | None = None

    @property
    def kind(self) -> Literal["logistic", "dense"]:
        """By the number of its layers."""
        return "dense" if self.hidden else "logistic"

    @property
    def feature_count(self) -> int:
        """D."""
        return len(self.mean)

    @property
    def class_count(self) -> int:
        """K."""
        return len(self.bias)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

    @property
    def weight(self) -> Floats:
        """The kernel of the last layer, (hm, K)."""
        return self.kernels[-1]

    @property
    def bias(self) -> Floats:
        """The biases of the last layer, (K,)."""
        return self.biases[-1]

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K) of the last layer, temperature included."""
        values = (features.astype(np.float64) - self.mean) / self.scale
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ kernel + bias, 0)
        return (values @ self.weight.astype(np.float64) + self.bias) / self.temperature

    def layers(self) -> list[tuple[Floats, Floats]]:
        """The head before its softmax as matrices and offsets with ReLU between, float32; all else is part of them."""
        kernels, biases = ([array.astype(np.float64) for array in arrays] for arrays in (self.kernels, self.biases))
        kernels[0] = kernels[0] / self.scale[:, None]
        biases[0] = biases[0] - self.mean @ kernels[0]
        kernels[-1], biases[-1] = kernels[-1] / self.temperature, biases[-1] / self.temperature
        return [(k.astype(np.float32), b.astype(np.float32)) for k, b in zip(kernels, biases, strict=True)]

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> DenseHead:
        """The head with other scores; scale and offset become part of the last layer."""
        return replace(
            self,
            kernels=(*self.kernels[:-1], (self.weight * scale).astype(np.float32)),
            biases=(*self.biases[:-1], (self.bias * scale + offset).astype(np.float32)),
            temperature=temperature,
        )

    def arrays(self) -> Arrays:
        """The layers by number, or the one without; mean, scale and thresholds."""
        found: Arrays = {"mean": self.mean, "scale": self.scale}
        if self.thresholds is not None:
            found["thresholds"] = self.thresholds
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            number = i if self.hidden else ""
            found |= {f"kernel{number}" if self.hidden else "weight": kernel, f"bias{number}": bias}
        return found


def logistic(weight: Floats, bias: Floats, mean: Floats, scale: Floats, temperature: float = 1.0) -> DenseHead:
    """A logistic regression: weight float32 (D, K), bias (K,), mean and scale of the features (D,)."""
    return DenseHead((weight,), (bias,), mean, scale, temperature)


def in_graph(head: Head) -> DenseHead | None:
    """The head where it can be a part of the network's graph: an affine function and a softmax; else None."""
    return head if isinstance(head, DenseHead) and not head.hidden and head.thresholds is None else None


def halves(class_count: int) -> Floats:
    """Thresholds of one half, float32 (K,)."""
    return np.full(class_count, HALF, np.float32)


@dataclass(frozen=True, eq=False)
class ForestHead(Head):
    """Decision trees whose leaves' class shares are averaged.

    A row goes left where its feature is at most the threshold. Children stand behind their parents, so that every walk ends.

    Attributes:
        roots: int32 (T,), node of each tree's root.
        feature: int32 (N,), which feature a node asks for; 0 in a leaf.
        threshold: float32 (N,).
        left, right: int32 (N,), node of either child; -1 in a leaf.
        shares: float32 (N, K), class shares of a node's samples; used in leaves.
        factor, offset: float32 (K,), of the scores, which are the logarithms of the mean shares.
        width: D.
    """

    roots: Indices
    feature: Indices
    threshold: Floats
    left: Indices
    right: Indices
    shares: Floats
    factor: Floats
    offset: Floats
    width: int
    temperature: float = 1.0

    @property
    def kind(self) -> Literal["forest"]:
        """By which a model file knows it."""
        return "forest"

    @property
    def thresholds(self) -> None:
        """None: a forest gives a row one class."""

    @property
    def feature_count(self) -> int:
        """D."""
        return self.width

    @property
    def class_count(self) -> int:
        """K."""
        return int(self.shares.shape[1])

    def leaves(self, features: Floats) -> Indices:
        """The leaf of each row in each tree, int32 (n, T)."""
        rows = np.arange(len(features))[:, None]
        nodes = np.broadcast_to(self.roots, (len(features), len(self.roots)))
        for _ in range(DEEPEST + 1):
            inner = self.left[nodes] != LEAF
            if not inner.any():
                break
            goes_left = features[rows, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(inner, np.where(goes_left, self.left[nodes], self.right[nodes]), nodes)
        return nodes

    def votes(self, features: Floats) -> npt.NDArray[np.float64]:
        """Mean class shares (n, K) of the leaves that rows fall into: the probabilities before calibration."""
        total = np.zeros((len(features), self.class_count))
        for leaves in self.leaves(np.asarray(features, np.float32)).T:
            total += self.shares[leaves]
        return total / len(self.roots)

    def scores(self, features: Floats) -> npt.NDArray[np.float64]:
        """Scores (n, K): logarithms of the votes, scaled; temperature included."""
        logs = np.log(self.votes(features) + SMALLEST)
        return (logs * self.factor.astype(np.float64) + self.offset.astype(np.float64)) / self.temperature

    def apply(self, features: Floats) -> Floats:
        """Probabilities float32 (n, K) of features (n, D); without calibration the votes themselves."""
        plain = self.temperature == 1 and (self.factor == 1).all() and not self.offset.any()
        return np.asarray(self.votes(features), np.float32) if plain else super().apply(features)

    def scaled(self, scale: Factor, offset: Factor, temperature: float) -> ForestHead:
        """The head with other scores."""
        factor, shift = self.factor * scale, self.offset * scale + offset
        return replace(self, factor=factor.astype(np.float32), offset=shift.astype(np.float32), temperature=temperature)

    def arrays(self) -> Arrays:
        """Everything but the number of features."""
        names = ("roots", "feature", "threshold", "left", "right", "shares", "factor", "offset")
        return {name: getattr(self, name) for name in names}

    def check(self) -> None:
        """Raise `UsageError` unless every walk from a root ends in a leaf within `DEEPEST` steps, inside all arrays."""
        count, own = len(self.left), np.arange(len(self.left))
        leaf = self.left == LEAF
        children = np.where(leaf[:, None], -1, np.stack([self.left, self.right], axis=1))
        sound = (
            len(self.roots) > 0
            and ((self.roots >= 0) & (self.roots < count)).all()
            and ((self.feature >= 0) & (self.feature < self.width)).all()
            and ((self.right == LEAF) == leaf).all()
            and (leaf[:, None] | (children > own[:, None])).all()
            and (children < count).all()
            and (self.shares >= 0).all()
            and np.allclose(self.shares[leaf].sum(axis=1), 1, atol=1e-3)
        )
        if not sound:
            raise UsageError("a tree of its head leads nowhere")
        level = np.unique(self.roots)
        for _ in range(DEEPEST):
            level = np.unique(children[level][~leaf[level]])
        if not leaf[level].all():
            raise UsageError(f"a tree of its head is deeper than {DEEPEST}")
