"""Exact separable resampling of north-up pixels onto a north-up grid of the same CRS. Pure.

A target pixel is the mean of the source over a box around its centre: over its own ground where the source is finer
(``average``), over one source pixel where it is coarser, which is linear interpolation between pixel centres (``bilinear``).
Everything is linear in (colour x validity, validity), so that empty pixels never darken their neighbours, and the parts that
two abutting sources give of one pixel add up to what one raster of both would have given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy import sparse

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Axis:
    """One direction of a resampling.

    Attributes:
        first, last: source pixels [first, last) that take part; empty where first == last.
        weights: sparse float32 (targets, last - first); a row sums to the share of its box that lies inside the source.
    """

    first: int
    last: int
    weights: sparse.csr_array

    @property
    def cover(self) -> FloatImage:
        """Share of each target's box inside the source, (targets,); 1 but for rounding where it lies wholly inside."""
        return np.asarray(self.weights.sum(axis=1), dtype=np.float32)

    @property
    def inside(self) -> bool:
        """Whether every target's box lies wholly inside the source."""
        return bool(self.cover.min(initial=1.0) > 1.0 - 1e-4)


def axis(start: float, step: float, count: int, length: int) -> Axis:
    """Weights of `count` targets whose edges are ``start + i * step`` in source pixels, over a source of `length` pixels."""
    from scipy import sparse  # a quarter of a second to import, and imagery on the lattice's own pixels does without

    width = max(step, 1.0)
    low = start + (np.arange(count) + 0.5) * step - width / 2
    first = max(0, math.floor(float(low[0])))
    last = min(length, math.ceil(float(low[-1]) + width))
    if first >= last:
        return Axis(0, 0, sparse.csr_array((count, 0), dtype=np.float32))
    taps = math.ceil(width) + 1
    columns = np.floor(low).astype(np.int64)[:, None] + np.arange(taps)
    share = np.minimum(columns + 1.0, (low + width)[:, None]) - np.maximum(columns, low[:, None])
    share = np.where((columns >= first) & (columns < last) & (share > 1e-9), share / width, 0.0)
    rows = np.repeat(np.arange(count), taps)
    entries = share.ravel() > 0
    shape = (count, last - first)
    data = share.ravel()[entries].astype(np.float32)
    weights = sparse.csr_array((data, (rows[entries], columns.ravel()[entries] - first)), shape=shape)
    return Axis(first, last, weights)


def resample(image: npt.NDArray[np.uint8] | FloatImage, rows: Axis, cols: Axis) -> FloatImage:
    """Resample (h, w, C) to (rows, columns, C), float32; h and w are the two axes' source pixels."""
    height, width, channels = image.shape
    lines = rows.weights @ image.astype(np.float32).reshape(height, width * channels)
    count = lines.shape[0]
    turned = np.ascontiguousarray(lines.reshape(count, width, channels).transpose(1, 0, 2)).reshape(width, -1)
    done = cols.weights @ turned
    return np.asarray(done.reshape(-1, count, channels).transpose(1, 0, 2), dtype=np.float32)
