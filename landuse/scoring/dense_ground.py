"""The ground of a dense grid: which cells it has, the chips that a block's answers are made of, and the sources there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely

from landuse.chips import Chips, ChipSet
from landuse.chips.cells import survey_strips
from landuse.errors import UsageError
from landuse.grid import CellRange, ChipGrid, IntArray
from landuse.models.bundle import Bundle
from landuse.models.dense import dense_shape
from landuse.models.runtime import Kind
from landuse.mosaic import Survey

MOST_SPLIT = 64


def split_of(bundle: Bundle, chip_m: float, cell_m: float, runtime: Kind) -> int:
    """Cells of `cell_m` metres along a chip; 1 where the cell is the chip.

    Raises:
        UsageError: cells that do not fit chips of `chip_m` metres, or a network that cannot answer on them.
    """
    split = round(chip_m / cell_m)
    if split == 1 and abs(cell_m - chip_m) <= 1e-6 * chip_m:
        return 1
    fitting = splits_of(bundle)
    if split in fitting and abs(cell_m * split - chip_m) <= 1e-6 * chip_m:
        if runtime != "openvino":
            raise UsageError("The dense grid runs in OpenVINO alone: leave --runtime tensorflow or --cell out.")
        return split
    if not fitting:
        dense_shape(bundle.backbone, bundle.chip_px * cell_m / chip_m, bundle.name)
    choices = ", ".join(f"{chip_m / n:g}" for n in fitting) or "no other"
    raise UsageError(
        f"Cells of {cell_m:g} m do not fit chips of {chip_m:g} m of model {bundle.name}: give --cell {chip_m:g} or {choices}."
    )


def splits_of(bundle: Bundle) -> list[int]:
    """The numbers of cells along a chip on which a model can answer, the chip itself apart; the finest grid is last."""
    return [n for n in range(3, MOST_SPLIT, 2) if _fits(bundle, n)]


def _fits(bundle: Bundle, split: int) -> bool:
    try:
        dense_shape(bundle.backbone, bundle.chip_px / split, bundle.name)
    except UsageError:
        return False
    return True


def finer_pieces(chips: Chips, split: int, min_valid: float) -> Iterator[ChipSet]:
    """The cells of chips that have enough imagery themselves, in pieces of some rows of blocks, in block order."""
    parents = np.sort(np.concatenate([_numbers(strip.rows, strip.cols) for strip in chips.strips()]))
    ground = chips.grid.bounds(chips.extent)
    for piece in survey_strips(chips.survey, chips.grid.with_cell(chips.grid.chip_m / split), ground):
        mine = _numbers(piece.rows // split, piece.cols // split)
        found = parents[np.minimum(np.searchsorted(parents, mine), len(parents) - 1)] == mine
        kept = piece.subset(found & (piece.valid >= min_valid) & (piece.valid > 0))
        if len(kept):
            yield replace(kept, area=chips.area)


def _numbers(rows: IntArray, cols: IntArray) -> IntArray:
    return rows * 2**32 + cols


def chips_around(rows: IntArray, cols: IntArray, split: int) -> tuple[IntArray, IntArray]:
    """Rows and columns, in image order, of the chips of `split` x `split` cells that the chips around some cells lie on."""
    halo = split // 2
    corners = [((rows + y) // split, (cols + x) // split) for y in (-halo, halo) for x in (-halo, halo)]
    found = np.unique(np.concatenate([np.stack([-down, right], 1) for down, right in corners]), axis=0)
    return -found[:, 0], found[:, 1]


@dataclass(frozen=True, eq=False)
class Reach:
    """Which sources lie around the cells of a dense grid."""

    grid: ChipGrid
    split: int
    tree: shapely.STRtree

    @classmethod
    def of(cls, survey: Survey, grid: ChipGrid, split: int) -> Reach:
        """The sources of a survey around cells of a grid."""
        return cls(grid, split, shapely.STRtree(survey.footprints(grid.crs)))

    def sources(self, rows: IntArray, cols: IntArray) -> IntArray:
        """Positions of the sources that are read for some cells, sorted."""
        ground, edge = CellRange.around(*chips_around(rows, cols, self.split)), self.grid.pixel
        box = self.grid.with_cell(self.grid.chip_m * self.split).bounds(ground)
        window = shapely.box(box.west - edge, box.south - edge, box.east + edge, box.north + edge)
        return np.sort(self.tree.query(window, predicate="intersects")).astype(np.int64)
