"""One block of a dense grid: large windows of ground through the network at once, and an answer for each cell of the map.

A cell's answer is that of the chip around it, made of the feature map of a window that reaches well beyond: see docs/dense.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from landuse.engine.parts import PartStore
from landuse.engine.runner import Patience
from landuse.errors import LanduseError
from landuse.grid import CellRange, ChipGrid, chip_ids
from landuse.models.dense import DenseShape, Map, OpenVinoDense, open_dense
from landuse.models.runtime import read_cached
from landuse.mosaic import MosaicReader, Pixels
from landuse.scoring.block import (
    EMPTY,
    BlockReport,
    BlockTask,
    Quarantined,
    ScoreJob,
    fill_gaps,
    part_table,
    patience_with,
    read_again,
)
from landuse.scoring.dense_ground import Frame, Window, block_windows

LINES = 32
"""Rows of cells that are answered at once: hundreds of megabytes less in memory than all at once."""
Colour = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass
class WindowReader:
    """The windows of a block as images, and what was seen of each cell.

    Attributes:
        frame: the cells whose ground the block's answers are made of.
        lost: cause for each chip of the lattice that could not be read, by its row and column.
    """

    job: ScoreJob
    task: BlockTask
    frame: Frame
    seen: Mask = field(init=False)
    lost: dict[tuple[int, int], str] = field(default_factory=dict)
    _neutral: Colour = field(init=False)
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.seen = np.zeros(self.frame.cells.shape, bool)
        self._neutral = neutral_colour(self.job, len(self.task.survey.bands))
        self._patience = patience_with(self.task.survey)

    def images(self, windows: list[Window]) -> Iterator[npt.NDArray[np.uint8]]:
        """Each window, uint8 (H, W, bands), north up."""
        with MosaicReader(self.task.survey, self.chip_grid) as reader:
            for window in windows:
                pixels = self._read(reader, window.read)
                seen = cells_with_imagery(pixels.valid, self.job.grid.chip_px)
                self.seen[self.frame.place(window.kept)] = seen[window.place]
                yield pixels.data

    @property
    def chip_grid(self) -> ChipGrid:
        """The lattice of chips, on which pixels are read, so that they are those of a run without cells."""
        return self.job.grid.with_cell(self.job.grid.chip_m * self.job.split)

    def causes(self) -> list[str | None]:
        """Why each cell of the block has no answer: lost with its chip, or without a pixel; None for those that have."""
        split = self.job.split
        rows, cols = self.task.cells()
        chips = zip((rows // split).tolist(), (cols // split).tolist(), strict=True)
        seen = self.seen[self.frame.cells.image_index(rows, cols)].tolist()
        return [self.lost.get(chip) or (None if here else EMPTY) for chip, here in zip(chips, seen, strict=True)]

    def _read(self, reader: MosaicReader, cells: CellRange) -> Pixels:
        """The pixels of a range of cells, its gaps filled; read chip by chip where one read of all fails."""
        split, px = self.job.split, self.job.grid.chip_px
        chips = CellRange(cells.row0 // split, -(-cells.row1 // split), cells.col0 // split, -(-cells.col1 // split))
        try:
            whole = reader.read(chips)
        except (LanduseError, OSError):
            whole = self._read_each(reader, chips)
        fill_chips(whole, self.chip_grid.chip_px, self._neutral)
        top, left = (chips.row1 * split - cells.row1) * px, (cells.col0 - chips.col0 * split) * px
        lines, columns = slice(top, top + cells.shape[0] * px), slice(left, left + cells.shape[1] * px)
        return Pixels(np.ascontiguousarray(whole.data[lines, columns]), whole.valid[lines, columns])

    def _read_each(self, reader: MosaicReader, chips: CellRange) -> Pixels:
        """The pixels of a range of chips, those that cannot be read left empty; what is away is waited for."""
        px = self.chip_grid.chip_px
        shape = chips.shape[0] * px, chips.shape[1] * px
        whole = Pixels(np.zeros((*shape, len(self.task.survey.bands)), np.uint8), np.zeros(shape, bool))
        for index, chip in enumerate(chips):
            try:
                found = read_again(reader, chip, self._patience)
            except (LanduseError, OSError) as error:
                self.lost[chip.row, chip.col] = " ".join(str(error).split())
                continue
            line, column = (px * i for i in divmod(index, chips.shape[1]))
            place = slice(line, line + px), slice(column, column + px)
            whole.data[place], whole.valid[place] = found.data, found.valid
        return whole


@dataclass(frozen=True)
class DenseNetwork:
    """A network that answers on windows, and how its feature map lies on cells."""

    network: OpenVinoDense
    shape: DenseShape

    def feature_map(self, reader: WindowReader) -> Map:
        """The map (D, h, w) of a frame, put together of those of its windows; 0 where no window was needed."""
        frame, step = reader.frame, self.shape.step
        whole = np.zeros((self.shape.channels, *(step * cells for cells in frame.cells.shape)), np.float32)
        windows = block_windows(frame, self.shape, reader.job.threads)
        for window, found in zip(windows, self.network.maps(reader.images(windows)), strict=True):
            lines, columns = (slice(s.start * step, s.stop * step) for s in window.place)
            part = found[:, lines, columns]  # at the survey's edge a network may lack the last position
            top, left = (s.start * step for s in frame.place(window.kept))
            whole[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        return whole

    def vectors(self, found: Map, seen: Mask, answered: Mask, *, features: bool) -> dict[str, list[Floats]]:
        """What the network says of cells, in image order, some lines at a time: features of all cells at once are large.

        Args:
            found: map (D, h, w) of a frame.
            seen: bool (rows, columns) of the frame, its cells with imagery.
            answered: bool (rows, columns) of the wanted range, north up: the cells to answer.
            features: whether features are kept beside the probabilities.

        Returns:
            Vectors as batches, as `part_table` takes them.
        """
        step = self.shape.step
        counts = seen.repeat(step, 0).repeat(step, 1)
        vectors: dict[str, list[Floats]] = {name: [] for name in ("probabilities", "features")[: 1 + features]}
        for first in range(0, len(answered), LINES):
            chosen = answered[first : first + LINES]
            lines = slice(first * step, (first + len(chosen) - 1) * step + self.shape.side)
            answer = self.network.cells(np.ascontiguousarray(found[:, lines]), counts[lines])
            for name, batches in vectors.items():
                batches.append(getattr(answer, name)[chosen.ravel()])
        return vectors


def score_dense(job: ScoreJob, task: BlockTask) -> BlockReport:
    """Read a block's ground, classify its cells and write its part, as `score_block` does for chips."""
    started = time.perf_counter()
    dense = DenseNetwork(*open_dense(job.model.locate(), job.grid.chip_px, job.precision, job.threads))
    rows, cols = task.cells()
    wanted, ids = CellRange.around(rows, cols), chip_ids(rows, cols)
    reader = WindowReader(job, task, Frame.around(rows, cols, dense.shape.halo, job.extent or wanted))
    found = dense.feature_map(reader)
    causes = reader.causes()
    good = np.array([cause is None for cause in causes], bool)
    rows, cols = rows[good], cols[good]
    answered = np.zeros(wanted.shape, bool)
    answered[wanted.image_index(rows, cols)] = True
    vectors = dense.vectors(found, reader.seen, answered, features=job.features)
    key = f"{task.key}.retry" if any(causes) else task.key
    PartStore(job.parts).write(key, part_table({"row": rows, "col": cols}, vectors))
    quarantined = tuple(Quarantined(str(i), cause) for i, cause in zip(ids, causes, strict=True) if cause is not None)
    return BlockReport(key, len(rows), quarantined, dense.network.precision, time.perf_counter() - started)


def cells_with_imagery(valid: Mask, px: int) -> Mask:
    """Cells of `px` pixels a side of which some pixel is imagery; bool (rows, columns)."""
    rows, cols = (side // px for side in valid.shape)
    return np.asarray(valid.reshape(rows, px, cols, px).any(axis=(1, 3)))


def fill_chips(pixels: Pixels, px: int, neutral: Colour) -> None:
    """Mirror the imagery of each chip of the lattice into its gaps, as chips are filled; in place.

    Chips without any imagery get the neutral colour. What a pixel becomes depends on its chip alone, and so on no window.
    """
    rows, cols = (side // px for side in pixels.valid.shape)
    valid = pixels.valid.reshape(rows, px, cols, px)
    count = valid.sum(axis=(1, 3))
    data = pixels.data.reshape(rows, px, cols, px, -1)
    for row, col in zip(*np.nonzero(count < px * px), strict=True):
        if count[row, col]:
            fill_gaps(data[row, :, col], valid[row, :, col])
        else:
            data[row, :, col] = neutral


def neutral_colour(job: ScoreJob, bands: int) -> Colour:
    """The colour (bands,) that preprocessing turns into about 0, which is what networks see outside of an image."""
    preprocess = read_cached(job.model.locate()).preprocess
    factor, offset = preprocess.affine()
    colour = np.broadcast_to(-offset / factor, (bands,))
    return np.clip(np.rint(colour[::-1] if preprocess.order == "bgr" else colour), 0, 255).astype(np.uint8)
