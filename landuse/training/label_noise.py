"""Label noise: labels that are likely wrong, such as stale ones of an older map and slips of the pen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landuse.grid import IntArray
from landuse.models.heads import Head
from landuse.training.dataset import Samples
from landuse.training.places import Mask

SMALLEST = 1e-12


def likely_wrong(samples: Samples, folds: IntArray, odds: float, fit: Callable[[Samples], Head]) -> Mask:
    """Which samples have a label that is at least `odds` times less likely than another class; bool (n,).

    Each sample is judged by a head that was fitted without its fold, so that a wrong label cannot speak for itself (after
    confident learning, Northcutt, Jiang and Chuang 2021).

    Args:
        samples: labelled samples.
        folds: number of each sample's fold, int64 (n,); what must stay together is in one fold.
        odds: how much more likely the other class must be, above 1.
        fit: makes a head of samples.
    """
    wrong = np.zeros(len(samples), bool)
    for fold in np.unique(folds):
        inside = folds == fold
        others = samples.take(~inside)
        if len(np.unique(others.positions)) < 2:
            continue
        probabilities = fit(others).apply(samples.features[inside])
        own = probabilities[np.arange(int(inside.sum())), samples.positions[inside]]
        known = np.isin(samples.positions[inside], others.positions)
        wrong[inside] = known & (own * odds < probabilities.max(axis=1) + SMALLEST)
    return wrong
