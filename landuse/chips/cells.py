"""Which cells of the lattice a survey or an area of interest touches, and how much of each the survey covers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.chips.chipset import ChipSet, SourceLists, block_slices, image_order
from landuse.errors import UsageError
from landuse.grid import BLOCK, Bounds, CellRange, ChipGrid, IntArray
from landuse.mosaic import Survey, coverage
from landuse.vector_file import projected, read_vector

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry


LonLat = tuple[float, float, float, float]
CHUNK = 2**16


def area_geometry(aoi: Path | None, bounds: LonLat | None, crs: CRS, near: Bounds) -> BaseGeometry | None:
    """The ground of `--aoi` or `--bounds` around `near`, in `crs`; None where neither is given.

    Args:
        aoi: a vector file; its features together are the area.
        bounds: west, south, east, north in degrees (WGS 84).
        near: the survey's ground in `crs`. What lies far from it is cut off, because a projection fails far from home.
            The geometry is empty where nothing is left.

    Raises:
        UsageError: both are given, or bounds that are not bounds.
        SourceNotFoundError, NotAVectorError, MissingCRSError: the file cannot serve.
    """
    if aoi is not None and bounds is not None:
        raise UsageError("Give the area either as --aoi or as --bounds, not as both.")
    if bounds is not None:
        return _one(_box(bounds), CRS.from_epsg(4326), crs, near)
    if aoi is not None:
        frame = read_vector(aoi)
        return _one(frame.geometry.union_all(), CRS.from_user_input(frame.crs), crs, near)
    return None


def _box(bounds: LonLat) -> BaseGeometry:
    """The rectangle of lon/lat bounds. Raises `UsageError` where they are none."""
    import shapely

    west, south, east, north = bounds
    if not all(math.isfinite(value) for value in bounds):
        raise UsageError(f"--bounds needs four numbers, not {bounds}.")
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise UsageError(f"--bounds takes degrees of longitude and latitude, W S E N; {bounds} lie outside of them.")
    if west > east:
        raise UsageError(
            f"--bounds must run from west to east, and {west:g} lies east of {east:g}; "
            "an area across the antimeridian needs one run for each side."
        )
    if west == east or south >= north:
        raise UsageError(f"--bounds must run from west to east and from south to north, W S E N, not {bounds}.")
    return shapely.box(west, south, east, north)


def _one(geometry: BaseGeometry, source: CRS, target: CRS, near: Bounds) -> BaseGeometry:
    return projected(np.array([geometry], dtype=object), source, target, near)[0]


def touches(geometry: BaseGeometry, grid: ChipGrid, rows: IntArray, cols: IntArray) -> npt.NDArray[np.bool_]:
    """Which cells share ground with a geometry in the grid's CRS; a common edge is no shared ground.

    A point or a line has no ground, so it touches the cells it runs through.
    """
    import shapely

    near = _near(geometry, grid, rows, cols)
    found = np.zeros(len(rows), bool)
    shapely.prepare(geometry)
    for start in range(0, len(near), CHUNK):
        part = near[start : start + CHUNK]
        polygons = grid.polygons(rows[part], cols[part])
        found[part] = shapely.intersects(geometry, polygons)
        if geometry.area > 0:
            found[part] &= ~shapely.touches(geometry, polygons)
    return found


def _near(geometry: BaseGeometry, grid: ChipGrid, rows: IntArray, cols: IntArray) -> IntArray:
    """Positions of the cells whose rectangle meets that of the geometry, so that only they need a polygon."""
    if geometry.is_empty:
        return np.empty(0, np.int64)
    west, south, east, north = (value / grid.side for value in geometry.bounds)
    return np.flatnonzero((cols <= east) & (cols + 1 >= west) & (rows <= north) & (rows + 1 >= south))


Float32 = npt.NDArray[np.float32]
ROUNDING = 1e-6
"""Part of a chip's side by which a footprint may reach into a cell through rounding alone."""
SQUARE = 128
"""Side, in cells, of the squares in which coverage is asked for, so that scattered sources cost no empty ground."""
MOST_CHIPS = 10**11
"""More chips than this are a slip in a chip's size or a pixel's: the whole Earth has a tenth of it at 224 m."""
STRIP = 2 * BLOCK
"""Rows of cells that are found at once, so that memory follows the width of a survey and not its area."""


def survey_strips(survey: Survey, grid: ChipGrid, ground: Bounds | None = None) -> Iterator[ChipSet]:
    """The chips of a survey in pieces of some rows of blocks, from south to north, in block order throughout.

    Cells between scattered sources are never made: the cost follows the ground of the sources, not the rectangle around them.

    Args:
        ground: a rectangle in its CRS. Strips and squares of cells that lie away from it are left out; what is in the others
            does not depend on it. None for the whole survey.

    Raises:
        UsageError: the chips would be more than anybody can mean.
    """
    import shapely

    footprints = np.array(survey.footprints(grid.crs), dtype=object)
    expected = float(np.sum(shapely.area(footprints))) / grid.side**2
    if expected > MOST_CHIPS:
        raise UsageError(
            f"These sources hold about {expected:.2g} chips of {grid.chip_m:g} m, and a survey may have {MOST_CHIPS:.0e}; "
            "give a larger --chip-size, or check the pixel size of the sources."
        )
    reach = np.array([_row_reach(grid, footprint) for footprint in footprints], np.int64).reshape(-1, 2)
    wanted = None if ground is None else _squares(grid, ground)
    for strip in sorted({strip for first, last in reach.tolist() for strip in range(first, last + 1)}):
        if wanted is not None and not wanted.row0 <= strip * STRIP < wanted.row1:
            continue
        near = np.flatnonzero((reach[:, 0] <= strip) & (strip <= reach[:, 1]))
        within = range(strip * STRIP, (strip + 1) * STRIP)
        rows, cols, sources = touched_cells(grid, footprints[near].tolist(), within)
        if wanted is not None:
            kept = np.flatnonzero((cols >= wanted.col0) & (cols < wanted.col1))
            rows, cols, sources = rows[kept], cols[kept], sources.take(kept)
        named = SourceLists(sources.offsets, near.astype(np.int32)[sources.numbers])
        yield ChipSet(grid, survey, rows, cols, _valid(survey, grid, (rows, cols), named), named)


def _squares(grid: ChipGrid, ground: Bounds) -> CellRange:
    near = grid.touching(ground)
    row0, row1 = (near.row0 - 1) // STRIP * STRIP, -(-(near.row1 + 1) // STRIP) * STRIP
    return CellRange(row0, row1, (near.col0 - 1) // SQUARE * SQUARE, -(-(near.col1 + 1) // SQUARE) * SQUARE)


def _row_reach(grid: ChipGrid, footprint: Polygon) -> tuple[int, int]:
    cells = grid.touching(Bounds(*footprint.bounds))
    return cells.row0 // STRIP, (cells.row1 - 1) // STRIP


def _valid(survey: Survey, grid: ChipGrid, cells: tuple[IntArray, IntArray], sources: SourceLists) -> Float32:
    rows, cols = cells
    valid = np.zeros(len(rows), np.float32)
    order = image_order(rows, cols, SQUARE)
    for _, part in block_slices(rows[order], cols[order], SQUARE):
        places = order[part]
        near = np.unique(sources.take(places).numbers).tolist()
        here = replace(survey, sources=tuple(survey.sources[number] for number in near))
        valid[places] = _coverage(here, grid, rows[places], cols[places])
    return valid


def touched_cells(
    grid: ChipGrid, footprints: Sequence[Polygon], within: range | None = None
) -> tuple[IntArray, IntArray, SourceLists]:
    """Cells that share ground with any of some footprints in the grid's CRS, each once, in block order.

    Returns:
        Rows and columns, int64, shape (n,), and for each cell the positions of the footprints it shares ground with.
    """
    if not len(footprints):
        return np.empty(0, np.int64), np.empty(0, np.int64), SourceLists.empty(0)
    found = [footprint_cells(grid, footprint, within) for footprint in footprints]
    rows = np.concatenate([rows for rows, _ in found])
    cols = np.concatenate([cols for _, cols in found])
    source = np.repeat(np.arange(len(found), dtype=np.int32), [len(rows) for rows, _ in found])
    if not len(rows):
        return rows, cols, SourceLists.empty(0)
    order = image_order(rows, cols)  # stable, so that sources stay ascending within a cell
    rows, cols, source = rows[order], cols[order], source[order]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(rows) != 0) | (np.diff(cols) != 0)]))
    offsets = np.concatenate([starts, [len(rows)]]).astype(np.int64)
    return rows[starts], cols[starts], SourceLists(offsets, source)


def footprint_cells(grid: ChipGrid, footprint: Polygon, within: range | None = None) -> tuple[IntArray, IntArray]:
    """Rows and columns of the cells (of the rows `within`) that share ground with one footprint, in image order."""
    slack = ROUNDING * grid.side
    west, south, east, north = footprint.bounds
    if min(east - west, north - south) <= 2 * slack:
        return CellRange(0, 0, 0, 0).arrays()
    cells: CellRange | None = grid.touching(Bounds(west + slack, south + slack, east - slack, north - slack))
    if cells is not None and within is not None:
        cells = cells.intersection(CellRange(within.start, within.stop, cells.col0, cells.col1))
    rows, cols = (cells or CellRange(0, 0, 0, 0)).arrays()
    if not len(rows) or footprint.area >= (east - west) * (north - south) * (1 - ROUNDING):
        return rows, cols
    keep = touches(footprint.buffer(-slack), grid, rows, cols)
    return rows[keep], cols[keep]


def _coverage(survey: Survey, grid: ChipGrid, rows: IntArray, cols: IntArray) -> npt.NDArray[np.float32]:
    """Share of each of some cells of one square with imagery, from the sources that lie there; 0 to 1."""
    cells = CellRange.around(rows, cols)
    return np.asarray(coverage(survey, grid, cells)[cells.image_index(rows, cols)].clip(0, 1))
