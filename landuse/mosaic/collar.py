"""Ground around a picture that holds a fill value without declaring it: where it is, found on a small picture of a raster.

The model is GDAL's nearblack: a collar is connected to the edge, large, and of one value but for what a lossy compression
blurs. A pixel is empty where it is near the fill value *and* in the region found, so that dark water inside stays imagery, and
so that the answer does not depend on the window that is read.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

BLUR = 3
"""Grey levels by which a lossy compression blurs a fill value of 8 bits."""
BRIGHT = 98.0
"""Percentile of a deep picture that is as bright as 255 in one of 8 bits."""
LEAST = 0.005
"""Least share of a raster that its collar takes, all parts together."""
LEAST_PART = 0.0005
"""Least share of a raster that a part of the collar takes."""
CONSTANT = 0.75
"""Least share of a collar that holds the very value, or a quarter of the blur from it. Dark water at an edge varies."""

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Collar:
    """The collar of a raster.

    Attributes:
        value: the fill value, of every band.
        tolerance: by how much an empty pixel may differ from it, in every band.
        share: of the raster that the collar takes.
        shape: rows and columns of the coarse picture that says where it is.
        region: that picture, a bit a pixel, packed; a pixel more than the collar on every side.
    """

    value: float
    tolerance: float
    share: float
    shape: tuple[int, int]
    region: str

    @classmethod
    def of(cls, value: float, tolerance: float, found: Mask) -> Collar:
        """The collar where `found` (rows, columns) on a picture of the raster says."""
        packed = zlib.compress(np.packbits(_grown(found)).tobytes(), 9)
        text = base64.b85encode(packed).decode()
        return cls(value, tolerance, round(float(found.mean()), 4), found.shape, text)

    @cached_property
    def _near(self) -> Mask:
        bits = np.frombuffer(zlib.decompress(base64.b85decode(self.region)), np.uint8)
        return np.unpackbits(bits, count=self.shape[0] * self.shape[1]).astype(bool).reshape(self.shape)

    def hidden(self, data: Values, rows: Shares, cols: Shares) -> Mask | None:
        """Which pixels (h, w) of `data` (h, w, B), as stored, lie in the collar; None where none can.

        Args:
            data: values as stored.
            rows: middles of the pixels' rows (h,) as shares of the raster's height, 0 to 1.
            cols: the same of columns (w,) and width.
        """
        lines, columns = ((at * size).astype(np.intp) for at, size in zip((rows, cols), self.shape, strict=True))
        region = self._near[lines.clip(0, self.shape[0] - 1)[:, None], columns.clip(0, self.shape[1] - 1)]
        return region & near(data, self.value, self.tolerance) if region.any() else None


def near(data: Values, value: float, tolerance: float) -> Mask:
    """Which pixels (h, w) of `data` (h, w, B) are within `tolerance` of a value in every band."""
    if tolerance == 0:
        return np.asarray((data == data.dtype.type(value)).all(axis=-1))
    return np.asarray((np.abs(data.astype(np.float32) - np.float32(value)) <= tolerance).all(axis=-1))


def fill_values(dtype: str) -> tuple[float, ...]:
    """What producers fill with: 0 and the ends of a type, and -9999 where it fits. The brightest only of unsigned types."""
    kind = np.dtype(dtype)
    if kind.kind == "u":
        return 0.0, float(np.iinfo(kind).max)
    if kind.kind == "i":
        return 0.0, float(np.iinfo(kind).min), *((-9999.0,) if kind.itemsize > 1 else ())
    return 0.0, -9999.0, float(np.finfo(kind).min)


def blur_of(picture: Values, *, lossy: bool) -> float:
    """By how much a fill value may be blurred: `BLUR` levels of 8 bits, and their like in deeper pictures that lost something.

    Args:
        picture: values (h, w, B) as stored.
        lossy: whether they were compressed with a loss.
    """
    if picture.dtype == np.uint8:
        return float(BLUR)
    return float(np.ceil(BLUR / 255 * np.percentile(picture, BRIGHT))) if lossy and picture.dtype.kind in "ui" else 0.0


def find_collar(picture: Values, value: float, *, lossy: bool = False, everywhere: bool = False) -> Collar | None:
    """The collar of one fill value on a small picture (h, w, B) of a raster; None where there is none.

    Args:
        picture: values as stored, every so many pixels.
        value: the fill value.
        lossy: whether they were compressed with a loss.
        everywhere: whether the value is declared, so that parts inside the raster count too.
    """
    tolerance = blur_of(picture, lossy=lossy)
    candidates = near(picture, value, tolerance)
    if candidates.mean() < LEAST or not (everywhere or touches_edge(candidates)):
        return None
    found = _parts(candidates, everywhere)
    if found.mean() < LEAST or near(picture[found], value, tolerance // 4).mean() < CONSTANT:
        return None
    return Collar.of(value, tolerance, found)


def touches_edge(mask: Mask) -> bool:
    """Whether a mask (h, w) reaches the edge of its picture."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _parts(candidates: Mask, everywhere: bool) -> Mask:
    """The connected parts that are large enough and, unless `everywhere`, reach the edge."""
    from scipy import ndimage

    numbers, _ = ndimage.label(candidates, np.ones((3, 3), bool))
    sizes = np.bincount(numbers.ravel())
    kept = sizes >= max(2.0, LEAST_PART * candidates.size)
    kept[0] = False
    if not everywhere:
        edge = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
        kept &= np.isin(np.arange(len(sizes)), edge)
    return np.asarray(kept[numbers])


def _grown(mask: Mask) -> Mask:
    """A mask and the eight neighbours of each of its pixels."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])
