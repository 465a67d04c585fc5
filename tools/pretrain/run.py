"""One training run: from start weights to tuned weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from landuse.models.architectures import Architecture
from landuse.models.arrays import Floats, Weights
from landuse.models.heads import LogisticHead, fit_logistic
from tools.pretrain.batches import Drawer
from tools.pretrain.images import ImageSet
from tools.pretrain.probe import PENALTY
from tools.pretrain.student import Plan, Student, train_student


def tune(
    architecture: Architecture,
    start: Weights,
    source: ImageSet,
    plan: Plan,
    folder: Path,
    features_of: Callable[[ImageSet], Floats],
) -> Weights:
    """Tune `start` on what `source` does not hold out; goes on from the checkpoint in `folder` if there is one.

    The head that names the classes starts as the logistic probe of the start's features, so that its first gradients do
    not spoil them (Kumar et al. 2022, arXiv:2202.10054).
    """
    features = features_of(source)
    student = Student(architecture, start, first_head(source, features), plan)
    return train_student(student, Drawer(source, features), plan, folder / "checkpoint.npz")


def first_head(source: ImageSet, features: Floats) -> LogisticHead:
    """A probe of the labelled images that may be learnt from; classes without any start at 0."""
    known = np.flatnonzero((source.labels >= 0) & ~source.held_out)
    head = fit_logistic(features[known], source.labels[known], class_count=len(source.names), C=PENALTY)
    absent = np.setdiff1d(np.arange(len(source.names)), source.labels[known])
    head.bias[absent] = 0.0
    return head
