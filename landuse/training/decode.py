"""Image files as pixels of a model's size. A file may come from a stranger, so its format and its size are looked at first."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from landuse.errors import DamagedSourceError
from landuse.mosaic.gdal import gdal_env

DRIVERS = ["JPEG", "PNG", "GTiff", "BMP", "GIF", "WEBP"]
"""What is opened at all: GDAL goes by content, and some of its formats (VRT) name other files and addresses to read."""
MOST_PIXELS = 2**28
"""A small file can claim any size; this is 16,384 x 16,384."""

Pixels = npt.NDArray[np.uint8]


def read_image(path: Path, side: int) -> Pixels:
    """An image as uint8 (side, side, 3), resampled as a chip would be.

    Grey becomes three equal bands, a palette becomes its colours, alpha and further bands are dropped.

    Raises:
        OSError: it cannot be read whole; rasterio's RasterioError is another that may come.
        DamagedSourceError: its pixels are not of 8 bits, or too many.
    """
    with _reading(), DatasetReader(str(path), driver=DRIVERS) as source:  # rasterio.open takes one driver only
        if source.width * source.height > MOST_PIXELS:
            raise DamagedSourceError(f"it has {source.width:,} x {source.height:,} pixels, which no chip has")
        if set(source.dtypes) != {"uint8"}:
            raise DamagedSourceError(f"its pixels are {source.dtypes[0]}, not 8-bit; stretch it to 8 bits first")
        if source.count == 1 and source.colorinterp[0] == ColorInterp.palette:
            return _of_palette(source, side)
        return _resized(source, (1, 2, 3) if source.count >= 3 else (1, 1, 1), side)


def _resized(source: DatasetReader, bands: tuple[int, ...], side: int) -> Pixels:
    shrinking = max(source.width, source.height) > side
    method = Resampling.average if shrinking else Resampling.bilinear
    image = source.read(bands, out_shape=(3, side, side), resampling=method)
    return np.ascontiguousarray(image.transpose(1, 2, 0))


def _of_palette(source: DatasetReader, side: int) -> Pixels:
    """An image with a palette: its colours may be averaged, their numbers may not."""
    table = np.zeros((256, 3), np.uint8)
    for number, colour in source.colormap(1).items():
        if 0 <= number < len(table):
            table[number] = colour[:3]
    shape = {"height": source.height, "width": source.width, "count": 3, "dtype": "uint8"}
    with rasterio.open("", "w+", driver="MEM", **shape) as memory:
        memory.write(table[source.read(1)].transpose(2, 0, 1))
        return _resized(memory, (1, 2, 3), side)


@contextmanager
def _reading() -> Iterator[None]:
    """GDAL as it reads pictures: one that was cut short is an error, and none lies anywhere on Earth."""
    with gdal_env(), rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
