"""One block through the network: read its chips, run them, write one part. This is the function that workers run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.chips.table_file import arrow_array
from landuse.engine.parts import PartStore
from landuse.engine.runner import Patience, SharedFile
from landuse.errors import DamagedSourceError, LanduseError
from landuse.grid import Block, Cell, CellRange, ChipGrid, IntArray
from landuse.models.runtime import Kind, Precision, open_runtime, read_cached
from landuse.mosaic import MosaicReader, Pixels, Survey
from landuse.mosaic.gdal import without_memory

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
GAPS_RULE = "mirrored in each chip"
"""Part of the keys of answers and features that are kept: those by another rule are not used again."""
PASSES = 4
"""Each pass reaches as far into a gap as the imagery before it is deep."""


@dataclass(frozen=True, order=True, slots=True)
class Quarantined:
    """A chip that was given up.

    Attributes:
        chip_id: its id, such as ``r120c-7``.
        source: the file at fault, where it is known.
    """

    chip_id: str
    cause: str
    source: str = ""


def fill_gaps(chip: Image, valid: Mask) -> None:
    """Go on with the imagery beyond its edge as in a mirror, in place.

    A black corner looks like water to a network, and one colour alone does so, too; mirrored ground looks like more of the
    ground that is there. What the mirror does not reach gets the colour of the nearest imagery.

    Args:
        chip: uint8 (h, w, bands).
        valid: bool (h, w), where there is imagery; nothing happens where that is everywhere or nowhere.
    """
    known = valid.copy()
    for _ in range(PASSES if valid.any() else 0):
        gaps = np.argwhere(~known)
        if not len(gaps):
            return
        nearest = _nearest(known)[gaps[:, 0], gaps[:, 1]]
        opposite = 2 * nearest - gaps
        inside = np.all((opposite >= 0) & (opposite < np.array(known.shape)), axis=1)
        opposite = np.where(inside[:, None], opposite, nearest)
        seen = inside & known[opposite[:, 0], opposite[:, 1]]
        source = np.where(seen[:, None], opposite, nearest)
        chip[gaps[:, 0], gaps[:, 1]] = chip[source[:, 0], source[:, 1]]
        known[gaps[seen, 0], gaps[seen, 1]] = True


def _nearest(known: Mask) -> Places:
    """Row and column of the known pixel that is nearest to each, (h, w, 2)."""
    from scipy.ndimage import distance_transform_edt  # a map without gaps has no use for scipy

    places: Places = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.moveaxis(places, 0, -1)


BATCH = 16
EMPTY = (
    "The sources whose outlines hold this chip gave no pixel of it; see with gdalinfo that they lie where they should."
)
Chips = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ScoreJob:
    """What is the same for every block of a run; it travels to the workers.

    Attributes:
        grid: the lattice, with the model's own pixels a chip, or a cell.
        threads: threads of one task's inference; 0 leaves it to the runtime.
        split: cells of the lattice along a side of the model's chips: 1, or more for a dense grid.
    """

    grid: ChipGrid
    model: SharedFile
    runtime: Kind
    precision: Precision
    threads: int
    parts: str
    features: bool = False
    components: bool = False
    split: int = 1
    batch: int = BATCH


@dataclass(frozen=True)
class BlockTask:
    """A block to be run, as it travels to a worker.

    Attributes:
        mask: a bit for each cell of the block in image order: whether it is a chip.
        survey: the sources that its chips are read from, and no others: a survey has thousands.
    """

    block: Block
    key: str
    mask: bytes
    survey: Survey

    @classmethod
    def of(cls, block: Block, key: str, cells: tuple[IntArray, IntArray], survey: Survey) -> BlockTask:
        """The task of some cells of a block, by their rows and columns."""
        inside = np.zeros((block.span, block.span), bool)
        inside[block.cells.image_index(*cells)] = True
        return cls(block, key, np.packbits(inside).tobytes(), survey)

    @property
    def chips(self) -> int:
        """Number of chips."""
        return int.from_bytes(self.mask).bit_count()

    def cells(self) -> tuple[IntArray, IntArray]:
        """Rows and columns of its chips, in image order."""
        rows, cols = self.block.cells.arrays()
        inside = np.unpackbits(np.frombuffer(self.mask, np.uint8), count=len(rows)).astype(bool)
        return rows[inside], cols[inside]


@dataclass(frozen=True)
class BlockReport:
    """What comes back to the driver from one block: counts and causes, never pixels or features."""

    key: str
    chips: int
    quarantined: tuple[Quarantined, ...]
    precision: str
    seconds: float


@dataclass
class ChipStream:
    """The readable chips of a block as batches; remembers which they were and which could not be read."""

    job: ScoreJob
    task: BlockTask
    rows: IntArray = field(init=False)
    cols: IntArray = field(init=False)
    read: list[int] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.rows, self.cols = self.task.cells()
        self.patience = patience_with(self.task.survey)

    def __iter__(self) -> Iterator[Chips]:
        """Batches of chips, each uint8 (n, px, px, bands)."""
        size, waiting = self.job.batch, list[Chips]()
        with MosaicReader(self.task.survey, self.job.grid) as reader:
            for run in runs_of(self.rows, self.cols):
                waiting.append(self._read_run(reader, run))
                while sum(map(len, waiting)) >= size:
                    joined = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
                    yield joined[:size]
                    waiting = [joined[size:]]
            rest = np.concatenate(waiting) if waiting else np.empty(0, np.uint8)
            if len(rest):
                yield rest

    def _read_run(self, reader: MosaicReader, run: slice) -> Chips:
        """The chips of neighbours in one lattice row by one read; one by one where that fails."""
        row, cols = int(self.rows[run.start]), self.cols[run]
        try:
            return self.taken(reader.read(CellRange(row, row + 1, int(cols[0]), int(cols[-1]) + 1)), run)
        except (LanduseError, OSError):
            return self._read_each(reader, run)

    def _read_each(self, reader: MosaicReader, run: slice) -> Chips:
        """The chips of a run that can be read, each by itself; what is away is waited for."""
        px = self.job.grid.chip_px
        good = [np.empty((0, px, px, len(self.task.survey.bands)), np.uint8)]
        for position in range(run.start, run.stop):
            cell = Cell(int(self.rows[position]), int(self.cols[position]))
            try:
                pixels = read_again(reader, cell, self.patience)
                good.append(self.taken(pixels, slice(position, position + 1)))
            except (LanduseError, OSError) as error:
                self.quarantined.append(Quarantined(cell.id, " ".join(str(error).split())))
        return np.concatenate(good)

    def taken(self, pixels: Pixels, run: slice) -> Chips:
        """The chips of a strip that was read, which are remembered as read. Raises as `split_row`."""
        chips = split_row(pixels)
        self.read.extend(range(run.start, run.stop))
        return chips


def score_block(job: ScoreJob, task: BlockTask) -> BlockReport:
    """Read a block's chips, classify them and write its part.

    The part has a line for each chip that could be read: `row`, `col` (int64), `probabilities` (float32 list of the
    model's classes) and, if the job keeps them, `features` and `components` (float32 lists). A block with quarantined chips is
    written under another name than its key, so that a later run tries it again.
    """
    started = time.perf_counter()
    model = job.model.locate()
    runtime = open_runtime(model, kind=job.runtime, precision=job.precision, threads=job.threads)
    stream = ChipStream(job, task)
    predictions = list(runtime.predict_stream(iter(stream)))
    columns: dict[str, npt.NDArray[Any]] = {"row": stream.rows[stream.read], "col": stream.cols[stream.read]}
    vectors = {"probabilities": [p.probabilities for p in predictions]}
    if job.features:
        vectors["features"] = [p.features for p in predictions]
    if job.components and (components := read_cached(model).components) is not None:
        vectors["components"] = [components.apply(p.features) for p in predictions]
    key = f"{task.key}.retry" if stream.quarantined else task.key
    PartStore(job.parts).write(key, part_table(columns, vectors))
    seconds = time.perf_counter() - started
    return BlockReport(key, len(stream.read), tuple(stream.quarantined), runtime.precision, seconds)


def read_again(reader: MosaicReader, cell: Cell, patience: Patience) -> Pixels:
    """A chip that could not be read before; what is away is waited for. Raises as `MosaicReader.read` does."""
    with without_memory():
        return patience.tried(partial(reader.read, cell))


def patience_with(survey: Survey) -> Patience:
    """How long to wait for sources whose pixels cannot be read."""
    return Patience.of(path for source in survey.sources for path in source.paths)


def part_table(columns: dict[str, npt.NDArray[Any]], vectors: dict[str, list[npt.NDArray[np.float32]]]) -> pa.Table:
    """A part as an Arrow table; each batch of vectors, float32 (n, k), becomes rows of a fixed-size list."""
    arrays: dict[str, pa.Array] = {name: arrow_array(values) for name, values in columns.items()}
    for name, batches in vectors.items():
        joined = np.concatenate(batches) if batches else np.empty((0, 1), np.float32)
        arrays[name] = pa.FixedSizeListArray.from_arrays(arrow_array(joined.ravel()), joined.shape[1])
    return pa.table(arrays)


def runs_of(rows: IntArray, cols: IntArray) -> list[slice]:
    """Runs of chips that are neighbours in one lattice row, as slices; the chips are in image order."""
    if not len(rows):
        return []
    breaks = np.flatnonzero((np.diff(rows) != 0) | (np.diff(cols) != 1)) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def split_row(pixels: Pixels) -> Chips:
    """Chips of a strip one cell high: uint8 (chips, px, px, bands), the gaps of each filled (`fill_gaps`).

    Raises `DamagedSourceError` where one of them has no pixel: it was found to have imagery, and black is no land use.
    """
    chips, valid = pixels.chips(len(pixels.valid))
    if not valid.any(axis=(1, 2)).all():
        raise DamagedSourceError(EMPTY)
    if not pixels.valid.all():
        for chip, mask in zip(chips, valid, strict=True):
            fill_gaps(chip, mask)
    return chips
