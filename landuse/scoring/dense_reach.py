"""How far the answers of a dense block reach: the ground that its windows can show, and the sources that lie there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from landuse.grid import CellRange, ChipGrid, IntArray
from landuse.models.bundle import Bundle
from landuse.models.dense import dense_shape
from landuse.mosaic import Survey
from landuse.scoring.dense_windows import grown


@dataclass(frozen=True, eq=False)
class Reach:
    """What lies around the cells of a dense grid.

    Attributes:
        grid: the lattice of cells.
        split: cells along a chip; imagery is read by whole chips.
        margin: cells around a block that its windows can show.
        survey: the cells that the survey reaches.
        tree: outlines of the sources in the lattice's CRS.
    """

    grid: ChipGrid
    split: int
    margin: int
    survey: CellRange
    tree: shapely.STRtree

    @classmethod
    def of(cls, survey: Survey, grid: ChipGrid, bundle: Bundle, split: int) -> Reach:
        """The reach of a model's answers on the cells of a survey."""
        shape = dense_shape(bundle.network, bundle.chip_px, bundle.chip_px / split, bundle.name)
        tree = shapely.STRtree(survey.footprints(grid.crs))
        return cls(grid, split, shape.halo + shape.context, survey_cells(survey, grid), tree)

    def ground(self, rows: IntArray, cols: IntArray) -> CellRange:
        """The cells that the answers of some cells are made of, or can be."""
        wanted = CellRange.around(rows, cols)
        return grown(wanted, self.margin).intersection(self.survey) or wanted

    def sources(self, ground: CellRange) -> IntArray:
        """Positions of the sources that are read for some ground, sorted."""
        n, edge = self.split, self.grid.pixel
        chips = CellRange(
            ground.row0 // n * n, -(-ground.row1 // n) * n, ground.col0 // n * n, -(-ground.col1 // n) * n
        )
        box = self.grid.bounds(chips)
        window = shapely.box(box.west - edge, box.south - edge, box.east + edge, box.north + edge)
        return np.sort(self.tree.query(window, predicate="intersects")).astype(np.int64)


def survey_cells(survey: Survey, grid: ChipGrid) -> CellRange:
    """The cells that a survey reaches: a smallest range around all, the same for every block."""
    return grid.touching(survey.bounds_in(grid.crs))
