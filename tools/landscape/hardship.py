"""What makes surveys hard to compare though the land is the same: fields that turn, floods that come and go, seams of flights.

All of it is a matter of pixels alone: labels and truth know nothing of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tools.landscape.frame import F32, Frame
from tools.landscape.kinds import Cover
from tools.landscape.noise import fractal, hash01
from tools.landscape.season import Season

FLOODED = (Cover.CROP, Cover.PASTURE, Cover.MEADOW, Cover.MARSH, Cover.VERGE)
"""Covers that stand under water after rain."""
MUDDY = np.array([72, 74, 66], np.float32)
LOOKS_LIKE = {
    Cover.CROP: Cover.MEADOW,
    Cover.MEADOW: Cover.CROP,
    Cover.PASTURE: Cover.MEADOW,
    Cover.SHRUB: Cover.MEADOW,
}
"""What a field looks like that has turned dry or green."""
STRIP = 1500.0
"""Width of a flight strip in metres, west to east."""


def seeming(covers: npt.NDArray[np.uint8], seeds: npt.NDArray[np.int64], season: Season) -> npt.NDArray[np.uint8]:
    """What each parcel (n,) looks like in a season: another cover where its field has turned."""
    turned = hash01(seeds, 11, season.year) < season.turned
    table = np.arange(len(Cover), dtype=np.uint8)
    for cover, other in LOOKS_LIKE.items():
        table[cover] = other
    return np.where(turned, table[covers], covers)


def flood(rgb: F32, cover: npt.NDArray[np.uint8], frame: Frame, season: Season, seed: int) -> None:
    """Put the lowest land of a season under muddy water; `rgb` (height, width, 3) changes in place."""
    if season.flooded <= 0:
        return
    low = fractal(frame, (900.0, 330.0, 120.0), seed + 650 + season.year) - np.float32(norm.isf(season.flooded))
    wet = (np.clip(low * 8.0, 0.0, 0.9) * np.isin(cover, FLOODED))[..., None].astype(np.float32)
    rgb += wet * (MUDDY - rgb)


def strip_gain(frame: Frame, season: Season, seed: int) -> F32:
    """Gain (1, width, 3) of each flight strip, red, green and blue; strips meet in a seam."""
    strips = np.floor(frame.xs / STRIP).astype(np.int64)
    off = hash01(strips[:, None], np.arange(3), seed + 660 + season.year) - 0.5
    off += hash01(strips, 9, seed + 661 + season.year)[:, None] - 0.5
    return np.asarray(1.0 + season.seams * off[None], np.float32)
