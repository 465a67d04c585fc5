"""The file of a chip table: its columns, between NumPy and Arrow, and how it is opened; it may come from a stranger.

pyarrow imports pandas, for half a second, wherever it converts: to see whether it was given something of pandas, or to know its
missing values. Numbers and texts need none of that; they share their memory with Arrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from pyproj.exceptions import CRSError

from landuse.errors import ChipTableError, LanduseError, SourceNotFoundError
from landuse.grid import ChipGrid
from landuse.legend import Legend
from landuse.mosaic import Survey

CHIPS_FILE = "chips.parquet"
FORMAT = 1
METADATA_KEY = b"landuse"
MOST_METADATA = 2**28

BASE_COLUMNS = (
    pa.field("chip_id", pa.string(), nullable=False),
    pa.field("row", pa.int64(), nullable=False),
    pa.field("col", pa.int64(), nullable=False),
    pa.field("geometry", pa.binary(), nullable=False),
    pa.field("valid", pa.float32(), nullable=False),
    pa.field("sources", pa.list_(pa.string()), nullable=False),
)
LABEL_COLUMNS = (
    pa.field("label", pa.string()),
    pa.field("purity", pa.float32()),
    pa.field("shares", pa.map_(pa.string(), pa.float32())),
)
Values = npt.NDArray[Any]


class _Header(BaseModel):
    """What stands under `landuse` in the schema's metadata."""

    model_config = ConfigDict(extra="ignore")

    format: int
    grid: dict[str, Any]
    survey: dict[str, Any]
    legend: Legend | None = None
    area: str | None = None


@dataclass(frozen=True)
class TableFile:
    """An opened chip table whose header has been checked."""

    path: Path
    file: pq.ParquetFile
    grid: ChipGrid
    survey: Survey
    legend: Legend | None
    groups: tuple[int, ...]
    area: bytes | None = None

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
    groups = tuple(range(file.num_row_groups))
    return TableFile(path, file, grid, survey, header.legend, groups, _area(path, header.area))


def _area(path: Path, text: str | None) -> bytes | None:
    """The area of interest of a header. Raises `ChipTableError` where it is no valid shape."""
    import shapely

    if text is None:
        return None
    try:
        shape = shapely.from_wkb(text)
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise damaged(path, "its area of interest is no shape") from error
    if not shape.is_valid:
        raise damaged(path, "its area of interest is no valid shape")
    return bytes(shapely.to_wkb(shape))


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
    labelled = LABEL_COLUMNS if "label" in schema.names else ()
    for field in (*BASE_COLUMNS, *labelled):
        if schema.names.count(field.name) != 1:
            raise damaged(path, f"column {field.name} is missing or stands twice")
        found = schema.field(field.name).type
        if not found.equals(field.type):
            raise damaged(path, f"column {field.name} holds {found}, not {field.type}")


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a table is read is a `ChipTableError` that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise damaged(path, one_line(error)) from error
    except LanduseError as error:
        raise error if isinstance(error, ChipTableError) else damaged(path, str(error)) from error


def damaged(path: Path, why: str) -> ChipTableError:
    """The error of a table that is not whole."""
    return ChipTableError(f"{path} is not a whole chip table: {why.rstrip('.')}; make it again with `landuse tile`.")


def one_line(error: Exception) -> str:
    """What an error says, on one line of bounded length."""
    return " ".join(str(error).split())[:200]


def arrow_array(values: Values | pa.Array) -> pa.Array:
    """Values (n,) as an Arrow array, over the memory of numbers, which must not be changed afterwards; NaN stays NaN."""
    if isinstance(values, pa.Array):
        return values
    if values.dtype.kind not in "iuf":
        return pa.array(values)
    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)])


def text_array(texts: Iterable[str]) -> pa.Array:
    """Texts as an Arrow array."""
    return _end_to_end(pa.string(), [text.encode() for text in texts])


def binary_array(pieces: Sequence[bytes]) -> pa.Array:
    """Pieces of bytes as an Arrow array."""
    return _end_to_end(pa.binary(), pieces)


def _end_to_end(kind: pa.DataType, pieces: Sequence[bytes]) -> pa.Array:
    offsets = np.cumsum([0, *map(len, pieces)], dtype=np.int32)
    return pa.Array.from_buffers(kind, len(pieces), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(pieces))])


def named_array(names: Sequence[str], numbers: npt.NDArray[np.integer]) -> pa.Array:
    """The name of each number (n,) as an Arrow array of texts; null where a number is below 0."""
    return _picked(text_array(names), numbers)


def plain_array(values: Sequence[str | int | float | None]) -> pa.Array:
    """Texts, or numbers, as an Arrow array; null where there is none."""
    known = [value for value in values if value is not None]
    texts = [value for value in known if isinstance(value, str)]
    there = np.array([value is not None for value in values], bool)
    return _picked(
        text_array(texts) if texts else arrow_array(np.array(known)), np.where(there, np.cumsum(there) - 1, -1)
    )


def _picked(values: pa.Array, numbers: npt.NDArray[np.integer]) -> pa.Array:
    """The values at some places (n,); null where the place is below 0."""
    known = pa.py_buffer(np.packbits(numbers >= 0, bitorder="little"))
    where = pa.py_buffer(np.maximum(numbers, 0).astype(np.int32))
    return values.take(pa.Array.from_buffers(pa.int32(), len(numbers), [known, where]))


def numbers_of(column: pa.Array | pa.ChunkedArray, missing: float | None = None) -> Values:
    """The numbers of an Arrow column (n,), in place where it is of one piece.

    Args:
        missing: stands for nulls; None where there are none.
    """
    if isinstance(column, pa.ChunkedArray):
        pieces = [numbers_of(chunk, missing) for chunk in column.chunks]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, column.type.to_pandas_dtype()), *pieces])
    here = slice(column.offset, column.offset + len(column))
    valid, data = column.buffers()
    values: Values = np.frombuffer(data or b"", column.type.to_pandas_dtype())[here]
    if not column.null_count:
        return values
    known = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[here].astype(bool)
    return np.where(known, values, values.dtype.type(missing))
