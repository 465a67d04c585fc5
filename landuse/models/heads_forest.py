"""A forest as head: trees in plain arrays, applied with numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.arrays import Floats
from landuse.models.heads import Arrays, Factor, SoftmaxHead

Indices = npt.NDArray[np.int32]
LEAF = -1
DEEPEST = 30
"""What Spark MLlib allows."""
SMALLEST = 1e-6
"""What a probability of 0 counts as in a score: a leaf that never saw a class does not rule it out for good."""


@dataclass(frozen=True, eq=False)
class ForestHead(SoftmaxHead):
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
        temperature: what the scores are divided by; above 0.
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
    kind: ClassVar[Literal["forest"]] = "forest"

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
