"""Chips from a table on disk: all of them, or a row of blocks at a time. What a column holds is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from landuse.chips.chipset import Chips, ChipSet, SourceLists, image_order, is_image_order
from landuse.chips.table_file import TableFile, chip_file, damage_named, damaged, numbers_of, one_line, open_file
from landuse.errors import ChipTableError
from landuse.grid import BLOCK, CellRange, ChipGrid, IntArray
from landuse.legend import CodeArray, Legend
from landuse.mosaic import Survey


@dataclass(frozen=True, eq=False)
class ChipTable:
    """A chip table on disk whose rows are in block order; see `landuse.chips.chipset.Chips`.

    Attributes:
        extent: the smallest range of cells that holds every chip.
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


FARTHEST = 2**40
"""Rows and columns beyond this cannot lie on Earth, whatever the chip size; arithmetic on them would overflow."""


def read_chips(path: Path | str) -> ChipSet:
    """The chips of a table that `write_chips` wrote, or of the folder that holds it.

    Extra columns are left alone: `read_columns` reads them. A table whose rows another program has put in another order
    is brought back into block order; `read_columns` then speaks the file's order, not this one.

    Raises:
        SourceNotFoundError: there is no such file.
        ChipTableError: it is no chip table, or a damaged one.
    """
    table = open_file(chip_file(path))
    with damage_named(table.path):
        return chip_set_of(table)


def read_columns(path: Path | str, names: Sequence[str]) -> pa.Table:
    """Some columns of a chip table as an Arrow table, in the order of the rows of the file.

    Raises `SourceNotFoundError` or `ChipTableError`, the latter also where a column is missing.
    """
    table = open_file(chip_file(path))
    missing = sorted(set(names) - set(table.file.schema_arrow.names))
    if missing:
        raise ChipTableError(f"{table.path} has no column {', '.join(missing)}.")
    try:
        return table.file.read(list(names))
    except (pa.ArrowException, OSError) as error:
        raise damaged(table.path, one_line(error)) from error


def cells_of(table: TableFile) -> tuple[IntArray, IntArray]:
    """Rows and columns in the order of the file."""
    rows, cols = table.numbers("row", "int64"), table.numbers("col", "int64")
    if len(rows) and max(abs(int(f(a))) for f in (np.min, np.max) for a in (rows, cols)) > FARTHEST:
        raise damaged(table.path, "a row or a column lies beyond the Earth")
    return rows, cols


def chip_set_of(table: TableFile) -> ChipSet:
    """The chips of a table's row groups, in block order."""
    rows, cols = cells_of(table)
    valid = _between_0_and_1(table.path, "valid", table.numbers("valid", "float32"))
    order = image_order(rows, cols)
    labels, purity, shares = _labels(table)
    return ChipSet(
        grid=table.grid,
        survey=table.survey,
        rows=rows[order],
        cols=cols[order],
        valid=valid[order],
        sources=_sources(table).take(order),
        legend=table.legend,
        labels=None if labels is None else labels[order],
        purity=None if purity is None else purity[order],
        shares=None if shares is None else shares[order],
        area=table.area,
    )


def _sources(table: TableFile) -> SourceLists:
    """Source lists from the names in the table. Raises `ChipTableError` for a name that the survey lacks."""
    names = {source.name: number for number, source in enumerate(table.survey.sources)}
    lengths, numbers = [], []
    for chunk in table.chunks("sources"):
        if chunk.null_count or chunk.flatten().null_count:
            raise damaged(table.path, "column sources has gaps")
        lengths.append(numbers_of(pc.list_value_length(chunk)))
        numbers.append(_coded(table.path, "sources", chunk.flatten(), names))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([*lengths, []]))]).astype(np.int64)
    return SourceLists(offsets, np.concatenate([*numbers, np.empty(0)]).astype(np.int32))


def _coded(path: Path, column: str, values: pa.Array, codes: dict[str, int]) -> npt.NDArray[np.int64]:
    """Numbers of many names; -1 where there is none. Raises `ChipTableError` for a name that has no number."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    unknown = [name for name in values.dictionary.to_pylist() if name not in codes]
    if unknown:
        raise damaged(path, f"column {column} names {unknown[0]!r}, which its metadata do not")
    table = np.array([codes[name] for name in values.dictionary.to_pylist()] + [-1], np.int64)
    return np.asarray(table[numbers_of(values.indices, len(table) - 1)])


def _labels(
    table: TableFile,
) -> tuple[CodeArray | None, npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]:
    """Labels, purity and shares in the file's order; None where the table has none."""
    if table.legend is None or "label" not in table.file.schema_arrow.names:
        return None, None, None
    legend, codes = table.legend, {c.name: c.code for c in table.legend.classes}
    found = [_coded(table.path, "label", chunk, codes) for chunk in table.chunks("label")]
    labels = np.concatenate([*found, np.empty(0)]).clip(0).astype(legend.dtype)
    if any(chunk.null_count for chunk in table.chunks("purity")):
        return labels, None, None
    purity = _between_0_and_1(table.path, "purity", table.numbers("purity", "float32"))
    return labels, purity, _shares(table, legend)


def _shares(table: TableFile, legend: Legend) -> npt.NDArray[np.float32] | None:
    """Dense shares (n, classes) of the map column."""
    position = {name: number for number, name in enumerate(legend.names)}
    dense = []
    for chunk in table.chunks("shares"):
        if chunk.null_count:
            return None
        counts = np.diff(numbers_of(chunk.offsets))
        keys, items = _entries(chunk)
        shares = np.zeros((len(chunk), len(legend)), np.float32)
        shares[np.repeat(np.arange(len(chunk)), counts), _coded(table.path, "shares", keys, position)] = items
        dense.append(_between_0_and_1(table.path, "shares", shares))
    return np.concatenate([*dense, np.empty((0, len(legend)), np.float32)])


def _between_0_and_1(path: Path, name: str, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The values, if each is a share. Raises `ChipTableError`; not a number is no share."""
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise damaged(path, f"a value of column {name} does not lie between 0 and 1")
    return values


def _entries(chunk: pa.MapArray) -> tuple[pa.Array, npt.NDArray[np.float32]]:
    first, last = chunk.offsets[0].as_py(), chunk.offsets[-1].as_py()
    return chunk.keys.slice(first, last - first), numbers_of(chunk.items.slice(first, last - first))
