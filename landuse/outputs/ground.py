"""Which part of a cell lies in which shape: cells on a boundary are divided exactly along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

if TYPE_CHECKING:
    from affine import Affine
    from shapely.geometry.base import BaseGeometry

    from landuse.chips import ChipSet

AT_ONCE = 2**15
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
    found = [_shares_of(shapes, boxes, first) for first in range(0, len(boxes[0]), AT_ONCE)]
    empty = np.empty(0, np.int64)
    shape, cell, share = (
        np.concatenate(column) for column in zip((empty, empty, empty.astype(float)), *found, strict=True)
    )
    return shape, cell, share


def _shares_of(shapes: npt.NDArray[np.object_], boxes: Boxes, first: int) -> Shares:
    """The pairs of some cells from number `first` on."""
    west, south, east, north = (side[first : first + AT_ONCE] for side in boxes)
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
