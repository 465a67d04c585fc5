"""The state of single files: cut short, slow to read small, values of more than 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError

from landuse.errors import DamagedSourceError, LanduseError
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.raster_file import open_raster
from landuse.mosaic.source import Source
from landuse.mosaic.undeclared import SIDE

LARGE = 8 * SIDE
"""Pixels along a raster's side from which reading it small without overviews takes seconds."""
MOST_CLASSES = 32
TIFF = "GTiff"


def damage(source: Source) -> str:
    """What is wrong with the pixels of a source, by where they lie in its file and by its first and last; empty if nothing."""
    for path in source.paths:
        try:
            with open_raster(path) as dataset:
                if cut_short(path, dataset):
                    return f"{path} is cut short: it ends before its pixels do; copy or download the file again."
        except (RasterioError, LanduseError) as error:
            return f"{path} cannot be opened ({' '.join(str(error).split()).rstrip('.')})."
    try:
        with OpenFiles() as files:
            for window in (Window(0, 0, 1, 1), Window(source.width - 1, source.height - 1, 1, 1)):
                read_raw(files, source, window)
    except DamagedSourceError as error:
        return str(error)
    return ""


def cut_short(path: str, dataset: Any) -> bool:  # noqa: ANN401
    """Whether a GeoTIFF of this machine ends before one of its blocks does."""
    if dataset.driver != TIFF or not Path(path).is_file():
        return False
    return max(_ends(dataset), default=0) > Path(path).stat().st_size


def _ends(dataset: Any) -> Iterator[int]:  # noqa: ANN401
    """The byte after each block of the first and the last band; blocks that were never written have none."""
    height, width = dataset.block_shapes[0]
    for band in {1, dataset.count}:
        for row in range(-(-dataset.height // height)):
            for col in range(-(-dataset.width // width)):
                offset, size = (
                    dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")
                )
                if offset is not None and size is not None:
                    yield int(offset) + int(size)


def is_class_map(source: Source) -> bool:
    """Whether a raster with a palette holds so few of its colours that it must be a map of classes, no picture."""
    if not source.palette:
        return False
    with open_raster(source.paths[0]) as dataset:
        shape = min(SIDE, dataset.height), min(SIDE, dataset.width)
        return len(np.unique(dataset.read(source.bands[0].band, out_shape=shape))) <= MOST_CLASSES


def lacks_overviews(source: Source) -> bool:
    """Whether a source is large and has no overviews, so that looking at all of it reads all of it."""
    return not source.overviews and max(source.width, source.height) > LARGE
