"""Chips from the columns of a table, whole or by row groups. What a column holds is checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from landuse.chips.arrow import numbers_of
from landuse.chips.chipset import ChipSet, SourceLists
from landuse.chips.order import image_order
from landuse.chips.table_file import TableFile, chip_file, damage_named, damaged, one_line, open_file
from landuse.errors import ChipTableError
from landuse.grid import IntArray
from landuse.legend import CodeArray, Legend

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
    """Keys and values of a map array, of its own slice alone."""
    first, last = chunk.offsets[0].as_py(), chunk.offsets[-1].as_py()
    return chunk.keys.slice(first, last - first), numbers_of(chunk.items.slice(first, last - first))
