"""Resampling: exact and separable where source and lattice are upright in one CRS, else GDAL's warp, a window at a time.

A target pixel is the mean of the source over a box around its centre: over its own ground where the source is finer
(``average``), over one source pixel where it is coarser, which is linear interpolation between pixel centres (``bilinear``).
Everything is linear in (colour x validity, validity), so that empty pixels never darken their neighbours, and the parts that
two abutting sources give of one pixel add up to what one raster of both would have given.

GDAL warps what was read, not files: a WarpedVRT would know nothing of collars and blurred nodata, which are found in what was
read. Its transformer is exact (no interpolation of coordinates) and kernels are those of one scale throughout, so that a
pixel's value does not depend on the window in which it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import rasterio.crs
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from landuse.crs import transformer
from landuse.grid import ChipGrid
from landuse.mosaic.source import Source, crs_of, forward, metric_scale, same_crs

if TYPE_CHECKING:
    from scipy import sparse

FloatImage = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Planes = TypeVar("Planes", npt.NDArray[np.uint8], npt.NDArray[np.float32])
EDGE = 9
"""Points along a square's side by which its place in a source is found."""
TOLERANCE_PX = 1e-3
"""Largest misfit, anywhere in the raster, of pixels that are copied as they are."""


class Transfer(Enum):
    """How pixels come onto the lattice, the cheapest way first."""

    COPY = "copy"
    RESCALE = "rescale"
    WARP = "warp"


@dataclass(frozen=True)
class Placement:
    """How a source comes onto the lattice, decided once.

    Attributes:
        level: overview to read; None for full resolution.
        scale: pixels of that level along a lattice pixel.
        col, row: the raster's first pixel in pixels of the lattice (rows count southwards from y = 0), of use to COPY only.
    """

    transfer: Transfer
    level: int | None
    scale: float
    transform: Affine
    width: int
    height: int
    col: int = 0
    row: int = 0


def place(source: Source, grid: ChipGrid) -> Placement:
    """Placement of `source` on `grid`."""
    pixel, transform = grid.pixel, source.transform
    aligned_crs = same_crs(source.crs, grid.crs) and source.north_up
    if aligned_crs and _on_lattice(source, pixel):
        col, row = round(transform.c / pixel), round(-transform.f / pixel)
        return Placement(Transfer.COPY, None, 1.0, transform, source.width, source.height, col, row)
    scale = metric_scale(source, grid.crs, pixel)
    level, factor = _overview(source.overviews, scale)
    width, height = (math.ceil(source.width / factor), math.ceil(source.height / factor))
    reduced = _scaled(transform, source.width / width, source.height / height)
    return Placement(Transfer.RESCALE if aligned_crs else Transfer.WARP, level, scale / factor, reduced, width, height)


def _on_lattice(source: Source, pixel: float) -> bool:
    transform = source.transform
    for step, origin, count in ((transform.a, transform.c, source.width), (-transform.e, -transform.f, source.height)):
        start = origin / pixel
        end = (origin + step * count) / pixel
        if abs(start - round(start)) > TOLERANCE_PX or abs(end - round(start) - count) > TOLERANCE_PX:
            return False
    return True


def _scaled(transform: Affine, x: float, y: float) -> Affine:
    a, b, c, d, e, f = tuple(transform)[:6]
    return Affine(a * x, b * y, c, d * x, e * y, f)


def _overview(factors: tuple[int, ...], scale: float) -> tuple[int | None, int]:
    """Level and factor of the coarsest overview that still has two pixels a lattice pixel, so that averaging stays true."""
    fit = [(level, factor) for level, factor in enumerate(factors) if factor <= scale / 2 * 1.01]
    return fit[-1] if fit else (None, 1)


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


@dataclass(frozen=True)
class Frame:
    """A raster's place: CRS (as WKT, which is quick to compare) and transform."""

    wkt: str
    transform: Affine

    def shifted(self, col: int, row: int) -> Frame:
        """The frame of the part that begins at a pixel."""
        a, b, _, d, e, _ = tuple(self.transform)[:6]
        x, y = forward(self.transform, float(col), float(row))
        return Frame(self.wkt, Affine(a, b, x, d, e, y))


def source_extent(source: Frame, target: Frame, shape: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Pixels (first col, first row, last col, last row) of `source` under an image (height, width) of `target`.

    None where the one CRS has no place for the other's points.
    """
    steps = np.linspace(0.0, 1.0, EDGE)
    cols, rows = (grid.ravel() for grid in np.meshgrid(steps * shape[1], steps * shape[0]))
    x, y = forward(target.transform, cols, rows)
    bridge = _bridge(source.wkt, target.wkt)
    if bridge.back is not None:
        x, y = bridge.back.transform(x, y)
    col, row = forward(~source.transform, np.asarray(x), np.asarray(y))
    fine = np.isfinite(col) & np.isfinite(row)
    if not fine.any():
        return None
    return float(col[fine].min()), float(row[fine].min()), float(col[fine].max()), float(row[fine].max())


def warp(image: Planes, source: Frame, target: Frame, shape: tuple[int, int], *, shrink: bool) -> Planes:
    """Warp planes (C, h, w) onto (C, *shape): the average of the ground of a target pixel, or bilinear interpolation.

    What lies beyond `image` is not known to GDAL: it must reach two pixels beyond the target on every side.
    """
    out = np.zeros((image.shape[0], *shape), dtype=image.dtype)
    bridge = _bridge(source.wkt, target.wkt)
    reproject(
        image,
        out,
        src_transform=source.transform,
        dst_transform=target.transform,
        src_crs=bridge.source,
        dst_crs=bridge.target,
        resampling=Resampling.average if shrink else Resampling.bilinear,
        tolerance=0,
        num_threads=1,
        init_dest_nodata=False,
        XSCALE=1,
        YSCALE=1,
    )
    return out


@dataclass(frozen=True)
class _Bridge:
    """Two CRSs as rasterio's, and the way back from target to source; None where they are one and the same."""

    source: rasterio.crs.CRS
    target: rasterio.crs.CRS
    back: Transformer | None


@lru_cache(maxsize=64)
def _bridge(source: str, target: str) -> _Bridge:
    here, there = crs_of(source), crs_of(target)
    ours = rasterio.crs.CRS.from_wkt(target)
    if same_crs(here, there):
        return _Bridge(ours, ours, None)
    return _Bridge(rasterio.crs.CRS.from_wkt(source), ours, transformer(there, here))
