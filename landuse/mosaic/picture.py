"""One picture as pixels: read from a file or its bytes, or taken from an array, and brought to a model's size.

It may come from a stranger, so its format and its size are looked at first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from landuse.errors import DamagedSourceError
from landuse.mosaic.gdal import gdal_context, gdal_env

Picture = npt.NDArray[np.uint8]
"""(height, width, 3), red first."""

DRIVERS = ["JPEG", "PNG", "GTiff", "BMP", "GIF", "WEBP", "JP2OpenJPEG"]
"""What is opened at all: GDAL goes by content, and some of its other formats (VRT) name files and addresses to read."""
MAX_PIXELS = 2**28
"""A small file can claim any size; this is 16,384 x 16,384."""
CHANNELS = (1, 3, 4)


def read_image(path: Path, px: int) -> Picture:
    """An image file as uint8 (px, px, 3), resampled as a chip would be.

    Grey becomes three equal bands, a palette becomes its colours, alpha and further bands are dropped.

    Raises:
        OSError: it cannot be read whole; rasterio's RasterioError is another that may come.
        DamagedSourceError: its pixels are not of 8 bits, or too many.
    """
    with _reading(), DatasetReader(str(path), driver=DRIVERS) as source:  # rasterio.open takes one driver only
        return _read(source, px)


def decode(data: bytes, px: int | None = None) -> Picture | None:
    """The picture in the bytes of a file, None where they cannot be read whole.

    Args:
        data: a JPEG, PNG, TIFF, BMP, GIF, WebP or JPEG 2000 file of 8 bits a channel.
        px: side of the square it is brought to; None keeps its own size.

    Returns:
        uint8, red first; grey becomes three equal channels, palettes become colours, alpha is dropped.
    """
    if not data:
        return None
    try:
        with _reading(), MemoryFile(data) as file, file.open(driver=DRIVERS) as source:
            return _read(source, px)
    except (RasterioError, OSError, ValueError):
        return None


def fit(image: npt.NDArray[np.uint8], px: int) -> Picture:
    """An image (height, width, 1, 3 or 4), red first, as (px, px, 3): averaged when it shrinks, else bilinear.

    The resampling is that of `read_image`, so a picture gives the same pixels either way.
    """
    colours = rgb(image)
    height, width = colours.shape[:2]
    if (height, width) == (px, px):
        return colours
    shape = {"height": height, "width": width, "count": 3, "dtype": "uint8"}
    with _reading(), rasterio.open("", "w+", driver="MEM", **shape) as memory:
        memory.write(colours.transpose(2, 0, 1))
        return _resampled(memory, (1, 2, 3), px)


def batches(pictures: Iterable[Picture], count: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Pictures (height, width, c) as they come, `count` at a time and the rest at the end: uint8 (n, height, width, c)."""
    waiting: list[Picture] = []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == count:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def rgb(image: npt.NDArray[np.uint8]) -> Picture:
    """Three channels of 1, 3 or 4: grey replicated, alpha dropped."""
    colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
    return np.ascontiguousarray(colours)


def _read(source: DatasetReader, px: int | None) -> Picture:
    """The picture in an open file; `DamagedSourceError` for one that is not of 8 bits, or too large to be a picture."""
    if source.width * source.height > MAX_PIXELS:
        raise DamagedSourceError(f"it has {source.width:,} x {source.height:,} pixels, which no chip has")
    if set(source.dtypes) != {"uint8"}:
        raise DamagedSourceError(f"its pixels are {source.dtypes[0]}, not 8-bit; stretch it to 8 bits first")
    palette = _palette(source)
    bands = (1, 2, 3) if source.count >= 3 else (1, 1, 1)
    if px and palette is None and ColorInterp.alpha not in source.colorinterp:
        return _resampled(source, bands, px)
    # At full size first: colours may be averaged, their numbers may not; and GDAL would weigh an average by alpha.
    whole = np.moveaxis(source.read(bands), 0, -1) if palette is None else palette[source.read(1)]
    return fit(whole, px) if px else np.ascontiguousarray(whole)


def _palette(source: DatasetReader) -> Picture | None:
    """The colours (256, 3) of a file with a colour table."""
    if source.count != 1 or source.colorinterp[0] != ColorInterp.palette:
        return None
    table = np.zeros((256, 3), np.uint8)
    for number, colour in source.colormap(1).items():
        if 0 <= number < len(table):
            table[number] = colour[:3]
    return table


def _resampled(source: DatasetReader, bands: tuple[int, ...], px: int) -> Picture:
    method = Resampling.average if max(source.width, source.height) > px else Resampling.bilinear
    image = source.read(bands, out_shape=(3, px, px), resampling=method)
    return np.ascontiguousarray(image.transpose(1, 2, 0))


@contextmanager
def _reading() -> Iterator[None]:
    """GDAL as it reads pictures: one that was cut short is an error, and none lies anywhere on Earth."""
    with gdal_env(), gdal_context(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
