"""Chip tables too large for memory: read a row of blocks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from landuse.chips.chipset import Chips, ChipSet
from landuse.chips.order import is_image_order
from landuse.chips.reading import cells_of, chip_set_of
from landuse.chips.table_file import TableFile, chip_file, damage_named, open_file
from landuse.errors import ChipTableError
from landuse.grid import BLOCK, CellRange, ChipGrid, IntArray
from landuse.mosaic import Survey


@dataclass(frozen=True, eq=False)
class ChipTable:
    """A chip table on disk whose rows are in block order; see `landuse.chips.chipset.Chips`.

    Attributes:
        file: the open table.
        extent: the smallest range of cells that holds every chip.
        count: number of chips.
    """

    file: TableFile
    extent: CellRange
    count: int

    @property
    def grid(self) -> ChipGrid:
        """The lattice."""
        return self.file.grid

    @property
    def survey(self) -> Survey:
        """The rasters the chips lie on."""
        return self.file.survey

    @property
    def area(self) -> bytes | None:
        """The area of interest by which the chips were chosen, as well-known binary in the CRS of the lattice."""
        return self.file.area

    def __len__(self) -> int:
        return self.count

    def strips(self, span: int = BLOCK) -> Iterator[ChipSet]:
        """See `Chips.strips`. Raises `ChipTableError` where the table is damaged."""
        waiting: list[ChipSet] = []
        for chips in self._row_groups():
            for piece in chips.strips(span):
                if waiting and waiting[0].rows[0] // span != piece.rows[0] // span:
                    yield ChipSet.joined(waiting)
                    waiting = []
                waiting.append(piece)
        if waiting:
            yield ChipSet.joined(waiting)

    def _row_groups(self) -> Iterator[ChipSet]:
        for group in self.file.groups:
            with damage_named(self.file.path):
                yield chip_set_of(replace(self.file, groups=(group,)))


def open_chips(path: Path | str) -> Chips:
    """The chips of a table, or of the folder that holds it, to be read a row of blocks at a time.

    A table whose rows another program has put in another order is read whole instead.

    Raises:
        SourceNotFoundError: there is no such file.
        ChipTableError: it is no chip table, a damaged one, or one without chips.
    """
    file = open_file(chip_file(path))
    with damage_named(file.path):
        table = _scanned(file)
        return table if table is not None else chip_set_of(file)


def _scanned(file: TableFile) -> ChipTable | None:
    """The table with its extent; None where its rows are not in block order."""
    extent, count = None, 0
    last: tuple[IntArray, IntArray] = (np.empty(0, np.int64), np.empty(0, np.int64))
    for group in file.groups:
        rows, cols = cells_of(replace(file, groups=(group,)))
        if not len(rows):
            continue
        if not is_image_order(np.concatenate([last[0], rows]), np.concatenate([last[1], cols])):
            return None
        last = rows[-1:], cols[-1:]
        here = CellRange.around(rows, cols)
        extent, count = (here if extent is None else extent.union(here)), count + len(rows)
    if extent is None:
        raise ChipTableError(f"{file.path} holds no chips, so there is nothing to work on.")
    return ChipTable(file, extent, count)
