"""A head that gives a row any number of classes: a sigmoid and a threshold for each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.arrays import Floats
from landuse.models.heads import ABSENT, Arrays, Factor, LogisticHead, logistic_head
from landuse.models.heads_dense import DenseHead
from landuse.models.heads_solver import Penalty, sigmoid_loss, solve, standard_of
from landuse.models.links import expit

Mask = npt.NDArray[np.bool_]
HALF = 0.5


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


def fit_multi_logistic(
    features: Floats, targets: Floats, weights: npt.NDArray[np.float64], penalty: Penalty
) -> MultiLabelHead:
    """A logistic regression of each class against its absence, all at once: binary cross-entropy with elastic net.

    A class that no row has gets probability 0, one that every row has 1.

    Args:
        features: (n, D).
        targets: float32 (n, K), 0 or 1.
        weights: (n, K), what each row says of each class counts.
        penalty: of each class's mean loss.
    """
    both = varied(targets)
    standard = standard_of(features, weights.mean(axis=1))
    present = np.flatnonzero(both)
    found = solve(standard.of(features), targets[:, both], weights[:, both], penalty, sigmoid_loss)
    head = logistic_head(found, standard, present, targets.shape[1])
    always = targets.all(axis=0) & ~both
    return MultiLabelHead(replace(head, bias=np.where(always, -ABSENT, head.bias)), halves(targets.shape[1]))


def varied(targets: Floats) -> Mask:
    """Which classes some rows have and others have not, bool (K,). Raises `UsageError` where there is none."""
    both = np.asarray(targets.any(axis=0) & ~targets.all(axis=0))
    if not both.any():
        raise UsageError("Every class is in all samples or in none, so there is nothing to tell apart.")
    return both
