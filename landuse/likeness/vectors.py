"""What a chip looks like, as a vector of length one.

Its features where `classify --keep-features` kept them, else its probabilities. Tables are read batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.chips import CHIPS_FILE
from landuse.errors import ChipTableError, SourceNotFoundError, UsageError
from landuse.grid import Cell, IntArray
from landuse.outputs.record import read_record
from landuse.scoring.features import FEATURES_FILE, read_about

BATCH = 8_192
PROBABILITY = "p_"
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some chips: rows and columns of the lattice (n,), and what they look like, float32 (n, d), NaN where unknown."""

    rows: IntArray
    cols: IntArray
    vectors: Float32


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors of a map's chips.

    Attributes:
        folder: of `classify`.
        features: whether they are features; else probabilities.
        backbone: key of the network that made the features; empty of probabilities.
        centre: what is taken from each before it is brought to length one, (d,): what all chips share tells nothing.
    """

    folder: Path
    features: bool
    backbone: str
    centre: Float32

    def batches(self) -> Iterator[Batch]:
        """All chips of the map, some thousands at a time. Raises `ChipTableError` where the table is damaged."""
        for batch in _raw(self.folder, features=self.features):
            moved = batch.vectors - self.centre
            length = np.linalg.norm(moved, axis=1, keepdims=True)
            yield Batch(batch.rows, batch.cols, moved / np.maximum(length, np.finfo(np.float32).tiny))

    def of(self, cell: Cell) -> Float32:
        """The vector of one chip (d,). Raises `UsageError` where the map has none."""
        for batch in self.batches():
            found = np.flatnonzero((batch.rows == cell.row) & (batch.cols == cell.col))
            if len(found) and np.isfinite(batch.vectors[found[0]]).all():
                return np.asarray(batch.vectors[found[0]])
        raise UsageError(f"{self.folder} has no chip {cell.id} that could be read; ids are listed in its {CHIPS_FILE}.")


def open_vectors(*folders: Path) -> list[Vectors]:
    """The vectors of maps, which can be compared with each other: features where all of them kept those of one network.

    Raises:
        SourceNotFoundError: a folder is no result of `classify`, or a file is missing.
        UsageError: the maps share neither a network nor their classes.
        ChipTableError: a table is damaged.
    """
    for folder in folders:
        command = read_record(folder).command
        if command != "classify":
            raise SourceNotFoundError(
                f"{folder} is the result of landuse {command}; give a folder of landuse classify."
            )
    if all((folder / FEATURES_FILE).is_file() for folder in folders):
        keys = [str(read_about(folder / FEATURES_FILE).get("backbone")) for folder in folders]
        if len(set(keys)) == 1:
            return [Vectors(f, True, k, _mean(f, features=True)) for f, k in zip(folders, keys, strict=True)]
    names = {tuple(_probability_columns(folder)) for folder in folders}
    if len(names) > 1:
        raise UsageError(
            "The two maps have neither the features of one network nor the same classes; classify both surveys with one model."
        )
    return [Vectors(f, False, "", _mean(f, features=False)) for f in folders]


def _mean(folder: Path, *, features: bool) -> Float32:
    """The mean vector of all chips that have one."""
    total, count = 0.0, 0
    for batch in _raw(folder, features=features):
        known = batch.vectors[np.isfinite(batch.vectors).all(axis=1)]
        total, count = total + known.sum(axis=0, dtype=np.float64), count + len(known)
    return np.asarray(total / max(count, 1), np.float32)


def _probability_columns(folder: Path) -> list[str]:
    path = folder / CHIPS_FILE
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}, so the map is not whole; classify the survey again.")
    try:
        return [name for name in pq.read_schema(path).names if name.startswith(PROBABILITY)]
    except (pa.ArrowException, OSError) as error:
        raise ChipTableError(f"{path} is damaged; classify the survey again.") from error


def _raw(folder: Path, *, features: bool) -> Iterator[Batch]:
    path = folder / (FEATURES_FILE if features else CHIPS_FILE)
    columns = ["features"] if features else _probability_columns(folder)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=["row", "col", *columns]):
                rows, cols = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("row", "col"))
                yield Batch(rows, cols, _matrix(batch, columns))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise ChipTableError(f"{path} is damaged; classify the survey again with --keep-features.") from error


def _matrix(batch: pa.RecordBatch, columns: list[str]) -> Float32:
    """The vectors of a batch, float32 (n, d)."""
    if columns == ["features"]:
        flat = batch.column("features").flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float32).reshape(len(batch), -1)
    values = [batch.column(name).to_numpy(zero_copy_only=False) for name in columns]
    return np.stack(values, axis=1).astype(np.float32)
