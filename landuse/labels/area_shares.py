"""Exact areas of classes under polygons on a raster, for many polygons at once.

The library for it, exactextract, gives the same areas (tests/labels/test_area_shares.py) but takes a Python object a polygon
and another a result: 20,000 chips on six classes took it 11.3 s in its faster strategy, and this 0.6 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def class_areas(codes: npt.NDArray[np.integer[Any]], rings: Floats, classes: Sequence[int]) -> Floats:
    """Area of each class under each polygon, in pixels, signed by the polygon's direction.

    Green's theorem turns the area of class k under a polygon into a path integral of F_k dy along its ring, where
    F_k(x, y) is the length of class k on the line from (0, y) to (x, y). Cut where it crosses a pixel's edge, the ring
    falls into pieces along each of which F_k is linear, so that its value at the middle of the piece makes the sum
    exact. What lies outside of the raster counts for no class.

    Args:
        codes: class codes, shape (H, W).
        rings: corners of the polygons as (x, y) in pixels from the raster's upper left corner, shape (n, corners, 2);
            the first is not repeated at the end.

    Returns:
        Areas in pixels, shape (n, K): positive where the ring runs clockwise on an image whose y grows downwards.
    """
    pieces = _pieces(rings, codes.shape)
    areas = np.zeros((len(rings), len(classes)))
    height, width = codes.shape
    below = np.empty((height, width + 1), np.int32)
    below[:, 0] = 0
    for k, code in enumerate(classes):
        of_class = codes == code
        if not of_class.any():
            continue
        np.cumsum(of_class, axis=1, out=below[:, 1:])
        length = below[pieces.row, pieces.col] + pieces.part * of_class[pieces.row, pieces.col]
        areas[:, k] = np.bincount(pieces.owner, length * pieces.dy, minlength=len(rings))
    return areas


def ring_areas(rings: Floats) -> Floats:
    """Signed areas of rings of shape (n, corners, 2), by the shoelace formula, with the sign of `class_areas`; shape (n,)."""
    near = rings - rings[:, :1]
    x, y = near[..., 0], near[..., 1]
    return np.asarray((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1) / 2)


@dataclass(frozen=True)
class _Pieces:
    """Pieces of rings, each within one pixel: whose it is, its pixel, how far into it its middle lies, how far it climbs."""

    owner: Ints
    row: Ints
    col: Ints
    part: Floats
    dy: Floats


def _pieces(rings: Floats, shape: tuple[int, int]) -> _Pieces:
    """Cut rings at the edges of pixels. Pieces above or below the raster are left out, as are level ones: their dy is 0."""
    height, width = shape
    start, end = rings.reshape(-1, 2), np.roll(rings, -1, axis=1).reshape(-1, 2)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    kept = np.flatnonzero((low < high) & (low < height) & (high > 0))
    start, step = start[kept], (end - start)[kept]
    edge, first, last = _cuts(start, step, (width, height))
    middle = start[edge] + step[edge] * ((first + last) / 2)[:, np.newaxis]
    inside = (middle[:, 1] >= 0) & (middle[:, 1] < height)
    edge, middle = edge[inside], middle[inside]
    x = middle[:, 0].clip(0, width)
    col = np.minimum(x.astype(np.int64), width - 1)
    dy = step[edge, 1] * (last - first)[inside]
    return _Pieces(kept[edge] // rings.shape[1], middle[:, 1].astype(np.int64), col, x - col, dy)


def _cuts(start: Floats, step: Floats, size: tuple[int, int]) -> tuple[Ints, Floats, Floats]:
    """Pieces of edges between pixel borders: number of the edge, and where on it (0 to 1) the piece begins and ends."""
    number = np.arange(len(start))
    keys = [2.0 * number, 2.0 * number + 1.0]
    for axis in (0, 1):
        edge, at = _crossings(start[:, axis], step[:, axis], size[axis])
        keys.append(2.0 * edge + at)
    # One sort of 2 * edge + place puts the cuts of every edge in order, each edge apart from the next.
    ordered = np.sort(np.concatenate(keys))
    edges = (ordered // 2).astype(np.int64)
    at = ordered - 2.0 * edges
    whole = edges[:-1] == edges[1:]
    return edges[:-1][whole], at[:-1][whole], at[1:][whole]


def _crossings(start: Floats, step: Floats, size: int) -> tuple[Ints, Floats]:
    """Where edges cross the lines 0, 1, ..., size of one axis: number of the edge, and place on it (0 to 1)."""
    end = start + step
    first = np.ceil(np.minimum(start, end).clip(0, size)).astype(np.int64)
    last = np.floor(np.maximum(start, end).clip(0, size)).astype(np.int64)
    counts = np.where(step == 0, 0, (last - first + 1).clip(0))
    edge = np.repeat(np.arange(len(start)), counts)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    return edge, ((line - start[edge]) / step[edge]).clip(0.0, 1.0)
