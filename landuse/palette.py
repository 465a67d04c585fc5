"""The colours of a survey, small enough for a model file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 256
QUANTILES = 65
"""Quantiles kept of a band, evenly spread between its tails (`landuse.mosaic.colour`)."""


@dataclass(frozen=True)
class Palette:
    """The colours of a survey, small enough for a model file.

    Attributes:
        quantiles: B lists of `QUANTILES` ascending values from 0 to 255, one a band.
        centres: the colour (B values) of each kind.
        shares: share of the pixels that are of each kind; they sum to 1.
        variance: of the colours of a kind around its centre; how soft the kinds' borders are.
    """

    quantiles: tuple[tuple[float, ...], ...]
    centres: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    variance: float

    @property
    def bands(self) -> int:
        """Number of bands."""
        return len(self.quantiles)

    def sound(self, bands: int) -> bool:
        """Whether it can be one of so many bands; a file may say anything."""
        rows = (*self.quantiles, *self.centres, self.shares, (self.variance,))
        numbers = [number for row in rows for number in row]
        return (
            len(self.quantiles) == bands
            and {len(row) for row in self.quantiles} == {QUANTILES}
            and {len(row) for row in self.centres} == {bands}
            and 0 < len(self.centres) == len(self.shares) <= LEVELS
            and bool(np.isfinite(numbers).all())
            and min(numbers) >= 0
            and self.variance > 0
        )
