"""Where two sources of a survey meet, and how far their colours differ there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from landuse.errors import DamagedSourceError
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic.reader import MosaicReader, Pixels
from landuse.mosaic.remarks import LARGE_OVERLAP
from landuse.mosaic.survey import Survey

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
    for pair in _some(pairs, MOST_PAIRS):
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
        for col, row in _some(corners, MOST_PLACES).astype(int).tolist():
            around = CellRange(row - 1, row + 1, col - 1, col + 1)  # an edge may lie between two cells
            try:
                found.append(_across(first.read(around), second.read(around), step))
            except DamagedSourceError:
                continue
    return np.concatenate(found)


def _some(items: Array, most: int) -> Array:
    """At most so many of the items, spread evenly."""
    return np.asarray(items[np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)])


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
