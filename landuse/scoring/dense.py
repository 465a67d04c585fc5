"""One block of a dense grid: large windows of ground through the network at once, and an answer for each cell of the map.

A cell's answer is that of the chip around it, made of the feature map of a window that reaches well beyond: see docs/dense.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from landuse.engine.machine import cores, memory
from landuse.engine.parts import PartStore
from landuse.engine.quarantine import Quarantined
from landuse.errors import LanduseError
from landuse.grid import CellRange, ChipGrid, chip_ids
from landuse.models.dense import DenseShape
from landuse.models.openvino_dense import Map, OpenVinoDense, open_dense
from landuse.models.runtime import read_cached
from landuse.mosaic import MosaicReader, Pixels
from landuse.scoring.block import BlockReport, BlockWork, ScoreJob, part_table
from landuse.scoring.dense_reach import survey_cells
from landuse.scoring.dense_windows import Frame, Window, most_cells, windows_of

LINES = 32
"""Rows of cells that are answered at once: hundreds of megabytes less in memory than all at once."""
Mask = npt.NDArray[np.bool_]


@dataclass
class WindowReader:
    """The windows of a block as images, and what was seen of each cell.

    Attributes:
        job: the run.
        frame: the cells whose ground the block's answers are made of.
        neutral: colour (bands,) of ground without imagery; the network sees it as it sees the outside of an image.
        seen: bool (rows, columns) of the frame, north up: cells with imagery.
        lost: cause for each cell of the frame that could not be read, by (row, col) of its chip.
    """

    job: ScoreJob
    frame: Frame
    neutral: npt.NDArray[np.uint8]
    seen: Mask
    lost: dict[tuple[int, int], str] = field(default_factory=dict)

    def images(self, windows: list[Window]) -> Iterator[npt.NDArray[np.uint8]]:
        """Each window, uint8 (H, W, bands), north up."""
        with MosaicReader(self.job.survey, self.chip_grid) as reader:
            for window in windows:
                pixels = self._read(reader, window.read)
                seen = fill_cells(pixels, self.job.grid.chip_px, self.neutral)
                self.seen[self.frame.place(window.kept)] = seen[window.place]
                yield pixels.data

    @property
    def chip_grid(self) -> ChipGrid:
        """The lattice of chips, on which pixels are read, so that they are those of a run without cells."""
        return self.job.grid.with_cell(self.job.grid.chip_m * self.job.split)

    def causes(self, work: BlockWork) -> list[str | None]:
        """Why each cell of a block could not be read; None for those that could."""
        split = self.job.split
        chips = zip((work.rows // split).tolist(), (work.cols // split).tolist(), strict=True)
        return [self.lost.get(chip) for chip in chips]

    def _read(self, reader: MosaicReader, cells: CellRange) -> Pixels:
        """The pixels of a range of cells; chip by chip where that fails, with the chips that fail left empty."""
        split, px = self.job.split, self.job.grid.chip_px
        chips = CellRange(cells.row0 // split, -(-cells.row1 // split), cells.col0 // split, -(-cells.col1 // split))
        try:
            whole = reader.read(chips)
        except (LanduseError, OSError):
            whole = self._read_each(reader, chips)
        top, left = (chips.row1 * split - cells.row1) * px, (cells.col0 - chips.col0 * split) * px
        lines, columns = slice(top, top + cells.shape[0] * px), slice(left, left + cells.shape[1] * px)
        return Pixels(np.ascontiguousarray(whole.data[lines, columns]), whole.valid[lines, columns])

    def _read_each(self, reader: MosaicReader, chips: CellRange) -> Pixels:
        px = self.chip_grid.chip_px
        shape = chips.shape[0] * px, chips.shape[1] * px
        whole = Pixels(np.zeros((*shape, len(self.job.survey.bands)), np.uint8), np.zeros(shape, bool))
        for index, chip in enumerate(chips):
            try:
                found = reader.read(chip)
            except (LanduseError, OSError) as error:
                self.lost[chip.row, chip.col] = " ".join(str(error).split())
                continue
            line, column = (px * i for i in divmod(index, chips.shape[1]))
            place = slice(line, line + px), slice(column, column + px)
            whole.data[place], whole.valid[place] = found.data, found.valid
        return whole


def score_dense(job: ScoreJob, work: BlockWork) -> BlockReport:
    """Read a block's ground, classify its cells and write its part, as `score_block` does for chips."""
    started = time.perf_counter()
    network, shape = open_dense(job.model.locate(), job.grid.chip_px, job.precision, job.threads)
    frame = Frame.around(work.rows, work.cols, shape.halo, survey_cells(job.survey, job.grid))
    reader = WindowReader(job, frame, neutral_colour(job), np.zeros(frame.cells.shape, bool))
    found = feature_map(network, shape, reader)
    causes = reader.causes(work)
    good = np.array([cause is None for cause in causes], bool)
    rows, cols = work.rows[good], work.cols[good]
    answered = np.zeros(frame.wanted.shape, bool)
    answered[frame.wanted.image_index(rows, cols)] = True
    vectors = answers_of(job, (network, shape), (found, reader.seen), answered)
    key = f"{work.key}.retry" if reader.lost else work.key
    PartStore(job.parts).write(key, part_table({"row": rows, "col": cols}, vectors))
    ids = chip_ids(work.rows, work.cols)
    quarantined = tuple(Quarantined(str(i), cause) for i, cause in zip(ids, causes, strict=True) if cause is not None)
    return BlockReport(key, len(rows), quarantined, network.precision, time.perf_counter() - started)


def feature_map(network: OpenVinoDense, shape: DenseShape, reader: WindowReader) -> Map:
    """The map (D, h, w) of a frame, put together of those of its windows; 0 where no window was needed."""
    frame, step = reader.frame, shape.step
    whole = np.zeros((shape.channels, *(step * cells for cells in frame.cells.shape)), np.float32)
    windows = windows_of(frame, shape.context, most_cells(shape.cell_bytes, worker_memory(reader.job.threads)))
    for window, found in zip(windows, network.maps(reader.images(windows)), strict=True):
        lines, columns = (slice(s.start * step, s.stop * step) for s in window.place)
        part = found[:, lines, columns]  # at the survey's edge a network may lack the last position
        top, left = (s.start * step for s in frame.place(window.kept))
        whole[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    return whole


def answers_of(
    job: ScoreJob, model: tuple[OpenVinoDense, DenseShape], ground: tuple[Map, Mask], answered: Mask
) -> dict[str, list[npt.NDArray[np.float32]]]:
    """What the network says of cells, in image order, some lines at a time: features of all cells at once are large.

    Args:
        job: the run.
        model: the network, and how its map lies on cells.
        ground: map (D, h, w) of a frame, and bool (rows, columns), its cells with imagery.
        answered: bool (rows, columns) of the wanted range, north up: the cells to answer.

    Returns:
        Vectors as batches, as `part_table` takes them.
    """
    (network, shape), (found, seen) = model, ground
    counts = seen.repeat(shape.step, 0).repeat(shape.step, 1)
    names = ["probabilities", "features"] if job.features else ["probabilities"]
    vectors: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in names}
    for first in range(0, len(answered), LINES):
        chosen = answered[first : first + LINES]
        lines = slice(first * shape.step, (first + len(chosen) - 1) * shape.step + shape.side)
        answer = network.cells(np.ascontiguousarray(found[:, lines]), counts[lines])
        vectors["probabilities"].append(answer.probabilities[chosen.ravel()])
        if job.features:
            vectors["features"].append(answer.features[chosen.ravel()])
    return vectors


def worker_memory(threads: int) -> int:
    """Bytes of memory of a worker that computes with so many threads, beside as many others as the machine has cores for."""
    return memory().total // max(1, cores() // threads if threads else 1)


def fill_cells(pixels: Pixels, px: int, neutral: npt.NDArray[np.uint8]) -> Mask:
    """Give pixels without imagery the mean colour of their cell, or the neutral one where the cell has none, in place.

    What a pixel becomes depends on its cell alone, and so on no window.

    Returns:
        Cells with imagery; bool (rows, columns).
    """
    rows, cols = (side // px for side in pixels.valid.shape)
    valid = pixels.valid.reshape(rows, px, cols, px)
    count = valid.sum(axis=(1, 3))
    data = pixels.data.reshape(rows, px, cols, px, -1)
    for row, col in zip(*np.nonzero(count < px * px), strict=True):
        cell, mask = data[row, :, col], valid[row, :, col]
        cell[~mask] = cell[mask].mean(axis=0).round().astype(np.uint8) if count[row, col] else neutral
    return np.asarray(count > 0)


def neutral_colour(job: ScoreJob) -> npt.NDArray[np.uint8]:
    """The colour (bands,) that preprocessing turns into about 0, which is what networks see outside of an image."""
    preprocess, bands = read_cached(job.model.locate()).preprocess, len(job.survey.bands)
    factor, offset = preprocess.affine()
    colour = np.broadcast_to(-offset / factor, (bands,))
    return np.clip(np.rint(colour[::-1] if preprocess.order == "bgr" else colour), 0, 255).astype(np.uint8)
