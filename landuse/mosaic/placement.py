"""How one source comes onto the lattice: copied pixel by pixel, rescaled, or warped. Decided once a source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from affine import Affine

from landuse.grid import ChipGrid
from landuse.mosaic.source import Source, metric_scale, same_crs

TOLERANCE_PX = 1e-3
"""Largest misfit, anywhere in the raster, of pixels that are copied as they are."""


class Way(Enum):
    """Ways onto the lattice, the cheapest first."""

    COPY = "copy"
    RESCALE = "rescale"
    WARP = "warp"


@dataclass(frozen=True)
class Placement:
    """Attributes: way; `col`, `row`: the raster's first pixel in pixels of the lattice (rows count southwards from y = 0),
    of use to COPY only; `level`: overview to read (None: full resolution); `scale`: pixels of that level a lattice pixel;
    `transform`, `width`, `height`: of that level.
    """  # noqa: D205

    way: Way
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
        return Placement(Way.COPY, None, 1.0, transform, source.width, source.height, col, row)
    scale = metric_scale(source, grid.crs, pixel)
    level, factor = _overview(source.overviews, scale)
    width, height = (math.ceil(source.width / factor), math.ceil(source.height / factor))
    reduced = _scaled(transform, source.width / width, source.height / height)
    return Placement(Way.RESCALE if aligned_crs else Way.WARP, level, scale / factor, reduced, width, height)


def _on_lattice(source: Source, pixel: float) -> bool:
    """Whether every pixel of a north-up raster falls on a lattice pixel, to a thousandth of it."""
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
