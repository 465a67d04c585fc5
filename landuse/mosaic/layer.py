"""One source on the lattice: how it comes there, and its pixels as colour and weight, copied, rescaled or warped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from affine import Affine

from landuse.grid import ChipGrid
from landuse.mosaic.canvas import FULL, Image, Mask, unmultiplied
from landuse.mosaic.colour import Curves, apply_curves
from landuse.mosaic.files import AnyArray, OpenFiles, Window, read_raw
from landuse.mosaic.resampling import Frame, axis, resample, source_extent, warp
from landuse.mosaic.source import Source, metric_scale, same_crs
from landuse.mosaic.stretch import to_uint8

TOLERANCE_PX = 1e-3
"""Largest misfit, anywhere in the raster, of pixels that are copied as they are."""


class Way(Enum):
    """Ways onto the lattice, the cheapest first."""

    COPY = "copy"
    RESCALE = "rescale"
    WARP = "warp"


@dataclass(frozen=True)
class Placement:
    """How a source comes onto the lattice, decided once.

    Attributes:
        way: the cheapest that serves.
        level: overview to read; None for full resolution.
        scale: pixels of that level along a lattice pixel.
        transform, width, height: of that level.
        col, row: the raster's first pixel in pixels of the lattice (rows count southwards from y = 0), of use to COPY only.
    """

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


Laid = tuple[Image, Image | None]
"""Colour (h, w, B) and weight (h, w) from 0 to 255, both uint8; None for a weight that is full everywhere."""

SHRINKS = 1.05
"""Source pixels along a lattice pixel from which a warp averages. Below it the two are of one size, as pixels of 1 m are in any
two CRSs, and interpolation between four of them gives the same picture in half the time."""


@dataclass(frozen=True)
class Square:
    """A rectangle of lattice pixels: its first row (counted southwards from y = 0) and column, and its size."""

    row: int
    col: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Tone:
    """What becomes of a source's values: a stretch (low, high) to 8 bits, then curves uint8 (B, 256); None leaves them."""

    stretch: tuple[float, float] | None = None
    curves: Curves | None = None

    def of(self, raw: AnyArray) -> Image:
        """The colours uint8 (h, w, B) of values as stored."""
        colour = to_uint8(raw, self.stretch)
        return colour if self.curves is None else apply_curves(colour, self.curves)


@dataclass(frozen=True, eq=False)
class Layer:
    """A source, its place on a lattice whose pixels have side `pixel` in the CRS `wkt`, and the tone of its values."""

    source: Source
    placement: Placement
    wkt: str
    pixel: float
    tone: Tone

    @property
    def verbatim(self) -> bool:
        """Whether stored pixels are lattice pixels as they stand, but for their colours."""
        return self.placement.way is Way.COPY and self.source.dtype == "uint8" and self.tone.stretch is None

    def fit(self, square: Square) -> tuple[Square, Window] | None:
        """For a copied source: its part of a square, and the window of the raster that it is; None where they do not meet."""
        place = self.placement
        row0, row1 = max(square.row, place.row), min(square.row + square.height, place.row + place.height)
        col0, col1 = max(square.col, place.col), min(square.col + square.width, place.col + place.width)
        if row0 >= row1 or col0 >= col1:
            return None
        window = Window(col0 - place.col, row0 - place.row, col1 - col0, row1 - row0)
        return Square(row0, col0, row1 - row0, col1 - col0), window

    def copy_into(self, files: OpenFiles, window: Window, out: Image) -> Image | None:
        """Read a window of a verbatim source straight into `out` (h, w, B); return its weight."""
        _, valid = read_raw(files, self.source, window, out=out)
        if self.tone.curves is not None:
            apply_curves(out, self.tone.curves, out=out)
        return _weight(valid)

    def copied(self, files: OpenFiles, window: Window) -> Laid:
        """A window of a copied source."""
        colour, valid = self._read(files, window)
        return colour, _weight(valid)

    def resampled(self, files: OpenFiles, square: Square) -> Laid | None:
        """A square of a source that is rescaled or warped; None where they do not meet."""
        return self._rescaled(files, square) if self.placement.way is Way.RESCALE else self._warped(files, square)

    def _read(self, files: OpenFiles, window: Window) -> tuple[Image, Mask | None]:
        raw, valid = read_raw(files, self.source, window, level=self.placement.level)
        return self.tone.of(raw), valid

    def _rescaled(self, files: OpenFiles, square: Square) -> Laid | None:
        """From a north-up raster in the lattice's CRS."""
        place, pixel = self.placement, self.pixel
        west, north, step_x, step_y = place.transform.c, place.transform.f, place.transform.a, -place.transform.e
        rows = axis((north + square.row * pixel) / step_y, pixel / step_y, square.height, place.height)
        cols = axis((square.col * pixel - west) / step_x, pixel / step_x, square.width, place.width)
        if rows.first == rows.last or cols.first == cols.last:
            return None
        window = Window(cols.first, rows.first, cols.last - cols.first, rows.last - rows.first)
        colour, valid = self._read(files, window)
        if valid is None and rows.inside and cols.inside:
            return np.rint(resample(colour, rows, cols)).astype(np.uint8), None
        share = np.ones(colour.shape[:2], np.float32) if valid is None else valid.astype(np.float32)
        done = resample(np.concatenate([colour * share[..., None], share[..., None]], axis=2), rows, cols)
        return unmultiplied(done[..., :-1], done[..., -1])

    def _warped(self, files: OpenFiles, square: Square) -> Laid | None:
        """From a raster in another CRS, or a rotated one."""
        pixel, place = self.pixel, self.placement
        target = Frame(self.wkt, Affine(pixel, 0.0, square.col * pixel, 0.0, -pixel, -square.row * pixel))
        frame = Frame(self.source.wkt, place.transform)
        shape = square.height, square.width
        extent = source_extent(frame, target, shape)
        outer = None if extent is None else _outer(extent, 3 + math.ceil(place.scale), place)
        window = None if outer is None else _clipped(outer, place)
        if outer is None or window is None:
            return None
        colour, valid = self._read(files, window)
        frame, shrink = frame.shifted(outer.col, outer.row), place.scale > SHRINKS
        if valid is None and window == outer:
            planes = warp(np.ascontiguousarray(colour.transpose(2, 0, 1)), frame, target, shape, shrink=shrink)
            return planes.transpose(1, 2, 0), None
        products = warp(_products(colour, valid, window, outer), frame, target, shape, shrink=shrink)
        return unmultiplied(products[:-1].transpose(1, 2, 0), products[-1])


def _weight(valid: Mask | None) -> Image | None:
    return None if valid is None else valid * np.uint8(FULL)


def _outer(extent: tuple[float, float, float, float], pad: int, place: Placement) -> Window | None:
    """Window around an extent in source pixels, padded; it reaches beyond the raster by no more than the padding.

    None where it lies beyond the raster altogether.
    """
    col, row = max(-pad, math.floor(extent[0]) - pad), max(-pad, math.floor(extent[1]) - pad)
    col1 = min(place.width + pad, math.ceil(extent[2]) + pad)
    row1 = min(place.height + pad, math.ceil(extent[3]) + pad)
    return Window(col, row, col1 - col, row1 - row) if col < col1 and row < row1 else None


def _clipped(outer: Window, place: Placement) -> Window | None:
    """The part of a window inside the raster."""
    col, row = max(0, outer.col), max(0, outer.row)
    col1, row1 = min(place.width, outer.col + outer.width), min(place.height, outer.row + outer.height)
    return Window(col, row, col1 - col, row1 - row) if col < col1 and row < row1 else None


def _products(colour: Image, valid: Mask | None, window: Window, outer: Window) -> npt.NDArray[np.float32]:
    """Planes (B + 1, outer) of colour x validity and of validity (0 or 1), empty beyond the raster."""
    out = np.zeros((colour.shape[2] + 1, outer.height, outer.width), dtype=np.float32)
    rows = slice(window.row - outer.row, window.row - outer.row + window.height)
    cols = slice(window.col - outer.col, window.col - outer.col + window.width)
    out[:-1, rows, cols] = (colour if valid is None else colour * valid[..., None]).transpose(2, 0, 1)
    out[-1, rows, cols] = 1.0 if valid is None else valid
    return out
