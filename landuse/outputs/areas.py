"""Areas of cells on the ellipsoid, in hectares, and which part of a cell lies in which shape.

The area of a cell is that of its curved footprint on the CRS's own ellipsoid. Its edges, straight in the projection, are cut in
pieces; longitudes and authalic heights of the points then span a plane in which areas are true (the cylindrical equal-area
projection: Snyder 1987, Map Projections - A Working Manual, equations 3-12 and 10-15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from numpy.polynomial import chebyshev
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import UsageError
from landuse.grid import ChipGrid, IntArray

if TYPE_CHECKING:
    from affine import Affine
    from shapely.geometry.base import BaseGeometry

    from landuse.chips import ChipSet


FloatArray = npt.NDArray[np.float64]
HECTARE = 10_000.0
PIECES = 8
"""Pieces of an edge. Of a 10 km cell this leaves out less than 1e-7 of the area."""
EDGE_PIECES = 2_000
"""The longest edge of polygons, as a part of their extent: no longer than a cell, as a rule."""
EXACT_UP_TO = 2_000
NODES = 16
"""Nodes a side of the sub-grid for many cells; the polynomial through them is true to 1e-8 over 1,000 km."""
AT_ONCE = 65_536


@dataclass(frozen=True)
class Lattice:
    """A regular grid of rectangles, index 0 at `x0`, `y0`, in any CRS. Steps may be negative (rasters step southwards)."""

    crs: CRS
    x0: float
    y0: float
    dx: float
    dy: float

    @classmethod
    def of_raster(cls, transform: Affine, crs: CRS) -> Lattice:
        """The pixels of a north-up raster; rows count southwards."""
        return cls(crs, transform.c, transform.f, transform.a, transform.e)

    @classmethod
    def of_grid(cls, grid: ChipGrid) -> Lattice:
        """The cells of a chip grid; rows count northwards."""
        return cls(grid.crs, 0.0, 0.0, grid.side, grid.side)


def cell_areas_ha(grid: ChipGrid, rows: IntArray, cols: IntArray) -> FloatArray:
    """Areas in hectares on the ellipsoid of lattice cells, shape (n,).

    Up to 2,000 cells are computed one by one. More are interpolated from a sub-grid of exact values over their extent, which
    agrees with the exact areas to 1e-6 (relative) or better wherever the projection is smooth over that extent.

    Raises:
        UsageError: a cell lies where the CRS has no ground.
    """
    return areas_ha(Lattice.of_grid(grid), np.asarray(rows, np.float64), np.asarray(cols, np.float64))


def raster_areas_ha(transform: Affine, crs: CRS, shape: tuple[int, int]) -> FloatArray:
    """Areas in hectares of every pixel of a north-up raster, shape (H, W); as `cell_areas_ha`."""
    rows, cols = np.indices(shape, dtype=np.float64)
    return areas_ha(Lattice.of_raster(transform, crs), rows.ravel(), cols.ravel()).reshape(shape)


def areas_ha(lattice: Lattice, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """Areas in hectares of lattice cells, shape (n,); as `cell_areas_ha`."""
    surface = AreaSurface.over(lattice, rows, cols) if rows.size > EXACT_UP_TO else None
    areas = exact_areas_ha(lattice, rows, cols) if surface is None else surface.at(rows, cols)
    if not np.isfinite(areas).all():
        raise UsageError(f"Some cells lie outside the area of {lattice.crs.name}; choose a CRS made for this place.")
    return np.asarray(areas, np.float64)


def exact_areas_ha(lattice: Lattice, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """Areas in hectares of lattice cells, each from its own edge points, shape (n,); NaN or inf where there is no ground.

    Rows and columns may be fractional: the cell then starts between two lattice lines.
    """
    steps = np.arange(PIECES) / PIECES
    zero, one = np.zeros(PIECES), np.ones(PIECES)
    across = np.concatenate([steps, one, 1 - steps, zero])
    along = np.concatenate([zero, steps, one, 1 - steps])
    x = lattice.x0 + (cols[:, np.newaxis] + across) * lattice.dx
    y = lattice.y0 + (rows[:, np.newaxis] + along) * lattice.dy
    with np.errstate(invalid="ignore"):  # infinite where the projection has no ground; the caller sees NaN
        lon, height, square_metres = _authalic_plane(lattice.crs, x, y)
        lon, height = _around_first(lon, 2 * np.pi), height - height[:, :1]
        twice = lon * np.roll(height, -1, axis=1) - np.roll(lon, -1, axis=1) * height
    return np.asarray(np.abs(twice.sum(axis=1)) / 2 * square_metres / HECTARE, np.float64)


def polygon_areas_ha(polygons: npt.NDArray[np.object_], crs: CRS) -> FloatArray:
    """Areas in hectares on the ellipsoid of polygons of `crs`, shape (n,).

    Their edges, straight in `crs`, are cut into pieces of a cell's size first.

    Raises:
        UsageError: a polygon lies where the CRS has no ground.
    """
    west, south, east, north = shapely.total_bounds(polygons)
    dense = shapely.segmentize(polygons, max(east - west, north - south) / EDGE_PIECES)
    rings, owner = shapely.get_rings(shapely.orient_polygons(_parts(dense)[0]), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    lon, height, square_metres = _authalic_plane(crs, points[:, 0], points[:, 1])
    offset = lon[1:] - lon[:-1]
    offset = offset - 2 * np.pi * np.round(offset / (2 * np.pi))
    swept = np.where(ring[1:] == ring[:-1], -offset * (height[1:] + height[:-1]) / 2, 0.0)
    areas = np.bincount(_parts(dense)[1][owner[ring[1:]]], weights=swept, minlength=len(polygons))
    if not np.isfinite(areas).all():
        raise UsageError(f"Some polygons lie outside the area of {crs.name}; choose a CRS made for this place.")
    return np.asarray(areas * square_metres / HECTARE, np.float64)


def _parts(polygons: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.object_], IntArray]:
    parts, owner = shapely.get_parts(polygons, return_index=True)
    areal = shapely.get_dimensions(parts) == 2
    return parts[areal], owner[areal]


def _around_first(angles: FloatArray, turn: float) -> FloatArray:
    """Angles relative to the first of each row, so that a cell across the antimeridian stays whole."""
    offset = angles - angles[:, :1]
    return np.asarray(offset - turn * np.round(offset / turn), np.float64)


def _authalic_plane(crs: CRS, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Longitude (radians), authalic height q/2 and the square metres of one unit of their plane (Snyder 3-12, 10-15)."""
    geodetic = crs.geodetic_crs
    geod = crs.get_geod()
    if geodetic is None or geod is None:
        raise UsageError(f"{crs.name} is tied to no ellipsoid, so areas cannot be measured in it; give another CRS.")
    lon, lat = np.radians(transformer(crs, geodetic).transform(x, y))
    sine, square = np.sin(lat), float(geod.es)
    if square == 0:
        return lon, sine, float(geod.a) ** 2
    root = np.sqrt(square)
    q = (1 - square) * (sine / (1 - square * sine**2) + np.arctanh(root * sine) / root)
    return lon, q / 2, float(geod.a) ** 2


@dataclass(frozen=True, eq=False)
class AreaSurface:
    """A polynomial of areas over an extent of cells, through exact values at Chebyshev's points of both directions.

    Attributes:
        coefficients: float64 (NODES, NODES), of the products of Chebyshev polynomials of row and column.
    """

    lows: tuple[float, float]
    highs: tuple[float, float]
    coefficients: FloatArray

    @classmethod
    def over(cls, lattice: Lattice, rows: FloatArray, cols: FloatArray) -> AreaSurface | None:
        """The surface over the extent of some cells; None where the projection does not cover all of that extent."""
        lows = float(rows.min()), float(cols.min())
        highs = max(float(rows.max()), lows[0] + 1), max(float(cols.max()), lows[1] + 1)
        points = chebyshev.chebpts1(NODES)
        nodes = [low + (points + 1) / 2 * (high - low) for low, high in zip(lows, highs, strict=True)]
        grid = np.meshgrid(*nodes, indexing="ij")
        areas = exact_areas_ha(lattice, grid[0].ravel(), grid[1].ravel()).reshape(NODES, NODES)
        inverse = np.linalg.inv(chebyshev.chebvander(points, NODES - 1))
        return cls(lows, highs, inverse @ areas @ inverse.T) if np.isfinite(areas).all() else None

    def at(self, rows: FloatArray, cols: FloatArray) -> FloatArray:
        """Areas in hectares of cells, shape (n,)."""
        areas = np.empty(rows.size)
        for first in range(0, rows.size, AT_ONCE):
            some = slice(first, first + AT_ONCE)
            down, across = (
                chebyshev.chebvander((values[some] - low) / (high - low) * 2 - 1, NODES - 1)
                for values, low, high in zip((rows, cols), self.lows, self.highs, strict=True)
            )
            areas[some] = ((down @ self.coefficients) * across).sum(axis=1)
        return areas


BOXES_AT_ONCE = 2**15
"""Cells that are boxes at the same time."""
Side = npt.NDArray[np.floating[Any]]
Boxes = tuple[Side, Side, Side, Side]
"""West, south, east and north of cells, (n,) each."""
Shares = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


def cell_shares(shapes: npt.NDArray[np.object_], boxes: Boxes) -> Shares:
    """Every pair of a shape and a cell that share ground.

    Args:
        shapes: valid polygons, (m,).
        boxes: cells in the same CRS, (n,).

    Returns:
        Number of the shape, number of the cell, and the share of the cell's ground within the shape, 0 to 1; (k,) each.
    """
    found = [_shares_of(shapes, boxes, first) for first in range(0, len(boxes[0]), BOXES_AT_ONCE)]
    empty = np.empty(0, np.int64)
    shape, cell, share = (
        np.concatenate(column) for column in zip((empty, empty, empty.astype(float)), *found, strict=True)
    )
    return shape, cell, share


def _shares_of(shapes: npt.NDArray[np.object_], boxes: Boxes, first: int) -> Shares:
    west, south, east, north = (side[first : first + BOXES_AT_ONCE] for side in boxes)
    around = shapely.box(west.min(), south.min(), east.max(), north.max())
    near = shapely.intersection(shapes, around)  # an edge of a far shore costs nothing then
    cells = shapely.box(west, south, east, north)
    shapely.prepare(near)
    tree = shapely.STRtree(cells)
    shape, cell = tree.query(near, predicate="intersects")
    whole = shapely.covers(near[shape], cells[cell])
    share = np.ones(len(cell))
    share[~whole] = shapely.area(shapely.intersection(near[shape[~whole]], cells[cell[~whole]])) / shapely.area(
        cells[cell[~whole]]
    )
    some = share > 0
    return shape[some].astype(np.int64), cell[some].astype(np.int64) + first, share[some]


def boxes_of_chips(chips: ChipSet) -> Boxes:
    """Where chips lie."""
    side = chips.grid.side
    return chips.cols * side, chips.rows * side, (chips.cols + 1) * side, (chips.rows + 1) * side


def boxes_of_raster(transform: Affine, lines: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]) -> Boxes:
    """Where pixels of a north-up raster lie."""
    west, north = transform.c + cols * transform.a, transform.f + lines * transform.e
    return west, north + transform.e, west + transform.a, north


def share_of_area(chips: ChipSet) -> npt.NDArray[np.float64]:
    """Share of each chip's ground within the area of interest by which chips were chosen, (n,); all 1 without one."""
    if chips.area is None:
        return np.ones(len(chips))
    return share_within(shapely.from_wkb(chips.area), boxes_of_chips(chips))


def share_within(shape: BaseGeometry, boxes: Boxes) -> npt.NDArray[np.float64]:
    """Share of each cell's ground within one shape, (n,). A point or a line has no ground, and so takes none away: all 1."""
    inside = np.zeros(len(boxes[0]))
    if not shape.area:
        return inside + 1
    _, cell, share = cell_shares(np.array([shape], object), boxes)
    inside[cell] = share
    return inside
