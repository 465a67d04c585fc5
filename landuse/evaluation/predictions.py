"""Reference and prediction side by side, one class a row or several, in these classes or in coarser ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from landuse.errors import ConfigError
from landuse.evaluation.metrics import (
    Metrics,
    class_metrics,
    confusion_matrix,
    matrix_metrics,
    mean_known,
    ratio,
    weighted_means,
)
from landuse.evaluation.scores import Ranking, expected_error
from landuse.legend import UNMAPPED, Legend

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class BinaryCounts:
    """The 2 x 2 confusion matrix of each class against the rest; int64 (K,) each."""

    tp: Counts
    fn: Counts
    fp: Counts
    tn: Counts


@dataclass(frozen=True, eq=False)
class Predictions:
    """Rows of one class each, with what was predicted for them.

    Attributes:
        names: the K class names.
        truth: int64 (n,) positions in `names`.
        prediction: int64 (n,) likewise.
        probabilities: float64 (n, K), or None where there are labels only.
        groups: object (n,), what rows belong together (a county, a block of chips); None where each stands alone.
    """

    names: tuple[str, ...]
    truth: Counts
    prediction: Counts
    probabilities: Floats | None = None
    groups: Names | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, chosen: Mask) -> Predictions:
        """The rows where a mask holds."""
        return Predictions(
            self.names,
            self.truth[chosen],
            self.prediction[chosen],
            None if self.probabilities is None else self.probabilities[chosen],
            None if self.groups is None else self.groups[chosen],
        )

    @property
    def members(self) -> Mask:
        """Which class each row is of, bool (n, K)."""
        return np.asarray(self.truth[:, None] == np.arange(len(self.names)))

    @property
    def confidence(self) -> Floats | None:
        """Probability (n,) of what was predicted."""
        return None if self.probabilities is None else self.probabilities[np.arange(len(self)), self.prediction]

    @cached_property
    def rankings(self) -> tuple[Ranking, ...]:
        """Rows ranked by the probability of each class; empty without probabilities."""
        return _rankings(self.members, self.probabilities)

    def matrix(self, weights: Counts | None = None) -> Counts:
        """Confusion matrix (K, K), rows the reference; a row counts `weights` times."""
        return confusion_matrix(self.truth, self.prediction, len(self.names), weights)

    def binary(self) -> BinaryCounts:
        """Each class against the rest."""
        matrix = self.matrix()
        tp, fn, fp = np.diag(matrix), matrix.sum(axis=1) - np.diag(matrix), matrix.sum(axis=0) - np.diag(matrix)
        return BinaryCounts(tp, fn, fp, len(self) - tp - fn - fp)

    def figures(self, weights: Counts | None = None) -> Metrics:
        """The figures of `metrics.json`; a row counts `weights` times."""
        confidence = self.confidence
        right = self.truth == self.prediction
        return matrix_metrics(
            self.matrix(weights),
            self.names,
            roc_auc=mean_known(r.auc(weights) for r in self.rankings),
            ece=None if confidence is None else expected_error(confidence, right, weights),
        )


@dataclass(frozen=True, eq=False)
class MultiPredictions:
    """Rows of any number of classes each, with what was predicted for them.

    Attributes:
        names: the K class names.
        truth: bool (n, K).
        prediction: bool (n, K).
        probabilities: float64 (n, K) of each class by itself, or None.
        thresholds: (K,) probability from which a class counts as predicted; None where predictions came as labels.
        groups: as in `Predictions`.
    """

    names: tuple[str, ...]
    truth: Mask
    prediction: Mask
    probabilities: Floats | None = None
    thresholds: Floats | None = None
    groups: Names | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, chosen: Mask) -> MultiPredictions:
        """The rows where a mask holds."""
        return MultiPredictions(
            self.names,
            self.truth[chosen],
            self.prediction[chosen],
            None if self.probabilities is None else self.probabilities[chosen],
            self.thresholds,
            None if self.groups is None else self.groups[chosen],
        )

    @property
    def members(self) -> Mask:
        """Which classes each row is of, bool (n, K)."""
        return self.truth

    @cached_property
    def rankings(self) -> tuple[Ranking, ...]:
        """Rows ranked by the probability of each class; empty without probabilities."""
        return _rankings(self.members, self.probabilities)

    def binary(self, weights: Counts | None = None) -> BinaryCounts:
        """Each class by itself; a row counts `weights` times."""
        times = np.ones(len(self), np.int64) if weights is None else weights
        cells = [times @ (a & b) for a in (self.truth, ~self.truth) for b in (self.prediction, ~self.prediction)]
        tp, fn, fp, tn = (np.asarray(c, np.int64) for c in cells)
        return BinaryCounts(tp, fn, fp, tn)

    def figures(self, weights: Counts | None = None) -> Metrics:
        """The figures of `metrics.json`; a row counts `weights` times.

        Accuracy is the share of rows whose labels are all right. Kappa and the disagreements are None: they are figures
        of a confusion matrix, which rows of several classes do not have. The calibration error takes every row and class
        as one statement.
        """
        counts = self.binary(weights)
        times = np.ones(len(self), np.int64) if weights is None else weights
        classes = class_metrics(counts.tp, counts.tp + counts.fn, counts.tp + counts.fp)
        right = (self.truth == self.prediction).all(axis=1)
        return Metrics(
            accuracy=ratio((times * right).sum(), times.sum()),
            **weighted_means(classes),
            roc_auc=mean_known(r.auc(weights) for r in self.rankings),
            kappa=None,
            per_class=dict(zip(self.names, classes, strict=True)),
            quantity_disagreement=None,
            allocation_disagreement=None,
            ece=self._calibration_error(times),
            n=int(times.sum()),
        )

    def _calibration_error(self, times: Counts) -> float | None:
        if self.probabilities is None:
            return None
        each = np.repeat(times, len(self.names))
        return expected_error(self.probabilities.ravel(), self.truth.ravel(), each)


Judged = Predictions | MultiPredictions


def predictions_of(
    names: tuple[str, ...],
    members: Mask,
    probabilities: npt.NDArray[np.floating],
    thresholds: npt.NDArray[np.floating] | None = None,
    groups: Names | None = None,
) -> Judged:
    """What a model says of labelled rows.

    Args:
        names: the K class names.
        members: bool (n, K), the classes of each row; exactly one without thresholds.
        probabilities: (n, K).
        thresholds: (K,) of a model that gives any number of classes; None of one that gives one.
        groups: as in `Predictions`.
    """
    exact = probabilities.astype(np.float64)
    if thresholds is None:
        truth, prediction = members.argmax(axis=1).astype(np.int64), exact.argmax(axis=1).astype(np.int64)
        return Predictions(names, truth, prediction, exact, groups)
    limits = thresholds.astype(np.float64)
    return MultiPredictions(names, members, np.asarray(probabilities >= thresholds), exact, limits, groups)


def _rankings(members: Mask, probabilities: Floats | None) -> tuple[Ranking, ...]:
    if probabilities is None:
        return ()
    return tuple(Ranking.of(members[:, k], probabilities[:, k]) for k in range(probabilities.shape[1]))


def regrouped(rows: Judged, legend: Legend, groups: Legend) -> Judged:
    """Rows in the classes of `groups`.

    A row's predicted group is that of its predicted class; a group's probability is the sum of its classes' (where rows have
    several labels there is none, because such probabilities do not add up). A row with several labels is of every group that
    one of its classes is of.

    Raises `ConfigError` where a class has no group.
    """
    group_of = group_positions(rows.names, legend, groups)
    member = group_of[:, None] == np.arange(len(groups))
    if isinstance(rows, MultiPredictions):
        return MultiPredictions(groups.names, rows.truth @ member, rows.prediction @ member, groups=rows.groups)
    scores = None if rows.probabilities is None else np.clip(rows.probabilities @ member, 0.0, 1.0)
    return Predictions(groups.names, group_of[rows.truth], group_of[rows.prediction], scores, rows.groups)


def group_positions(names: Sequence[str], legend: Legend, groups: Legend) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Position in `groups` of each class name (K,). Raises `ConfigError` where `legend` lacks the class or its group."""
    codes = np.array([legend.code_of(name) for name in names])
    if UNMAPPED in codes:
        strange = names[int(np.flatnonzero(codes == UNMAPPED)[0])]
        raise ConfigError(
            f"Legend {legend.name} has no class {strange!r}; give the legend of these classes as --legend."
        )
    position = {code: index for index, code in enumerate(groups.codes)}
    return np.array([position[code] for code in legend.regroup(groups)[codes].tolist()], np.int64)


def members_of(names: Sequence[str], legend: Legend, groups: Legend) -> dict[str, list[str]]:
    """The classes that make up each group."""
    found = group_positions(names, legend, groups).tolist()
    return {
        group: [name for name, own in zip(names, found, strict=True) if own == index]
        for index, group in enumerate(groups.names)
    }
