"""Samples made of nothing."""

import numpy as np

from landuse.training.samples import Samples, strata_of
from landuse.training.split import Layout
from tests.models import small


def samples(labels=None, targets=None, weights=None, features=None, multi=False, **layout) -> Samples:
    targets = np.eye(3, dtype=np.float32)[labels] if targets is None else np.array(targets, np.float32)
    return Samples(
        features=np.zeros((len(targets), 4), np.float32) if features is None else features,
        targets=targets,
        weights=np.ones(len(targets)) if weights is None else np.array(weights),
        layout=Layout(strata_of(targets), **layout),
        legend=small.LEGEND,
        digest="sha256:0",
        multi=multi,
    )
