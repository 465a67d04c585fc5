"""A window of ground that is painted at once. Local metres: x to the east and y to the *south* of the survey's corner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """A north-up image of `height` x `width` pixels of `pixel` metres, whose north-west corner lies at (x0, y0)."""

    x0: float
    y0: float
    pixel: float
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def xs(self) -> npt.NDArray[np.float64]:
        """Eastings of the pixel centres, local metres, shape (width,)."""
        return np.asarray(self.x0 + (np.arange(self.width) + 0.5) * self.pixel, np.float64)

    @property
    def ys(self) -> npt.NDArray[np.float64]:
        """Southings of the pixel centres, local metres, shape (height,)."""
        return np.asarray(self.y0 + (np.arange(self.height) + 0.5) * self.pixel, np.float64)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(least x, least y, largest x, largest y) in local metres."""
        return self.x0, self.y0, self.x0 + self.width * self.pixel, self.y0 + self.height * self.pixel

    @property
    def transform(self) -> Affine:
        """Pixel (column, row) to local metres (x, y); y grows with the row."""
        return Affine(self.pixel, 0.0, self.x0, 0.0, self.pixel, self.y0)

    def padded(self, pixels: int) -> Frame:
        """The same window with a margin of `pixels` on every side."""
        shift = pixels * self.pixel
        return Frame(self.x0 - shift, self.y0 - shift, self.pixel, self.height + 2 * pixels, self.width + 2 * pixels)

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
        """Rows and columns of the pixels within `reach` metres of a point along both axes; None where there are none."""
        r0 = max(0, math.floor((y - reach - self.y0) / self.pixel))
        r1 = min(self.height, math.ceil((y + reach - self.y0) / self.pixel) + 1)
        c0 = max(0, math.floor((x - reach - self.x0) / self.pixel))
        c1 = min(self.width, math.ceil((x + reach - self.x0) / self.pixel) + 1)
        return (slice(r0, r1), slice(c0, c1)) if r0 < r1 and c0 < c1 else None
