"""`ChipSet`: many chips as plain arrays, sorted by block, so that a million of them cost some tens of megabytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import BLOCK, Block, CellRange, ChipGrid, IntArray, chip_ids

if TYPE_CHECKING:
    from landuse.legend import CodeArray, Legend
    from landuse.mosaic import Survey


def image_order(rows: IntArray, cols: IntArray, span: int = BLOCK) -> IntArray:
    """Positions that sort cells by block (south to north, west to east), then in image order within the block."""
    return np.lexsort((cols, -rows, cols // span, rows // span)).astype(np.int64)


def is_image_order(rows: IntArray, cols: IntArray, span: int = BLOCK) -> bool:
    """Whether cells are in the order of `image_order` and each stands once."""
    ordered = np.zeros(max(len(rows) - 1, 0), bool)
    tied = ~ordered
    for key in (rows // span, cols // span, -rows, cols):
        step = np.diff(key)
        ordered |= tied & (step > 0)
        tied &= step == 0
    return bool(ordered.all())


def block_slices(rows: IntArray, cols: IntArray, span: int = BLOCK) -> list[tuple[Block, slice]]:
    """The blocks of cells that are in image order, each with the slice of its cells."""
    if not len(rows):
        return []
    block_rows, block_cols = rows // span, cols // span
    changes = (np.diff(block_rows) != 0) | (np.diff(block_cols) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(rows)]]).tolist()
    return [
        (Block(int(block_rows[first]), int(block_cols[first]), span), slice(first, last))
        for first, last in pairwise(starts)
    ]


@dataclass(frozen=True, eq=False)
class SourceLists:
    """A list of source numbers for each chip, in compressed rows.

    Attributes:
        offsets: int64, shape (n + 1,); the list of chip i is `numbers[offsets[i]:offsets[i + 1]]`.
        numbers: int32; positions in the survey's `sources`, ascending within a chip.
    """

    offsets: IntArray
    numbers: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        ends = self.offsets[[0, -1]].tolist() if len(self.offsets) else []
        if ends != [0, len(self.numbers)] or bool((np.diff(self.offsets) < 0).any()):
            raise UsageError("The lists of sources do not fit their offsets.")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, chip: int) -> npt.NDArray[np.int32]:
        return self.numbers[self.offsets[chip] : self.offsets[chip + 1]]

    def take(self, chips: IntArray) -> SourceLists:
        """The lists of the given chips (positions, shape (m,)), in that order."""
        lengths = np.diff(self.offsets)[chips]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        shift = np.repeat(self.offsets[:-1][chips] - offsets[:-1], lengths)
        return SourceLists(offsets, self.numbers[shift + np.arange(offsets[-1])])

    def part(self, where: slice) -> SourceLists:
        """The lists of neighbouring chips."""
        edges = self.offsets[where.start : where.stop + 1]
        return SourceLists(edges - edges[0], self.numbers[edges[0] : edges[-1]])

    @classmethod
    def empty(cls, chips: int) -> SourceLists:
        """As many empty lists as there are chips."""
        return cls(np.zeros(chips + 1, np.int64), np.empty(0, np.int32))

    @classmethod
    def joined(cls, parts: Sequence[SourceLists]) -> SourceLists:
        """The lists of one part after the other."""
        lengths = np.concatenate([np.empty(0, np.int64), *(np.diff(part.offsets) for part in parts)])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(offsets, np.concatenate([np.empty(0, np.int32), *(part.numbers for part in parts)]))


Mask = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Values = TypeVar("Values", bound=np.generic)


class Chips(Protocol):
    """Chips of one survey, in memory (`ChipSet`) or on disk (`landuse.chips.table.ChipTable`)."""

    @property
    def grid(self) -> ChipGrid:
        """The lattice."""

    @property
    def survey(self) -> Survey:
        """The rasters the chips lie on."""

    @property
    def extent(self) -> CellRange:
        """The smallest range of cells that holds every chip."""

    @property
    def area(self) -> bytes | None:
        """The area of interest by which the chips were chosen, as well-known binary in the CRS of the lattice."""

    def __len__(self) -> int:
        """Number of chips."""

    def strips(self, span: int = BLOCK) -> Iterator[ChipSet]:
        """The chips of one row of blocks after the other, from south to north; what they carry comes with them.

        Args:
            span: cells along the side of a block, a multiple of 16.
        """


@dataclass(frozen=True, eq=False)
class ChipSet:
    """Chips of one survey on one lattice, sorted by block, then in image order (north to south, west to east).

    Attributes:
        rows, cols: cell of each chip; int64, shape (n,).
        valid: share of the chip's ground with imagery; float32, shape (n,), 0 to 1.
        legend: classes of `labels` and columns of `shares`; None where chips carry no labels.
        labels: class code of each chip; uint8 or uint16, shape (n,), 0 = none.
        purity: share of the chip's ground under its label (under the largest class where it has none); float32, shape (n,).
        shares: share of the chip's ground under each class, in legend order; float32, shape (n, classes). Ground
            without a class is left out, so that a row sums to 1 at most.
        area: the area of interest by which the chips were chosen, as well-known binary in the CRS of the lattice.

    Raises:
        UsageError: arrays of different lengths, not sorted (`image_order` gives the order), a chip twice,
            or a label that the legend lacks.
    """

    grid: ChipGrid
    survey: Survey
    rows: IntArray
    cols: IntArray
    valid: Float32
    sources: SourceLists
    legend: Legend | None = None
    labels: CodeArray | None = None
    purity: Float32 | None = None
    shares: Float32 | None = None
    area: bytes | None = None

    def __post_init__(self) -> None:
        arrays = (self.cols, self.valid, self.sources, self.labels, self.purity, self.shares)
        if any(a is not None and len(a) != len(self.rows) for a in arrays):
            raise UsageError("Every column of a chip table needs one value a chip.")
        if not is_image_order(self.rows, self.cols):
            raise UsageError("The chips are not in block order, or one of them stands twice.")
        if self.labels is not None:
            known = {0, *self.legend.codes} if self.legend else {0}
            if not known.issuperset(np.unique(self.labels).tolist()):
                raise UsageError("A label is a code that the legend of the chips lacks.")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """Chip ids; object array of str, shape (n,)."""
        return chip_ids(self.rows, self.cols)

    def source_names(self, chip: int) -> tuple[str, ...]:
        """Names of the sources that the chip at a position shares ground with."""
        return tuple(self.survey.sources[i].name for i in self.sources[chip])

    def take(self, chips: IntArray) -> ChipSet:
        """The chips at the given positions, which must keep the order."""
        return self._picked(chips, self.sources.take(chips))

    def part(self, where: slice) -> ChipSet:
        """Neighbouring chips, from `start` to `stop`; views, not copies."""
        return self._picked(where, self.sources.part(where))

    def _picked(self, chips: IntArray | slice, sources: SourceLists) -> ChipSet:
        return replace(
            self,
            rows=self.rows[chips],
            cols=self.cols[chips],
            valid=self.valid[chips],
            sources=sources,
            labels=None if self.labels is None else self.labels[chips],
            purity=None if self.purity is None else self.purity[chips],
            shares=None if self.shares is None else self.shares[chips],
        )

    def subset(self, mask: Mask) -> ChipSet:
        """The chips where `mask` (bool, shape (n,)) holds."""
        return self.take(np.flatnonzero(mask))

    @property
    def extent(self) -> CellRange:
        """The smallest range of cells that holds every chip; there is at least one."""
        return CellRange.around(self.rows, self.cols)

    def strips(self, span: int = BLOCK) -> Iterator[ChipSet]:
        """See `Chips.strips`."""
        edges = np.flatnonzero(np.diff(self.rows // span)) + 1
        for first, last in pairwise([0, *edges.tolist(), len(self)]):
            if first < last:
                yield self.part(slice(first, last))

    @classmethod
    def joined(cls, parts: Sequence[ChipSet]) -> ChipSet:
        """Parts of one survey, at least one, as a whole. They follow each other in block order and carry the same columns."""
        return replace(
            parts[0],
            rows=np.concatenate([part.rows for part in parts]),
            cols=np.concatenate([part.cols for part in parts]),
            valid=np.concatenate([part.valid for part in parts]),
            sources=SourceLists.joined([part.sources for part in parts]),
            labels=_concatenated([part.labels for part in parts]),
            purity=_concatenated([part.purity for part in parts]),
            shares=_concatenated([part.shares for part in parts]),
        )

    def blocks(self) -> list[tuple[Block, slice]]:
        """The blocks that hold chips, in order, each with the positions of its chips."""
        return block_slices(self.rows, self.cols)


def _concatenated(columns: Sequence[npt.NDArray[Values] | None]) -> npt.NDArray[Values] | None:
    """Pieces of a column as a whole; None where one of them is."""
    pieces = [column for column in columns if column is not None]
    return np.concatenate(pieces) if len(pieces) == len(columns) else None
