"""From deep imagery (16-bit, float) to uint8: one linear stretch for a whole survey, never one a chip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import DamagedSourceError
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.source import Source

MAX_FILES = 64
WINDOWS = 4
WINDOW_PX = 64
PERCENTILES = (2.0, 98.0)
HUED_BANDS = 3
WHITE = 0.75
"""Least of the darkest of three bands against the brightest, of a pixel that is nearly white."""
BRIGHTER = 1.5
LEAST_HUED = 0.5
"""Least share of pixels with a hue by which clouds are told from land: dry land and towns are nearly white too."""

AnyArray = npt.NDArray[Any]


def survey_stretch(sources: Sequence[Source]) -> tuple[float, float]:
    """2nd and 98th percentile of a survey's pixels deeper than uint8, all bands together so that hues are kept.

    Pixels that are saturated, 0 throughout, or clouds do not count.

    At most 64 sources spread evenly over the survey, and in each 4 x 4 windows of 64 px spread evenly (the whole raster where
    it is smaller), so that the cost is bounded and the result always the same. Windows that cannot be read are passed over:
    reading chips will name them. (0, 1) where there is no valid pixel at all.
    """
    deep = [source for source in sources if source.dtype != "uint8"]
    picked = [deep[at] for at in evenly(len(deep), MAX_FILES)]
    with OpenFiles(max_open=4) as files:
        samples = [values for source in picked for values in _samples(files, source)]
    if not samples:
        return 0.0, 1.0
    low, high = np.percentile(without_clouds(np.concatenate(samples)), PERCENTILES)
    return float(low), float(high) if high > low else float(low) + 1.0


def _samples(files: OpenFiles, source: Source) -> list[npt.NDArray[np.float64]]:
    """Valid pixels (n, B) of each of the spread windows of one source."""
    found = []
    for window in spread(source.width, source.height):
        try:
            data, valid = read_raw(files, source, window)
        except DamagedSourceError:
            continue
        pixels = data.reshape(-1, data.shape[-1]) if valid is None else data[valid]
        found.append(_telling(pixels).astype(np.float64))
    return [values for values in found if values.size]


def _telling(pixels: AnyArray) -> AnyArray:
    """Of pixels (n, B) those that tell how bright the land is: not saturated, not 0 throughout (a fill value), finite."""
    if pixels.dtype.kind == "f":
        return np.asarray(pixels[np.isfinite(pixels).all(axis=1) & pixels.any(axis=1)])
    saturated = (pixels == np.iinfo(pixels.dtype).max).any(axis=1)
    return np.asarray(pixels[~saturated & pixels.any(axis=1)])


def without_clouds(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pixels (n, B) without clouds and snow: what is nearly white and much brighter than nearly all that has a hue.

    All of them where most has no hue, or there are not three bands to tell it by.
    """
    if pixels.shape[1] < HUED_BANDS:
        return pixels
    mean = pixels[:, :HUED_BANDS].mean(axis=1)
    white = pixels[:, :HUED_BANDS].min(axis=1) >= WHITE * pixels[:, :HUED_BANDS].max(axis=1)
    if (~white).mean() < LEAST_HUED:
        return pixels
    return np.asarray(pixels[~(white & (mean > BRIGHTER * np.percentile(mean[~white], 90)))])


def evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    """Positions of at most so many of `count` things, rising, spread evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def spread(width: int, height: int) -> list[Window]:
    """Windows spread evenly over a raster, the first and the last at its edges."""
    cols, rows = _starts(width), _starts(height)
    return [Window(col, row, min(WINDOW_PX, width), min(WINDOW_PX, height)) for row in rows for col in cols]


def _starts(length: int) -> list[int]:
    if length <= WINDOW_PX * WINDOWS:
        return list(range(0, length, WINDOW_PX)) if length > WINDOW_PX else [0]
    return [int(start) for start in np.linspace(0, length - WINDOW_PX, WINDOWS).round()]


def to_uint8(data: AnyArray, stretch: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
    """Values mapped linearly so that low becomes 0 and high 255, clipped and rounded; unchanged without a stretch.

    NaN becomes 0 (and is never valid).
    """
    if stretch is None:
        return data.astype(np.uint8, copy=False)
    low, high = stretch
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (data.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    return np.asarray(np.rint(np.clip(scaled, 0.0, 255.0, out=scaled)).astype(np.uint8))
