"""The condition of a survey: files that are damaged, slow or no imagery, and how far colours differ where two of them meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.errors import RasterioError

from landuse.errors import DamagedSourceError, LanduseError
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.gdal import open_raster
from landuse.mosaic.reader import MosaicReader, Pixels
from landuse.mosaic.remarks import LARGE_OVERLAP
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import evenly
from landuse.mosaic.survey import Survey
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


MOST_PAIRS, MOST_PLACES = 12, 4
ACROSS = 4
"""Pixels of the coarser source from a pixel to the one it is compared with, where sources touch without overlap."""
FEWEST = 200
"""Pairs of pixels below which nothing is said of an edge."""

Array = npt.NDArray[Any]
Levels = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Seam:
    """The edge between two sources, by their positions, and how far their colours differ there: 0 to 255, mean over bands."""

    one: int
    other: int
    levels: float


def seams(survey: Survey, grid: ChipGrid) -> list[Seam]:
    """At most `MOST_PAIRS` seams of a survey, those of the largest difference first.

    The median of the signed differences across an edge counts, band by band: land cover that ends at the very edge of a sheet
    is rare, and other light shows all along it. Sources that share most of their ground are no neighbours.
    """
    footprints = np.array(survey.footprints(grid.crs), dtype=object)
    one, other = shapely.STRtree(footprints).query(footprints, predicate="dwithin", distance=grid.pixel)
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(footprints[one], footprints[other]))
    pairs = np.flatnonzero(shared < LARGE_OVERLAP * np.minimum(*shapely.area(footprints[[one, other]])))
    sides = np.sqrt(shapely.area(footprints) / [source.width * source.height for source in survey.sources]) / grid.pixel
    steps = (ACROSS * np.maximum(1.0, np.maximum(sides[one], sides[other]))).astype(int).clip(1, grid.chip_px // 4)
    found = []
    for pair in pairs[evenly(len(pairs), MOST_PAIRS)]:
        apart = _differences(survey.part([one[pair]]), survey.part([other[pair]]), grid, int(steps[pair]))
        if len(apart) >= FEWEST:
            found.append(Seam(int(one[pair]), int(other[pair]), float(np.abs(np.median(apart, axis=0)).mean())))
    return sorted(found, key=lambda seam: -seam.levels)


def _differences(one: Survey, other: Survey, grid: ChipGrid, step: int) -> Levels:
    """Differences (n, B) of two sources where they overlap, and of pixels `step` apart across their edge where they do not."""
    here, there = (survey.footprints(grid.crs)[0] for survey in (one, other))
    strip = shapely.intersection(here.buffer(grid.pixel), there.buffer(grid.pixel))
    corners = np.unique(np.rint(shapely.get_coordinates(shapely.segmentize(strip, grid.side)) / grid.side), axis=0)
    found = [np.empty((0, len(one.bands)), np.int16)]
    with MosaicReader(one, grid) as first, MosaicReader(other, grid) as second:
        for col, row in corners[evenly(len(corners), MOST_PLACES)].astype(int).tolist():
            around = CellRange(row - 1, row + 1, col - 1, col + 1)  # an edge may lie between two cells
            try:
                found.append(_across(first.read(around), second.read(around), step))
            except DamagedSourceError:
                continue
    return np.concatenate(found)


def _across(one: Pixels, other: Pixels, step: int) -> Levels:
    """Differences (n, B) of two images of one place: pixel by pixel where both have imagery, else across their edge."""
    both = one.valid & other.valid
    if both.any():
        return np.asarray(one.data[both].astype(np.int16) - other.data[both])
    found = []
    for axis, shift in ((0, step), (0, -step), (1, step), (1, -step)):
        beside, valid = np.roll(other.data, shift, axis), np.roll(other.valid, shift, axis)
        np.moveaxis(valid, axis, 0)[slice(0, shift) if shift > 0 else slice(shift, None)] = False
        at = one.valid & valid
        found.append(one.data[at].astype(np.int16) - beside[at])
    return np.concatenate(found)
