"""Features that a run kept in `features.parquet`, so that another head of the same backbone needs no imagery."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.chips import open_chips
from landuse.engine.parts import PartStore
from landuse.errors import ChipTableError, UsageError
from landuse.grid import BLOCK
from landuse.models.bundle import Bundle
from landuse.models.runtime import backbone_key
from landuse.outputs.record import read_record
from landuse.scoring.block import Quarantined
from landuse.scoring.run import Float32, Run, ScoredStrip, widths_of

FEATURES_FILE = "features.parquet"
QUARANTINE_FILE = "quarantine.csv"
METADATA_KEY = b"landuse"
LARGEST_HALF = 6e4
"""Values up to here fit float16; features of trained networks lie well below."""


class FeatureWriter:
    """Writes the features of a run row of blocks by row of blocks: columns row, col and features, in half precision."""

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self._path, self._bundle = path, bundle
        self._file: pq.ParquetWriter | None = None

    def write(self, strip: ScoredStrip) -> None:
        """Add the features of a strip; those of chips that could not be read are NaN."""
        table = self._table(strip)
        if self._file is None:
            about = {"backbone": backbone_key(self._bundle, "", ""), "model": self._bundle.name}
            schema = table.schema.with_metadata({METADATA_KEY: json.dumps(about)})
            self._file = pq.ParquetWriter(self._path, schema, compression="none", write_page_checksum=True)
        self._file.write_table(table.cast(self._file.schema))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _table(self, strip: ScoredStrip) -> pa.Table:
        features = strip.columns["features"]
        fits = np.nanmax(np.abs(features), initial=0) < LARGEST_HALF
        flat = pa.array(features.ravel().astype(np.float16 if fits else np.float32))
        columns = {
            "row": pa.array(strip.chips.rows),
            "col": pa.array(strip.chips.cols),
            "features": pa.FixedSizeListArray.from_arrays(flat, features.shape[1]),
        }
        return pa.table(columns)


@contextmanager
def feature_writer(path: Path, bundle: Bundle) -> Iterator[FeatureWriter]:
    """A writer of the features of a run; the file is whole when the body ends."""
    writer = FeatureWriter(path, bundle)
    try:
        yield writer
    finally:
        writer.close()


@dataclass(frozen=True, eq=False)
class KeptRun(Run):
    """A run of a head over features that an earlier run kept."""

    table: Path
    bundle: Bundle

    def strips(self) -> Iterator[ScoredStrip]:
        """One row of blocks after the other, from south to north. Raises `ChipTableError` where the features are damaged."""
        with pq.ParquetFile(self.table, page_checksum_verification=True) as file:
            rows = _Rows(file)
            for strip in self.chips.strips(self.span):
                lines = rows.take(len(strip))
                if not np.array_equal(lines["row"], strip.rows) or not np.array_equal(lines["col"], strip.cols):
                    raise ChipTableError(
                        f"{self.table} does not belong to the chips beside it: classify the survey again."
                    )
                yield ScoredStrip(strip, self._columns(lines["features"].to_numpy().astype(np.float32)))

    def _columns(self, flat: Float32) -> dict[str, Float32]:
        features = flat.reshape(-1, self.bundle.head.feature_count)
        known = np.isfinite(features).all(axis=1)
        columns: dict[str, Float32] = {
            "probabilities": np.full((len(features), len(self.bundle.legend)), np.nan, np.float32)
        }
        columns["probabilities"][known] = self.bundle.head.apply(features[known])
        if "components" in self.widths and self.bundle.components is not None:
            columns["components"] = self.bundle.components.apply(features)
        return columns


class _Rows:
    """Rows of a table of features, taken from its front."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._batches = file.iter_batches(2**13)
        self._waiting: list[pa.RecordBatch] = []

    def take(self, count: int) -> dict[str, Any]:
        """The next rows: their columns row and col, and their features flat. Fewer where the table ends."""
        while sum(map(len, self._waiting)) < count:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._waiting.append(batch)
        whole = pa.Table.from_batches(self._waiting)
        self._waiting = whole.slice(count).to_batches()
        taken = whole.slice(0, count).combine_chunks()
        return {"row": taken["row"].to_numpy(), "col": taken["col"].to_numpy(), "features": _flat(taken["features"])}


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([chunk.flatten() for chunk in column.chunks])


def run_head(folder: Path, bundle: Bundle) -> KeptRun:
    """A run of a model's head over the features that an earlier run kept in its folder; strips are computed as they are read.

    Raises:
        UsageError: the features are those of another backbone.
        ChipTableError: the table of features is damaged.
    """
    started = time.perf_counter()
    table = folder / FEATURES_FILE
    about = read_about(table)
    if about.get("backbone") != backbone_key(bundle, "", ""):
        raise UsageError(
            f"{folder} keeps the features of another backbone (of model {str(about.get('model'))[:80]}) than that of model "
            f"{bundle.name}: classify the rasters or the chips of landuse tile instead."
        )
    chips = open_chips(folder)
    return KeptRun(
        chips=chips,
        store=PartStore(str(folder)),
        keys=(),
        span=BLOCK,
        widths=widths_of(bundle, features=False, components=True),
        quarantined=read_quarantine(folder / QUARANTINE_FILE),
        reused=0,
        computed=0,
        precisions=("features",),
        seconds=time.perf_counter() - started,
        inputs=tuple(read_record(folder).inputs),
        table=table,
        bundle=bundle,
    )


def read_about(table: Path) -> dict[str, Any]:
    """What a table of features says of itself. Raises `ChipTableError` where it is damaged."""
    try:
        about = json.loads((pq.read_schema(table).metadata or {}).get(METADATA_KEY, b"null"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ChipTableError(f"{table} is damaged: classify the survey again with --keep-features.") from error
    if not isinstance(about, dict):
        raise ChipTableError(f"{table} is no table of features of landuse classify.")
    return about


def read_quarantine(path: Path) -> tuple[Quarantined, ...]:
    """The chips of a `quarantine.csv`; none where there is no such file."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(Quarantined(*line) for line in list(csv.reader(file))[1:])
