"""Whether a probability means what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """One bin of confidence, `low` excluded and `high` included; means are None where it is empty."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and share that is right in equal bins of confidence: the data of a reliability diagram.

    Args:
        confidence: (n,) probabilities of what was predicted, 0 to 1.
        right: (n,) whether it was so.
        bins: how many; 15 as in Guo et al. 2017.
    """
    where = bin_of(confidence, bins)
    count = np.bincount(where, minlength=bins)
    said, was = np.bincount(where, confidence, minlength=bins), np.bincount(where, right, minlength=bins)
    return tuple(
        Bin(
            i / bins,
            (i + 1) / bins,
            int(n),
            float(said[i] / n) if n else None,
            float(was[i] / n) if n else None,
        )
        for i, n in enumerate(count.tolist())
    )


def expected_error(
    confidence: Floats,
    right: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.int64] | None = None,
    bins: int = BINS,
) -> float | None:
    """Expected calibration error: mean distance of confidence and accuracy over the bins (Guo et al. 2017, equation 3).

    A row counts `weights` times; None where nothing counts.
    """
    times = np.ones(len(confidence)) if weights is None else weights
    if not times.sum():
        return None
    gap = np.bincount(bin_of(confidence, bins), times * (right - confidence), minlength=bins)
    return float(np.abs(gap).sum() / times.sum())


def bin_of(confidence: Floats, bins: int = BINS) -> npt.NDArray[np.int64]:
    """Number of the bin of each confidence, from 0."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
