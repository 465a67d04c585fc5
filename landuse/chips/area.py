"""The area of interest: which ground a user asked for, and which chips touch it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.errors import UsageError
from landuse.grid import Bounds, ChipGrid, IntArray
from landuse.vector_file import carried, read_vector

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

LonLat = tuple[float, float, float, float]
CHUNK = 2**16


def area_geometry(aoi: Path | None, bounds: LonLat | None, crs: CRS, near: Bounds) -> BaseGeometry | None:
    """The ground of `--aoi` or `--bounds` around `near`, in `crs`; None where neither is given.

    Args:
        aoi: a vector file; its features together are the area.
        bounds: west, south, east, north in degrees (WGS 84).
        crs: the lattice CRS.
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
    return carried(np.array([geometry], dtype=object), source, target, near)[0]


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
