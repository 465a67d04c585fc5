"""Which sources each of many chips lies on, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import IntArray


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
