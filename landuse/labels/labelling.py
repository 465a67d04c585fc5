"""Giving chips their labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet, block_slices, image_order
from landuse.errors import NoOverlapError
from landuse.grid import Bounds, CellRange, ChipGrid, IntArray
from landuse.labels.polygons import read_polygon_labels
from landuse.labels.raster import open_raster_labels
from landuse.labels.rules import Rule, decide, purity, rule_points
from landuse.labels.source import Floats, LabelSource
from landuse.legend import Legend

EDGE_M = 1000.0
"""Longest edge, in metres, that is carried to another CRS by its ends alone: over it the bend stays under some centimetres."""


@dataclass(frozen=True)
class LabelRequest:
    """Where labels come from.

    Attributes:
        path: a raster of class codes, or a vector file with polygons.
        legend: classes and crosswalk.
        rule: how a chip gets its label; see `landuse.labels.rules.decide`.
        field: attribute of the polygons that holds the class; None for a raster.
    """

    path: Path | str
    legend: Legend
    rule: Rule = "majority"
    field: str | None = None


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels in the order of the cells: class codes (0 = none), purity, and shares of shape (n, classes)."""

    codes: npt.NDArray[np.uint8]
    purity: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]


def label_chips(chips: ChipSet, request: LabelRequest) -> ChipSet:
    """The same chips with labels, purity and shares; see `label_cells`."""
    labels = label_cells(chips.grid, chips.rows, chips.cols, request)
    return replace(chips, legend=request.legend, labels=labels.codes, purity=labels.purity, shares=labels.shares)


def label_cells(grid: ChipGrid, rows: IntArray, cols: IntArray, request: LabelRequest) -> Labels:
    """Labels of cells in any order.

    Whatever the rule, `shares` are exact areas. A raster's are measured in its own plane, where each pixel counts as one.

    Raises:
        SourceNotFoundError, LabelsError, MissingCRSError, NotAVectorError, DamagedSourceError: the file cannot serve.
        NoOverlapError: it shares no ground with any of the cells.
    """
    codes = np.zeros(len(rows), np.uint8)
    shares = np.zeros((len(rows), len(request.legend)))
    met = False
    near = grid.bounds(CellRange.around(rows, cols)) if len(rows) else Bounds(0, 0, 0, 0)
    with _open(grid, request, near) as source:
        for places in _batches(grid, rows, cols, source):
            points = rule_points(request.rule, grid, rows[places], cols[places])
            look = source.look(chip_rings(grid, rows[places], cols[places]), points)
            shares[places] = look.shares
            codes[places] = decide(request.rule, request.legend, look.shares, look.points)
            met |= look.met
    if len(rows) and not met:
        raise NoOverlapError(
            f"The labels of {request.path} share no ground with the chips; check its place and its CRS."
        )
    pure = purity(request.legend, codes, shares)
    return Labels(codes, pure.astype(np.float32), shares.astype(np.float32))


def chip_rings(grid: ChipGrid, rows: IntArray, cols: IntArray) -> Floats:
    """Corners of cells in the grid's CRS, anticlockwise, shape (n, corners, 2); long edges get points in between."""
    parts = int(np.clip(np.ceil(grid.chip_m / EDGE_M), 1, 32))
    step = np.arange(parts) / parts
    zero, one = np.zeros(parts), np.ones(parts)
    x = np.concatenate([step, one, 1 - step, zero])
    y = np.concatenate([zero, step, one, 1 - step])
    corners = np.stack([cols[:, np.newaxis] + x, rows[:, np.newaxis] + y], axis=-1)
    return np.asarray(corners * grid.side)


def _batches(grid: ChipGrid, rows: IntArray, cols: IntArray, source: LabelSource) -> Iterator[IntArray]:
    """Positions of cells, one compact square of the lattice after the other."""
    if not len(rows):
        return
    span = source.span(chip_rings(grid, rows[:1], cols[:1])[0])
    order = image_order(rows, cols, span)
    for _, part in block_slices(rows[order], cols[order], span):
        yield order[part]


@contextmanager
def _open(grid: ChipGrid, request: LabelRequest, near: Bounds) -> Iterator[LabelSource]:
    """The label data of a request: polygons where a field is named, else a raster."""
    if request.field is not None:
        yield read_polygon_labels(request.path, request.field, request.legend, grid.crs, near)
        return
    with open_raster_labels(request.path, request.legend, grid.crs) as source:
        yield source
