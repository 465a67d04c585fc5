"""Reading chip tables, whole or by row groups. A table may come from a stranger, so all of it is checked before it is used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from pyproj.exceptions import CRSError

from landuse.chips.arrow import numbers_of
from landuse.chips.chipset import ChipSet, SourceLists, image_order
from landuse.chips.writing import BASE_COLUMNS, CHIPS_FILE, FORMAT, LABEL_COLUMNS, METADATA_KEY
from landuse.errors import ChipTableError, LanduseError, SourceNotFoundError
from landuse.grid import ChipGrid, IntArray
from landuse.legend import Legend
from landuse.mosaic import Survey

FARTHEST = 2**40
"""Rows and columns beyond this cannot lie on Earth, whatever the chip size; arithmetic on them would overflow."""
MOST_METADATA = 2**28


class _Header(BaseModel):
    """What stands under `landuse` in the schema's metadata."""

    model_config = ConfigDict(extra="ignore")

    format: int
    grid: dict[str, Any]
    survey: dict[str, Any]
    legend: Legend | None = None


@dataclass(frozen=True)
class TableFile:
    """An opened chip table whose header has been checked.

    Attributes:
        groups: the row groups that are read.
    """

    path: Path
    file: pq.ParquetFile
    grid: ChipGrid
    survey: Survey
    legend: Legend | None
    groups: tuple[int, ...]

    def chunks(self, name: str) -> Iterator[pa.Array]:
        """A column one row group at a time, so that the text of one alone is in memory."""
        for group in self.groups:
            yield from self.file.read_row_group(group, [name]).column(name).chunks

    def numbers(self, name: str, dtype: str) -> npt.NDArray[Any]:
        """A numeric column as an array. Raises `ChipTableError` where a value is missing."""
        values = self.file.read_row_groups(list(self.groups), [name]).column(name)
        if values.null_count:
            raise damaged(self.path, f"column {name} has gaps")
        return np.asarray(numbers_of(values).astype(dtype, copy=False))


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


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a table is read is a `ChipTableError` that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise damaged(path, _first_line(error)) from error
    except LanduseError as error:
        raise error if isinstance(error, ChipTableError) else damaged(path, str(error)) from error


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
        raise damaged(table.path, _first_line(error)) from error


def chip_file(path: Path | str) -> Path:
    """The chip table at `path`: itself, or `chips.parquet` in the folder. Raises `SourceNotFoundError`."""
    path = Path(path)
    file = path / CHIPS_FILE if path.is_dir() else path
    if not file.is_file():
        raise SourceNotFoundError(f"There is no chip table {file}; `landuse tile` writes one.")
    return file


def open_file(path: Path) -> TableFile:
    """Open a chip table. Raises `ChipTableError` where it is none."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ChipTableError(f"{path} is not a Parquet file, or a damaged one, so it is no chip table.") from error
    text = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
    if text is None or len(text) > MOST_METADATA:
        raise ChipTableError(
            f"{path} is Parquet, but not a chip table that landuse wrote; make one with `landuse tile`."
        )
    header = _header(path, text)
    try:
        grid, survey = ChipGrid.from_dict(header.grid), _survey(header.survey)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, CRSError, LanduseError) as error:
        raise damaged(path, "its grid or its survey cannot be understood") from error
    _check_columns(path, file.schema_arrow)
    return TableFile(path, file, grid, survey, header.legend, tuple(range(file.num_row_groups)))


def _survey(values: dict[str, Any]) -> Survey:
    """The survey of a header. Raises one of many builtin exceptions where the values are not those of a survey."""
    survey = Survey.from_dict(values)
    names = {source.name for source in survey.sources}
    if len(names) != len(survey.sources) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("sources need names, each its own")
    survey.footprints(survey.crs)  # every CRS and every transform is understood
    return survey


def _header(path: Path, text: bytes) -> _Header:
    try:
        header = _Header.model_validate(json.loads(text))
    except (ValidationError, ValueError, RecursionError) as error:
        raise damaged(path, "its landuse metadata cannot be understood") from error
    if header.format != FORMAT:
        raise ChipTableError(
            f"{path} is a chip table of format {header.format}, and this landuse reads format {FORMAT}; "
            "make it again with `landuse tile`."
        )
    return header


def _check_columns(path: Path, schema: pa.Schema) -> None:
    """Every column has the type it is written with."""
    labelled = LABEL_COLUMNS if "label" in schema.names else ()
    for field in (*BASE_COLUMNS, *labelled):
        if schema.names.count(field.name) != 1:
            raise damaged(path, f"column {field.name} is missing or stands twice")
        found = schema.field(field.name).type
        if not found.equals(field.type):
            raise damaged(path, f"column {field.name} holds {found}, not {field.type}")


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
) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]:
    """Labels, purity and shares in the file's order; None where the table has none."""
    if table.legend is None or "label" not in table.file.schema_arrow.names:
        return None, None, None
    legend, codes = table.legend, {c.name: c.code for c in table.legend.classes}
    found = [_coded(table.path, "label", chunk, codes) for chunk in table.chunks("label")]
    labels = np.concatenate([*found, np.empty(0)]).clip(0).astype(np.uint8)
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


def damaged(path: Path, why: str) -> ChipTableError:
    """The error of a table that is not whole."""
    return ChipTableError(f"{path} is not a whole chip table: {why.rstrip('.')}; make it again with `landuse tile`.")


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
