"""Noise as a pure function of coordinates and a seed, so that tiles made apart fit together without a seam.

Value noise: a hash of each lattice node, interpolated with cubic B-splines, scaled to unit standard deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from tools.landscape.frame import F32, Frame

UNIT = np.float32(3.612)
"""1 / standard deviation of uniform(-1, 1) nodes under the bicubic B-spline: sqrt(1/3) * 151/315."""
FloatArray = npt.NDArray[np.floating[Any]]


def hash01(ix: npt.ArrayLike, iy: npt.ArrayLike, seed: int) -> F32:
    """Uniform [0, 1) of integer coordinates, broadcast together; float32. The finaliser is Wellons' lowbias32."""
    x = np.asarray(ix, dtype=np.int64).astype(np.uint32)
    y = np.asarray(iy, dtype=np.int64).astype(np.uint32)
    h = np.atleast_1d(x) * np.uint32(0x9E3779B1) + np.atleast_1d(y) * np.uint32(0x85EBCA77)
    h += np.uint32((seed * 0xC2B2AE3D + 0x27D4EB2F) & 0xFFFFFFFF)
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        h ^= h >> np.uint32(shift)
        h *= np.uint32(factor)
    h ^= h >> np.uint32(15)
    unit = (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return unit.reshape(np.broadcast_shapes(x.shape, y.shape))


def _spline(t: FloatArray) -> FloatArray:
    """Weights of the four nodes around each fraction t, shape (4, n): the uniform cubic B-spline."""
    s = 1.0 - t
    return np.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]) / 6.0


def _axis(positions: FloatArray) -> tuple[int, int, csr_array]:
    """First node, node count and the sparse (positions, nodes) matrix that interpolates along one axis."""
    cell = np.floor(positions).astype(np.int64)
    first, count = int(cell[0]) - 1, int(cell[-1] - cell[0]) + 4
    columns = (cell - cell[0])[:, None] + np.arange(4)
    weights = _spline(positions - cell).T.astype(np.float32)
    rows = np.arange(0, 4 * len(positions) + 1, 4)
    return first, count, csr_array((weights.ravel(), columns.ravel(), rows), shape=(len(positions), count))


def value_noise(frame: Frame, wavelength: float, seed: int) -> F32:
    """Smooth noise over a frame, shape (height, width), unit standard deviation; `wavelength` in metres."""
    x0, nx, across = _axis(frame.xs / wavelength)
    y0, ny, down = _axis(frame.ys / wavelength)
    nodes = hash01(np.arange(x0, x0 + nx), np.arange(y0, y0 + ny)[:, None], seed) * np.float32(2) - np.float32(1)
    narrow = np.ascontiguousarray((down @ nodes).T)
    return np.ascontiguousarray((across @ narrow).T) * UNIT


def grain(frame: Frame, seed: int) -> F32:
    """White noise of unit standard deviation, one value a pixel, shape (height, width)."""
    columns = np.round(frame.xs / frame.pixel).astype(np.int64)
    rows = np.round(frame.ys / frame.pixel).astype(np.int64)
    total = hash01(columns, rows[:, None], seed) + hash01(columns, rows[:, None], seed + 1)
    return (total - np.float32(1.0)) * np.float32(2.449)


def fractal(frame: Frame, wavelengths: tuple[float, ...], seed: int, gain: float = 0.6) -> F32:
    """Sum of octaves, each `gain` times as strong as the one before, scaled to unit standard deviation."""
    total = np.zeros(frame.shape, np.float32)
    for k, wavelength in enumerate(wavelengths):
        total += np.float32(gain**k) * value_noise(frame, wavelength, seed + 7919 * k)
    return total / np.float32(np.sqrt(sum(gain ** (2 * k) for k in range(len(wavelengths)))))


def noise_at(x: FloatArray, y: FloatArray, wavelength: float, seed: int) -> FloatArray:
    """The same field as `value_noise`, at scattered points."""
    px, py = np.asarray(x, float) / wavelength, np.asarray(y, float) / wavelength
    cx, cy = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
    wx, wy = _spline(px - cx), _spline(py - cy)
    total = np.zeros(px.shape)
    for j in range(4):
        for i in range(4):
            total += wy[j] * wx[i] * (hash01(cx + i - 1, cy + j - 1, seed) * 2.0 - 1.0)
    return total * float(UNIT)
