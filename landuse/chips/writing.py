"""Writing chips as GeoParquet, row group by row group, without making a geometry object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from landuse.chips.chipset import ChipSet
from landuse.errors import UsageError
from landuse.grid import ChipGrid, IntArray

CHIPS_FILE = "chips.parquet"
FORMAT = 1
METADATA_KEY = b"landuse"
ROW_GROUP = 2**16

_WKB = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
"""A polygon of one ring of five points in well-known binary: 93 bytes, always."""

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


def write_chips(path: Path, chips: ChipSet, extra: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
    """Write a chip table as GeoParquet 1.1 in the lattice CRS.

    Columns: chip_id, row, col, geometry (WKB polygon), valid, sources (names), with labels also label (class name, null
    where none), purity and shares (class name -> share of the chip's ground, classes that are absent left out), then `extra`.
    The schema's metadata hold `geo` and, as JSON under `landuse`, grid, survey and legend, so that `read_chips` needs no
    other file.

    Args:
        path: file to write.
        chips: the chips.
        extra: further columns, each of shape (n,): NumPy or Arrow arrays.

    Raises:
        UsageError: an extra column of another length, or with the name of a column that is there already.
    """
    columns = {name: pa.array(values) for name, values in (extra or {}).items()}
    schema = _schema(chips, columns)
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=_repetitive(schema)
    ) as writer:
        for part in _parts(len(chips)):
            arrays = _columns(chips.take(np.arange(part.start, part.stop)))
            arrays += [column.slice(part.start, part.stop - part.start) for column in columns.values()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _parts(chips: int) -> Iterator[slice]:
    """Slices of a row group's length; one empty slice for a table without chips."""
    for start in range(0, max(chips, 1), ROW_GROUP):
        yield slice(start, min(start + ROW_GROUP, chips))


def _schema(chips: ChipSet, extra: Mapping[str, pa.Array]) -> pa.Schema:
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
    }
    return pa.schema(fields, metadata={b"geo": json.dumps(_geo(chips)), METADATA_KEY: json.dumps(ours)})


def _repetitive(schema: pa.Schema) -> list[str]:
    """Paths of the columns that hold few values many times; a dictionary makes the others slower and larger."""
    plain = [field.name for field in schema if field.type in (pa.int64(), pa.string()) and field.name != "chip_id"]
    return [*plain, "sources.list.element", "shares.key_value.key"]


def _geo(chips: ChipSet) -> dict[str, Any]:
    """The `geo` metadata of the GeoParquet 1.1 specification."""
    side = chips.grid.side
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": chips.grid.crs.to_json_dict(),
        "orientation": "counterclockwise",
    }
    if len(chips):
        west, south = chips.cols.min() * side, chips.rows.min() * side
        east, north = (chips.cols.max() + 1) * side, (chips.rows.max() + 1) * side
        column["bbox"] = [float(west), float(south), float(east), float(north)]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _columns(chips: ChipSet) -> list[pa.Array]:
    """The arrays of some chips, in the schema's order."""
    rows, cols = pa.array(chips.rows), pa.array(chips.cols)
    ids = pc.binary_join_element_wise("r", rows.cast(pa.string()), "c", cols.cast(pa.string()), "")
    names = pa.array([source.name for source in chips.survey.sources], pa.string())
    sources = pa.ListArray.from_arrays(
        pa.array(chips.sources.offsets.astype(np.int32)), names.take(pa.array(chips.sources.numbers))
    )
    arrays = [ids, rows, cols, footprints_wkb(chips.grid, chips.rows, chips.cols), pa.array(chips.valid), sources]
    return arrays + _label_columns(chips)


def _label_columns(chips: ChipSet) -> list[pa.Array]:
    """label, purity, shares; purity and shares are null where the chips carry labels alone."""
    if chips.legend is None or chips.labels is None:
        return []
    names = pa.array(chips.legend.names, pa.string())
    position = np.full(256, -1)
    position[list(chips.legend.codes)] = np.arange(len(chips.legend))
    found = position[chips.labels]
    labels = names.take(pa.array(found, mask=found < 0))
    purity = pa.nulls(len(chips), pa.float32()) if chips.purity is None else pa.array(chips.purity)
    return [labels, purity, _shares_map(chips.shares, names, len(chips))]


def _shares_map(shares: npt.NDArray[np.float32] | None, names: pa.Array, chips: int) -> pa.Array:
    """Map arrays from dense shares (n, classes); classes of share 0 are left out."""
    if shares is None:
        return pa.nulls(chips, LABEL_COLUMNS[2].type)
    present = shares > 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    keys = names.take(pa.array(np.nonzero(present)[1]))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(shares[present]))


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
