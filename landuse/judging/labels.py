"""Label names as classes of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landuse.errors import UsageError
from landuse.evaluation.predictions import Mask
from landuse.models.bundle import Bundle
from landuse.training.dataset import targets_of
from landuse.training.image_samples import class_code


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """Labels of n rows as classes.

    Attributes:
        members: bool (n, K), the classes of each row.
        known: bool (n,), whether a row can be compared: it is of a class of the model, or said to be of none.
        unknown: a sentence for each label that the model does not know.
    """

    members: Mask
    known: Mask
    unknown: tuple[str, ...]


def read_labels(labels: Sequence[Sequence[str]], bundle: Bundle, title: str, *, multi: bool) -> ReadLabels:
    """The classes of rows.

    Args:
        labels: the label names of each row.
        bundle: the model.
        title: of the data, for sentences.
        multi: whether some rows have no label or several.

    Raises:
        UsageError: they have, and the model gives one class each.
    """
    if multi and bundle.head.thresholds is None:
        raise UsageError(f"{title} has several labels a row, but this model gives one class each.")
    codes = {name: class_code(bundle.legend, name) for row in labels for name in row}
    targets, strange = targets_of(labels, codes, bundle.legend)
    empty = np.array([multi and not row for row in labels], bool)
    unknown = tuple(
        f"{name}: {count:,} rows of a class that the model does not know" for name, count in strange.items()
    )
    return ReadLabels(targets > 0, np.asarray(targets.any(axis=1) | empty), unknown)
