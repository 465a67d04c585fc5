"""Writing chips as GeoParquet, row group by row group, without making a geometry object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyproj import CRS

from landuse.chips.chipset import ChipSet
from landuse.chips.table_file import (
    BASE_COLUMNS,
    FORMAT,
    LABEL_COLUMNS,
    METADATA_KEY,
    arrow_array,
    named_array,
    text_array,
)
from landuse.errors import UsageError
from landuse.grid import Bounds, CellRange, ChipGrid, IntArray

ROW_GROUP = 2**13

_WKB = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
"""A polygon of one ring of five points in well-known binary: 93 bytes, always."""


def write_chips(path: Path, chips: ChipSet, extra: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
    """Write a chip table as GeoParquet 1.1 in the lattice CRS.

    Columns: chip_id, row, col, geometry (WKB polygon), valid, sources (names), with labels also label (class name, null
    where none), purity and shares (class name -> share of the chip's ground, classes that are absent left out), then `extra`.
    The schema's metadata hold `geo` and, as JSON under `landuse`, grid, survey and legend, so that `read_chips` needs no
    other file.

    Args:
        extra: further columns, each of shape (n,): NumPy or Arrow arrays.

    Raises:
        UsageError: an extra column of another length, or with the name of a column that is there already.
    """
    with chip_writer(path, chips.extent if len(chips) else None) as writer:
        writer.write(chips, extra)


@contextmanager
def chip_writer(path: Path, extent: CellRange | None = None) -> Iterator[ChipWriter]:
    """A writer of a chip table that comes piece by piece, in block order; the file is whole when the body ends.

    Args:
        extent: range of cells that holds all the chips, where it is known, for readers that ask where a table lies.
    """
    writer = ChipWriter(path, extent)
    try:
        yield writer
        writer.flush(1)
    finally:
        writer.close()


class ChipWriter:
    """Writes pieces of one chip table, which carry the same columns; a row group at a time is in memory."""

    def __init__(self, path: Path, extent: CellRange | None) -> None:
        self._path, self._extent = path, extent
        self._waiting: list[pa.Table] = []
        self._schema: pa.Schema | None = None
        self._file: pq.ParquetWriter | None = None

    def write(self, chips: ChipSet, extra: Mapping[str, Any] | None = None) -> None:
        """Add chips with further columns; see `write_chips`."""
        columns = {name: arrow_array(values) for name, values in (extra or {}).items()}
        if self._schema is None:
            self._schema = _schema(chips, columns, self._extent)
        for first in range(0, max(1, len(chips)), ROW_GROUP):  # a wide survey comes in large pieces
            arrays = [*_columns(chips.part(slice(first, first + ROW_GROUP)))]
            arrays += [values.slice(first, ROW_GROUP) for values in columns.values()]
            self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
            self.flush(ROW_GROUP)

    def flush(self, least: int) -> None:
        """Write what waits down in row groups, while there are `least` chips."""
        while sum(map(len, self._waiting)) >= least or (self._waiting and least == 1):
            joined = pa.concat_tables(self._waiting)
            self._open(joined.schema).write_table(joined.slice(0, ROW_GROUP))
            rest = joined.slice(ROW_GROUP)
            self._waiting = [rest] if len(rest) else []

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        if self._file is None:
            how: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
            self._file = pq.ParquetWriter(self._path, schema, use_dictionary=_repetitive(schema), **how)
        return self._file


def _schema(chips: ChipSet, extra: Mapping[str, pa.Array], extent: CellRange | None) -> pa.Schema:
    fields = list(BASE_COLUMNS) + list(LABEL_COLUMNS if chips.labels is not None and chips.legend else ())
    taken = {field.name for field in fields}
    for name, values in extra.items():
        if name in taken or len(values) != len(chips):
            raise UsageError(
                f"Column {name!r} does not fit a table of {len(chips)} chips with columns {sorted(taken)}."
            )
        fields.append(pa.field(name, values.type))
    ours = {
        "format": FORMAT,
        "grid": chips.grid.as_dict(),
        "survey": chips.survey.as_dict(),
        "legend": chips.legend.model_dump(mode="json") if chips.legend else None,
        "area": None if chips.area is None else chips.area.hex(),
    }
    geo = geo_metadata(chips.grid.crs, ("Polygon",), None if extent is None else chips.grid.bounds(extent))
    return pa.schema(fields, metadata={b"geo": json.dumps(geo), METADATA_KEY: json.dumps(ours)})


def _repetitive(schema: pa.Schema) -> list[str]:
    """Paths of the columns that hold few values many times; a dictionary makes the others slower and larger."""
    plain = [field.name for field in schema if field.type in (pa.int64(), pa.string()) and field.name != "chip_id"]
    return [*plain, "sources.list.element", "shares.key_value.key"]


def geo_metadata(crs: CRS, kinds: Sequence[str], bounds: Bounds | None = None) -> dict[str, Any]:
    """The `geo` metadata of the GeoParquet 1.1 specification for a column `geometry` of polygons.

    Args:
        kinds: their types, such as ``Polygon``.
        bounds: where they all lie, if that is known.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": list(kinds),
        "crs": crs.to_json_dict(),
        "orientation": "counterclockwise",
    }
    if bounds is not None:
        column["bbox"] = list(bounds)
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _columns(chips: ChipSet) -> list[pa.Array]:
    rows, cols = arrow_array(chips.rows), arrow_array(chips.cols)
    constant = text_array(("r", "c", ""))
    r, c, nothing = (constant.take(arrow_array(np.full(len(chips), number))) for number in range(3))
    ids = pc.binary_join_element_wise(r, rows.cast(pa.string()), c, cols.cast(pa.string()), nothing)
    names = named_array([source.name for source in chips.survey.sources], chips.sources.numbers)
    sources = pa.ListArray.from_arrays(arrow_array(chips.sources.offsets.astype(np.int32)), names)
    arrays = [ids, rows, cols, footprints_wkb(chips.grid, chips.rows, chips.cols), arrow_array(chips.valid), sources]
    return arrays + _label_columns(chips)


def _label_columns(chips: ChipSet) -> list[pa.Array]:
    """label, purity, shares; purity and shares are null where the chips carry labels alone."""
    if chips.legend is None or chips.labels is None:
        return []
    labels = named_array(chips.legend.names, chips.legend.positions(chips.labels))
    purity = pa.nulls(len(chips), pa.float32()) if chips.purity is None else arrow_array(chips.purity)
    return [labels, purity, _shares_map(chips.shares, chips.legend.names, len(chips))]


def _shares_map(shares: npt.NDArray[np.float32] | None, names: Sequence[str], chips: int) -> pa.Array:
    """Map arrays from dense shares (n, classes); classes of share 0 are left out."""
    if shares is None:
        return pa.nulls(chips, LABEL_COLUMNS[2].type)
    present = shares > 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    keys = named_array(names, np.nonzero(present)[1])
    return pa.MapArray.from_arrays(arrow_array(offsets), keys, arrow_array(shares[present]))


def footprints_wkb(grid: ChipGrid, rows: IntArray, cols: IntArray) -> pa.Array:
    """Footprints of cells in well-known binary (little endian), anticlockwise from the south-west corner, in the CRS."""
    polygons = np.zeros(len(rows), _WKB)
    polygons["order"], polygons["type"], polygons["rings"], polygons["points"] = 1, 3, 1, 5
    for corner, (up, right) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))):
        polygons["xy"][:, corner, 0] = (cols + right) * grid.side
        polygons["xy"][:, corner, 1] = (rows + up) * grid.side
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * _WKB.itemsize
    return pa.Array.from_buffers(
        pa.binary(), len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(polygons.tobytes())]
    )
