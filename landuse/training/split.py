"""Which samples are held back: whole groups, with every class on both sides where that can be."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from landuse.grid import IntArray


def hold_out(labels: IntArray, groups: IntArray, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which samples are held back; bool (n,).

    Whole groups go to one side, classes keep about their shares on both (scikit-learn's StratifiedGroupKFold, its first
    fold). With a share of 0, or with fewer than two groups, nothing is held back.

    Args:
        labels: class of each sample, int64 (n,).
        groups: group of each sample, int64 (n,).
        share: share of the samples to hold back, 0 to 0.5.
        seed: of the draw.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    held = np.zeros(len(labels), bool)
    folds = min(round(1 / share), len(np.unique(groups))) if share > 0 else 0
    if folds < 2:
        return held
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        try:
            splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)
            held[next(iter(splits))[1]] = True
        except ValueError:  # every class has fewer samples than there are folds
            return held
    return held
