"""What rasters do not declare, or declare wrongly, from a small picture of each: collars, and alpha bands that are imagery.

The model of a collar is GDAL's nearblack: connected to the edge, large, and of one value but for what compression blurs. A
pixel is empty where it is near the fill value *and* in the region found, so that dark water inside stays imagery, and the
answer does not depend on the window that is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from landuse.errors import DamagedSourceError, NotARasterError, SourceNotFoundError
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.source import Collar, Mask, Source, Values, near
from landuse.mosaic.stretch import spread

SIDE = 512
"""Most pixels along the side of the small picture."""
READERS = 4
FOURTH = 4
"""The band that is infrared where it is no alpha; before it there are not three colours."""
BETWEEN = 0.005
"""Least share of an alpha band's values that lie between the ends of its range, away from zeros, where it is imagery."""
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


def with_undeclared(sources: Sequence[Source], *, collars: bool) -> list[Source]:
    """The sources with the collars that they do not declare, and without alpha bands that are imagery.

    Windows that cannot be read are passed over: reading chips will name the damage.
    """

    def look(source: Source) -> Source:
        """One source; each thread has GDAL settings and open files of its own."""
        with gdal_env(), OpenFiles(max_open=4) as files:
            try:
                return _with_collar(files, _with_alpha(files, source)) if collars else _with_alpha(files, source)
            except (DamagedSourceError, NotARasterError, SourceNotFoundError):
                return source

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(look, sources))


def _with_alpha(files: OpenFiles, source: Source) -> Source:
    """The source with its alpha band only if that looks like one."""
    if source.alpha is None or source.alpha.band < FOURTH:
        return source
    bare = replace(source, bands=(source.alpha,), nodata=(None,), alpha=None, masked=False)
    if looks_like_alpha([picture[..., 0] for picture in _pictures(files, bare)]):
        return source
    return replace(source, alpha=None, odd_alpha=True)


def looks_like_alpha(pictures: Sequence[Values]) -> bool:
    """Whether the values of a band, in pictures (h, w), are those of a mask: two at most, or hardly any but the ends.

    Values beside a zero may be anything: resampling blurs the edge of a mask.
    """
    values = [picture[~_beside_zero(picture)] for picture in pictures]
    every = np.concatenate([picture.ravel() for picture in values])
    if len(np.unique(np.concatenate([picture.ravel() for picture in pictures]))) <= 2 or not every.size:
        return True
    top = np.iinfo(every.dtype).max if every.dtype.kind in "ui" else every.max()
    return bool(((every != 0) & (every != top)).mean() < BETWEEN)


def _beside_zero(picture: Values) -> npt.NDArray[np.bool_]:
    """Pixels (h, w) that are no zeros but have one within two pixels."""
    zero = np.pad(picture == 0, 2)
    height, width = picture.shape
    beside = np.zeros(picture.shape, bool)
    for row in range(5):
        for col in range(5):
            beside |= zero[row : row + height, col : col + width]
    return np.asarray(beside & (picture != 0))


def _with_collar(files: OpenFiles, source: Source) -> Source:
    declared = {value for value in source.nodata if value is not None}
    if source.alpha is not None or source.masked or (declared and not source.lossy):
        return source
    plain = replace(source, nodata=(None,) * len(source.bands))
    values = tuple(declared) if declared else fill_values(source.dtype)
    if not any(_suspicious(files, plain, value) for value in values):
        return source
    picture = thumbnail(files, plain)
    for value in values:
        collar = find_collar(picture, value, lossy=source.lossy, everywhere=bool(declared))
        if collar is not None:
            return replace(source, collar=collar)
    return source


def _suspicious(files: OpenFiles, source: Source, value: float) -> bool:
    """Whether a value is seen at the edges of windows that lie at the edge of a raster; the small picture costs more."""
    if source.overviews or max(source.width, source.height) <= SIDE:
        return True
    for window in spread(source.width, source.height):
        data = read_raw(files, source, window)[0] if _at_edge(window, source) else None
        if data is not None and touches_edge(near(data, value, blur_of(data, lossy=source.lossy))):
            return True
    return False


def _at_edge(window: Window, source: Source) -> bool:
    right, bottom = window.col + window.width, window.row + window.height
    return window.col == 0 or window.row == 0 or right == source.width or bottom == source.height


def thumbnail(files: OpenFiles, source: Source) -> Values:
    """Every so many pixels of a source (h, w, B), from an overview where there is one; its longer side is `SIDE` at most."""
    step = max(1.0, max(source.width, source.height) / SIDE)
    shape = max(1, math.floor(source.height / step)), max(1, math.floor(source.width / step))
    out = np.empty((*shape, len(source.bands)), dtype=source.dtype)
    data, _ = read_raw(files, source, Window(0, 0, source.width, source.height), out=out)
    return data


def _pictures(files: OpenFiles, source: Source) -> list[Values]:
    """The small picture of a source with overviews, else windows spread over it at full size."""
    if source.overviews or max(source.width, source.height) <= SIDE:
        return [thumbnail(files, source)]
    return [read_raw(files, source, window)[0] for window in spread(source.width, source.height)]


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
    """
    if picture.dtype == np.uint8:
        return float(BLUR)
    return float(np.ceil(BLUR / 255 * np.percentile(picture, BRIGHT))) if lossy and picture.dtype.kind in "ui" else 0.0


def find_collar(picture: Values, value: float, *, lossy: bool = False, everywhere: bool = False) -> Collar | None:
    """The collar of one fill value on a small picture (h, w, B) of a raster; None where there is none.

    Args:
        picture: values as stored, every so many pixels.
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
