"""One source on the lattice, its pixels copied, rescaled or warped; and the canvas where sources meet, the first on top."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

from landuse.mosaic.colour import Curves, apply_curves
from landuse.mosaic.files import AnyArray, OpenFiles, Window, read_raw
from landuse.mosaic.resampling import Frame, Placement, Transfer, axis, resample, source_extent, warp
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import to_uint8

FULL = 255
HALF = 127
"""Least weight of a valid pixel: half of it must lie on imagery, so that edges stay where they are."""

Image = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Region = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Imagery of a window.

    Attributes:
        data: uint8 (H, W, B), north up; 0 where not valid.
        valid: bool (H, W), where there is imagery.
    """

    data: Image
    valid: Mask

    def chips(self, chip_px: int) -> tuple[Image, Mask]:
        """The window cut into chips, in image order: (n, chip_px, chip_px, B) and (n, chip_px, chip_px), both copies."""
        rows, cols = self.valid.shape[0] // chip_px, self.valid.shape[1] // chip_px
        data = self.data.reshape(rows, chip_px, cols, chip_px, -1).swapaxes(1, 2)
        valid = self.valid.reshape(rows, chip_px, cols, chip_px).swapaxes(1, 2)
        return data.reshape(-1, chip_px, chip_px, data.shape[-1]), valid.reshape(-1, chip_px, chip_px)


class Canvas:
    """A window being filled, source after source. `weight` is each pixel's filled share, 0 to 255."""

    def __init__(self, height: int, width: int, bands: int) -> None:
        self.data: Image = np.zeros((height, width, bands), dtype=np.uint8)
        self.weight: Image = np.zeros((height, width), dtype=np.uint8)

    def filled(self, region: Region) -> bool:
        """Whether nothing is left to fill."""
        return bool(self.weight[region].min() == FULL)

    def untouched(self, region: Region) -> bool:
        """Whether nothing has been filled yet."""
        return not self.weight[region].any()

    def put(self, region: Region, colour: Image, weight: Image | None) -> None:
        """Lay `colour` (h, w, B) under what is there; `weight` (h, w) is its share of each pixel, None for all of it."""
        there = self.weight[region]
        if self.untouched(region):
            self.data[region] = colour
            self.weight[region] = FULL if weight is None else weight
            return
        take = FULL - there if weight is None else np.minimum(weight, FULL - there)
        fresh = (there == 0) & (take > 0)
        mixed = (there > 0) & (take > 0)
        target = self.data[region]
        np.copyto(target, colour, where=fresh[..., None])
        if mixed.any():
            target[mixed] = _mix(target[mixed], there[mixed], colour[mixed], take[mixed])
        self.weight[region] = there + take

    def pixels(self) -> Pixels:
        """What came of it; data are blanked where fewer than half of a pixel is filled."""
        valid = self.weight >= HALF
        if not valid.all():
            self.data[~valid] = 0
        return Pixels(self.data, valid)


def _mix(one: Image, share: Image, other: Image, take: Image) -> Image:
    """Mean of two colours (n, B) by their shares (n,)."""
    total = share.astype(np.float32) + take
    mean = (one * share[:, None].astype(np.float32) + other * take[:, None].astype(np.float32)) / total[:, None]
    return np.asarray(np.rint(mean).astype(np.uint8))


def unmultiplied(premultiplied: FloatImage, share: FloatImage) -> tuple[Image, Image]:
    """Colour (h, w, B) and weight (h, w), both uint8, from colour x share and the share itself (0 to 1)."""
    weight = np.rint(np.clip(share, 0.0, 1.0) * FULL).astype(np.uint8)
    colour = premultiplied / np.maximum(share, 1e-6)[..., None]
    return np.rint(np.clip(colour, 0.0, 255.0)).astype(np.uint8), weight


Laid = tuple[Image, Image | None]
"""Colour (h, w, B) and weight (h, w) from 0 to 255, both uint8; None for a weight that is full everywhere."""

SHRINKS = 1.05
"""Source pixels along a lattice pixel from which a warp averages. Below it the two are of one size, as pixels of 1 m are in any
two CRSs, and interpolation between four of them gives the same picture in half the time."""


@dataclass(frozen=True)
class LatticeWindow:
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
        return self.placement.transfer is Transfer.COPY and self.source.dtype == "uint8" and self.tone.stretch is None

    def fit(self, target: LatticeWindow) -> tuple[LatticeWindow, Window] | None:
        """A copied source: its part of a target window, and the same of the raster; None where they do not meet."""
        place = self.placement
        row0, row1 = max(target.row, place.row), min(target.row + target.height, place.row + place.height)
        col0, col1 = max(target.col, place.col), min(target.col + target.width, place.col + place.width)
        if row0 >= row1 or col0 >= col1:
            return None
        window = Window(col0 - place.col, row0 - place.row, col1 - col0, row1 - row0)
        return LatticeWindow(row0, col0, row1 - row0, col1 - col0), window

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

    def resampled(self, files: OpenFiles, target: LatticeWindow) -> Laid | None:
        """A target window from a source that is rescaled or warped; None where they do not meet."""
        return (
            self._rescaled(files, target)
            if self.placement.transfer is Transfer.RESCALE
            else self._warped(files, target)
        )

    def _read(self, files: OpenFiles, window: Window) -> tuple[Image, Mask | None]:
        raw, valid = read_raw(files, self.source, window, level=self.placement.level)
        return self.tone.of(raw), valid

    def _rescaled(self, files: OpenFiles, target: LatticeWindow) -> Laid | None:
        place, pixel = self.placement, self.pixel
        west, north, step_x, step_y = place.transform.c, place.transform.f, place.transform.a, -place.transform.e
        rows = axis((north + target.row * pixel) / step_y, pixel / step_y, target.height, place.height)
        cols = axis((target.col * pixel - west) / step_x, pixel / step_x, target.width, place.width)
        if rows.first == rows.last or cols.first == cols.last:
            return None
        window = Window(cols.first, rows.first, cols.last - cols.first, rows.last - rows.first)
        colour, valid = self._read(files, window)
        if valid is None and rows.inside and cols.inside:
            return np.rint(resample(colour, rows, cols)).astype(np.uint8), None
        share = np.ones(colour.shape[:2], np.float32) if valid is None else valid.astype(np.float32)
        done = resample(np.concatenate([colour * share[..., None], share[..., None]], axis=2), rows, cols)
        return unmultiplied(done[..., :-1], done[..., -1])

    def _warped(self, files: OpenFiles, target: LatticeWindow) -> Laid | None:
        pixel, place = self.pixel, self.placement
        lattice = Frame(self.wkt, Affine(pixel, 0.0, target.col * pixel, 0.0, -pixel, -target.row * pixel))
        frame = Frame(self.source.wkt, place.transform)
        shape = target.height, target.width
        extent = source_extent(frame, lattice, shape)
        outer = None if extent is None else _outer(extent, 3 + math.ceil(place.scale), place)
        window = None if outer is None else _clipped(outer, place)
        if outer is None or window is None:
            return None
        colour, valid = self._read(files, window)
        frame, shrink = frame.shifted(outer.col, outer.row), place.scale > SHRINKS
        if valid is None and window == outer:
            planes = warp(np.ascontiguousarray(colour.transpose(2, 0, 1)), frame, lattice, shape, shrink=shrink)
            return planes.transpose(1, 2, 0), None
        products = warp(_products(colour, valid, window, outer), frame, lattice, shape, shrink=shrink)
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
