"""Water by the near infrared band, which networks of three bands never see: the truth of benchmarks on real imagery."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def otsu(values: Bytes) -> int:
    """The threshold of Otsu (1979), which parts values best in two: most variance between them."""
    share = np.bincount(values, minlength=256) / values.size
    below, mean = np.cumsum(share), np.cumsum(share * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean[-1] * below - mean) ** 2 / (below * (1 - below))
    return int(np.nanargmax(between))


def darkest_of_three(values: Bytes) -> int:
    """The lower of the two thresholds that part values best in three (Otsu 1979, section III)."""
    share = np.bincount(values, minlength=256) / values.size
    below, mean = np.cumsum(share), np.cumsum(share * np.arange(256))
    low, high = below[:, None], below[None, :]
    weights = low, high - low, 1 - high
    sums = mean[:, None], mean[None, :] - mean[:, None], mean[-1] - mean[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(w > 0, s**2 / w, 0.0) for w, s in zip(weights, sums, strict=True)]
    between = np.where(np.triu(np.ones((256, 256), bool), 1), sum(parts), 0.0)
    return int(np.unravel_index(between.argmax(), between.shape)[0])


def water_by(infrared: Bytes, seen: Mask, *, strict: bool = False) -> Mask:
    """Where pixels (H, W) are water: below a threshold of those that are seen, cleaned by a median of 5 x 5.

    Args:
        strict: whether what is only rather dark is land: the threshold of Otsu takes dry fields for water where the land is of
            two kinds.
    """
    threshold = (darkest_of_three if strict else otsu)(infrared[seen])
    return np.asarray(median_filter((infrared < threshold).astype(np.uint8), 5).astype(bool))
