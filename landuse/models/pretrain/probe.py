"""How good features are: a logistic probe."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from landuse.models.arrays import Floats

Labels = npt.NDArray[np.int64]


def held_out_accuracy(features: Floats, labels: Labels, held_out: npt.NDArray[np.bool_]) -> float:
    """Accuracy on the held-out rows of a probe fitted on the others."""
    return float(_probe().fit(features[~held_out], labels[~held_out]).score(features[held_out], labels[held_out]))


def _probe() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500))
