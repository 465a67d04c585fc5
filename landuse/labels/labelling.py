"""Giving chips their labels."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet, block_slices, image_order
from landuse.errors import NoOverlapError, UnlabelledWarning
from landuse.grid import Bounds, CellRange, ChipGrid, IntArray
from landuse.labels.polygons import read_polygon_labels
from landuse.labels.raster import open_raster_labels
from landuse.labels.rules import LISTED, Floats, LabelSource, purity, rule_named, rule_points
from landuse.legend import CodeArray, Legend

SLIVER = 1e-6
"""Ground below this share of all chips' is not told of: it is a rounding, or nobody's loss."""
EDGE_M = 1000.0
"""Longest edge, in metres, that is carried to another CRS by its ends alone: over it the bend stays under some centimetres."""


@dataclass(frozen=True)
class LabelRequest:
    """Where labels come from.

    Attributes:
        path: a raster of class codes, or a vector file with polygons, perhaps with a layer: ``land.gpkg:parcels``.
        legend: classes and crosswalk; None takes the legend that fits what the file holds.
        field: attribute of the polygons that holds the class; None for a raster.
    """

    path: Path | str
    legend: Legend | None
    rule: str = "majority"
    field: str | None = None


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels in the order of the cells.

    Attributes:
        codes: class codes in its dtype (0 = none), shape (n,).
        purity: share of each cell under its label, or under its largest class where it has none, shape (n,).
        shares: share of each cell under each class, shape (n, classes).
        left_out: share of all cells' ground under each code or name that is no class of the legend, the largest first.
    """

    legend: Legend
    codes: CodeArray
    purity: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]
    left_out: Mapping[str, float] = field(default_factory=dict)

    def on(self, chips: ChipSet) -> ChipSet:
        """The chips that are the cells, with their labels."""
        return replace(chips, legend=self.legend, labels=self.codes, purity=self.purity, shares=self.shares)


def label_chips(chips: ChipSet, request: LabelRequest) -> ChipSet:
    """The same chips with labels, purity and shares; see `label_cells`."""
    return label_cells(chips.grid, chips.rows, chips.cols, request).on(chips)


def label_cells(grid: ChipGrid, rows: IntArray, cols: IntArray, request: LabelRequest) -> Labels:
    """Labels of cells in any order.

    Whatever the rule, `shares` are exact areas. A raster's are measured in its own plane, where each pixel counts as one.
    An `UnlabelledWarning` says which codes or names have no class in the legend.

    Raises:
        SourceNotFoundError, LabelsError, MissingCRSError, NotAVectorError, DamagedSourceError, UsageError: the file cannot
            serve.
        NoOverlapError: it shares no ground with any of the cells.
    """
    rule, left_out, met = rule_named(request.rule), Counter[str](), False
    near = grid.bounds(CellRange.around(rows, cols)) if len(rows) else Bounds(0, 0, 0, 0)
    with _open(grid, request, near) as source:
        legend = source.legend
        codes, shares = np.zeros(len(rows), legend.dtype), np.zeros((len(rows), len(legend)))
        for places in _batches(grid, rows, cols, source):
            points = rule_points(rule, grid, rows[places], cols[places])
            found = source.read(chip_rings(grid, rows[places], cols[places]), points)
            shares[places] = found.shares
            codes[places] = rule.decide(legend, found.shares, found.points)
            left_out.update(found.left_out)
            met |= found.met
        unmapped = source.unmapped
    if len(rows) and not met:
        raise NoOverlapError(
            f"The labels of {request.path} share no ground with the chips; check its place and its CRS."
        )
    pure = purity(legend, codes, shares).astype(np.float32)
    parts = {name: chips / len(rows) for name, chips in left_out.most_common() if chips > SLIVER * len(rows)}
    said = unmapped or _unlabelled(request, legend, parts)
    if said:
        warnings.warn(said, UnlabelledWarning, stacklevel=2)
    return Labels(legend, codes, pure, shares.astype(np.float32), parts)


def _unlabelled(request: LabelRequest, legend: Legend, parts: Mapping[str, float]) -> str:
    """Which codes have no class, and how much of the chips' ground is under each; empty where all have one."""
    if not parts:
        return ""
    codes = ", ".join(f"{code} ({share:.2%})" for code, share in list(parts.items())[:LISTED])
    return (
        f"{sum(parts.values()):.2%} of the chips' ground is under codes of {request.path} that are no class of the legend "
        f"{legend.name}, and has no label: {codes}."
    )


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
    with open_raster_labels(Path(request.path), request.legend, grid.crs, near) as source:
        yield source
