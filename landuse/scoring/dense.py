"""One block of a dense grid: the chips around its cells through the network once, and an answer for each cell.

A cell's answer is that of a chip around it, made of the feature maps of the chips that lie there: see docs/dense.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from landuse.engine.parts import PartStore
from landuse.grid import Cell, CellRange, IntArray, chip_ids
from landuse.models.dense import Map, OpenVinoDense, open_dense
from landuse.mosaic import Pixels
from landuse.scoring.block import (
    EMPTY,
    BlockReport,
    BlockTask,
    Chips,
    ChipStream,
    Quarantined,
    ScoreJob,
    fill_gaps,
    part_table,
)
from landuse.scoring.dense_ground import chips_around

LINES = 32
"""Rows of cells that are answered at once: hundreds of megabytes less in memory than all at once."""
ENOUGH = 0.5
"""Least share of a chip with imagery from which it counts as a whole, as it does by itself; with less it is not answered."""
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass
class GroundStream(ChipStream):
    """The chips around a block's cells as batches; those without a pixel are left out.

    Attributes:
        cells: the smallest range that holds the cells of all these chips.
        seen: bool (rows, columns) of that range, north up: the cells with imagery.
        counts: the cells that the answers around them are made of: those too that a chip fills with what it mirrors.
    """

    cells: CellRange = field(init=False)
    seen: Mask = field(init=False)
    counts: Mask = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        split = self.job.split
        self.rows, self.cols = chips_around(self.rows, self.cols, split)
        near = CellRange.around(self.rows, self.cols)
        self.cells = CellRange(near.row0 * split, near.row1 * split, near.col0 * split, near.col1 * split)
        self.seen, self.counts = (np.zeros(self.cells.shape, bool) for _ in range(2))
        grid = self.job.grid
        self.job = replace(self.job, grid=grid.with_cell(grid.chip_m * split))  # pixels are those of a run of chips

    def taken(self, pixels: Pixels, run: slice) -> Chips:
        """The chips of a strip that have imagery, the gaps of each filled."""
        chips, valid = pixels.chips(len(pixels.valid))
        some = valid.any(axis=(1, 2))
        for position, chip, mask in zip(range(run.start, run.stop), chips, valid, strict=True):
            place, imagery = self.place(position), cells_with_imagery(mask, self.job.split)
            self.seen[place], self.counts[place] = imagery, imagery | (mask.mean() >= ENOUGH)
            if not mask.all():
                fill_gaps(chip, mask)
        self.read.extend((run.start + np.flatnonzero(some)).tolist())
        return chips[some]

    def place(self, position: int) -> tuple[slice, slice]:
        """Where the cells of a chip lie in an image of all cells."""
        split = self.job.split
        top = self.cells.row1 - (int(self.rows[position]) + 1) * split
        left = int(self.cols[position]) * split - self.cells.col0
        return slice(top, top + split), slice(left, left + split)

    def causes(self, rows: IntArray, cols: IntArray) -> list[str | None]:
        """Why each of some cells has no answer: lost with its chip, or without a pixel; None for those that have."""
        lost = {Cell.parse(chip.chip_id): chip.cause for chip in self.quarantined}
        chips = map(Cell, (rows // self.job.split).tolist(), (cols // self.job.split).tolist())
        seen = self.seen[self.cells.image_index(rows, cols)].tolist()
        return [lost.get(chip) or (None if here else EMPTY) for chip, here in zip(chips, seen, strict=True)]


def ground_map(network: OpenVinoDense, ground: GroundStream, channels: int) -> Map:
    """The features (D, rows, columns) of all cells of some ground; 0 where there is no imagery."""
    whole = np.zeros((channels, *ground.cells.shape), np.float32)
    done = 0
    for maps in network.maps(iter(ground)):
        for position, found in zip(ground.read[done : done + len(maps)], maps, strict=True):
            whole[:, *ground.place(position)] = found
        done += len(maps)
    return whole


def answers(
    network: OpenVinoDense, found: Map, counts: Mask, answered: Mask, *, features: bool
) -> dict[str, list[Floats]]:
    """What the network says of cells, in image order, some lines at a time: features of all cells at once are large.

    Args:
        found: features (D, rows, columns) of cells, with half a chip around those that are answered.
        counts: bool (rows, columns), those that are known.
        answered: bool, the cells to answer, from the middle of the first chip on.
        features: whether features are kept beside the probabilities.

    Returns:
        Vectors as batches, as `part_table` takes them.
    """
    around = found.shape[1] - len(answered)
    vectors: dict[str, list[Floats]] = {name: [] for name in ("probabilities", "features")[: 1 + features]}
    for first in range(0, len(answered), LINES):
        chosen = answered[first : first + LINES]
        lines = slice(first, first + len(chosen) + around)
        answer = network.cells(np.ascontiguousarray(found[:, lines]), counts[lines])
        for name, batches in vectors.items():
            batches.append(getattr(answer, name)[chosen.ravel()])
    return vectors


def score_dense(job: ScoreJob, task: BlockTask) -> BlockReport:
    """Read the ground of a block, classify its cells and write its part, as `score_block` does for chips."""
    started = time.perf_counter()
    network, shape = open_dense(job.model.locate(), job.grid.chip_px, job.precision, job.threads)
    rows, cols = task.cells()
    ids, ground = chip_ids(rows, cols), GroundStream(job, task)
    found = ground_map(network, ground, shape.found.channels)
    causes = ground.causes(rows, cols)
    good = np.array([cause is None for cause in causes], bool)
    rows, cols = rows[good], cols[good]
    whole, halo = ground.cells, shape.halo
    middles = CellRange(whole.row0 + halo, whole.row1 - halo, whole.col0 + halo, whole.col1 - halo)
    answered = np.zeros(middles.shape, bool)
    answered[middles.image_index(rows, cols)] = True
    vectors = answers(network, found, ground.counts, answered, features=job.features)
    key = f"{task.key}.retry" if ground.quarantined or any(causes) else task.key
    PartStore(job.parts).write(key, part_table({"row": rows, "col": cols}, vectors))
    quarantined = tuple(Quarantined(str(i), cause) for i, cause in zip(ids, causes, strict=True) if cause is not None)
    return BlockReport(key, len(rows), quarantined, network.precision, time.perf_counter() - started)


def cells_with_imagery(valid: Mask, split: int) -> Mask:
    """Cells of a chip of which some pixel is imagery; bool (split, split)."""
    px = len(valid) // split
    return np.asarray(valid.reshape(split, px, split, px).any(axis=(1, 3)))
