"""The ground of a dense grid: which cells it has, what a block is made of, the sources that lie there, and its windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from landuse.chips import Chips, ChipSet
from landuse.chips.cells import survey_strips
from landuse.engine.machine import cores, memory
from landuse.errors import UsageError
from landuse.grid import CellRange, ChipGrid, IntArray
from landuse.models.bundle import Bundle
from landuse.models.dense import DenseShape, dense_shape
from landuse.models.runtime import Kind
from landuse.mosaic import Survey

MOST_SPLIT = 64
MOST_BYTES = 3_200_000_000
"""What a window may need: a dense block then is four windows of ResNet50. With more and smaller ones, context would be a
larger part of what is computed."""
LEAST_BYTES = 300_000_000
SHARE = 0.6
"""Of a worker's memory for a window; the rest is for weights, imagery, answers and whatever else the machine does."""


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


@dataclass(frozen=True, eq=False)
class Reach:
    """What lies around the cells of a dense grid.

    Attributes:
        margin: cells around a block that its windows can show.
    """

    grid: ChipGrid
    split: int
    margin: int
    survey: CellRange
    tree: shapely.STRtree

    @classmethod
    def of(cls, survey: Survey, grid: ChipGrid, bundle: Bundle, split: int) -> Reach:
        """The reach of a model's answers on the cells of a survey."""
        shape = dense_shape(bundle.backbone, bundle.chip_px / split, bundle.name)
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


@dataclass(frozen=True, eq=False)
class Frame:
    """The ground of a block's answers.

    Attributes:
        wanted: the smallest range that holds the block's cells.
        needed: bool (rows, columns) of `cells`, north up: those that some answer is made of.
    """

    wanted: CellRange
    cells: CellRange
    ground: CellRange
    survey: CellRange
    needed: npt.NDArray[np.bool_]

    @classmethod
    def around(cls, rows: IntArray, cols: IntArray, halo: int, survey: CellRange) -> Frame:
        """The frame of some cells, whose chips reach `halo` cells to each side."""
        wanted = CellRange.around(rows, cols)
        cells = grown(wanted, halo)
        needed = np.zeros(cells.shape, bool)
        lines, columns = cells.image_index(rows, cols)
        for down in range(-halo, halo + 1):
            for right in range(-halo, halo + 1):
                needed[lines + down, columns + right] = True
        return cls(wanted, cells, cells.intersection(survey) or wanted, survey, needed)

    def place(self, cells: CellRange) -> tuple[slice, slice]:
        """Where a range lies in an image of the frame."""
        return inside(self.cells, cells)


@dataclass(frozen=True)
class Window:
    """A window: the cells it answers for, and those that are read, context included."""

    kept: CellRange
    read: CellRange

    @property
    def place(self) -> tuple[slice, slice]:
        """Where the kept cells lie in an image of those read."""
        return inside(self.read, self.kept)


def most_cells(cell_bytes: int, memory: int) -> int:
    """Cells of a window with its context, where each needs so much and a worker has so much memory."""
    return int(max(LEAST_BYTES, min(MOST_BYTES, SHARE * memory))) // cell_bytes


def worker_memory(threads: int) -> int:
    """Bytes of memory of a worker that computes with so many threads, beside as many others as the machine has cores for."""
    return memory().total // max(1, cores() // threads if threads else 1)


def block_windows(frame: Frame, shape: DenseShape, threads: int) -> list[Window]:
    """The windows of a block, as large as a worker of so many threads has memory for."""
    return windows_of(frame, shape.context, most_cells(shape.cell_bytes, worker_memory(threads)))


def windows_of(frame: Frame, context: int, most: int) -> list[Window]:
    """Windows that cover the needed ground of a frame, from north to south and west to east.

    Args:
        context: cells around each window that are read too, as far as the survey reaches.
    """
    found = []
    for kept in pieces(frame.ground, frame.survey, context, most):
        if frame.needed[frame.place(kept)].any():
            found.append(Window(kept, grown(kept, context).intersection(frame.survey) or kept))
    return found


def pieces(cells: CellRange, survey: CellRange, context: int, most: int) -> list[CellRange]:
    """A range cut into pieces of about one size, the cut that reads the fewest cells in all.

    Args:
        survey: where there is something to read.
        context: cells around each piece that are read too, as far as the survey reaches.
    """
    height, width = cells.shape

    def down(parts: int) -> tuple[int, int]:
        """Lines of the highest of so many parts with its context, and of all of them."""
        return _lengths(cuts(cells.row0, cells.row1, parts), (survey.row0, survey.row1), context)

    def across(parts: int) -> tuple[int, int]:
        """Columns likewise."""
        return _lengths(cuts(cells.col0, cells.col1, parts), (survey.col0, survey.col1), context)

    best: tuple[float, int, int] = (math.inf, height, width)
    least = across(1)[1]
    for rows_of in range(1, height + 1):
        high, tall = down(rows_of)
        if tall * least >= best[0]:
            break
        fitting = (n for n in range(1, width + 1) if high * across(n)[0] <= most)
        cols_of = next(fitting, None)
        if cols_of is not None:
            best = min(best, (tall * across(cols_of)[1], rows_of, cols_of))
    rows, cols = cuts(cells.row0, cells.row1, best[1]), cuts(cells.col0, cells.col1, best[2])
    return [CellRange(a, b, c, d) for a, b in reversed(rows) for c, d in cols]


def _lengths(parts: list[tuple[int, int]], reach: tuple[int, int], context: int) -> tuple[int, int]:
    lengths = [min(stop + context, reach[1]) - max(start - context, reach[0]) for start, stop in parts]
    return max(lengths), sum(lengths)


def cuts(start: int, stop: int, count: int) -> list[tuple[int, int]]:
    """A line cut into parts whose lengths differ by one at most."""
    edges = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def grown(cells: CellRange, margin: int) -> CellRange:
    """A range with a margin on all sides."""
    return CellRange(cells.row0 - margin, cells.row1 + margin, cells.col0 - margin, cells.col1 + margin)


def inside(outer: CellRange, inner: CellRange) -> tuple[slice, slice]:
    """Where one range lies in an image of another, north up: lines and columns."""
    top, left = outer.row1 - inner.row1, inner.col0 - outer.col0
    return slice(top, top + inner.shape[0]), slice(left, left + inner.shape[1])
