"""What a chip looks like, as a vector of length one, and which are nearest to one.

The main components of its features (`components.tif`) where a map has them, else its probabilities. Both are read in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.pixels import open_components
from landuse.chips import CHIPS_FILE
from landuse.errors import ChipTableError, SourceNotFoundError, UsageError
from landuse.grid import Cell, ChipGrid, IntArray
from landuse.models.learnt_features import from_bytes
from landuse.outputs.land_use_map import COMPONENTS
from landuse.outputs.record import read_record

BATCH, LINES = 8_192, 64
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
        features: whether they are of features; else of probabilities.
        centre: what is taken from each before it is brought to length one, (d,): what all chips share tells nothing.
    """

    folder: Path
    features: bool
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
    """The vectors of maps, which can be compared with each other: of features where all were made by one model.

    Raises:
        SourceNotFoundError: a folder is no result of `classify`, or a file is missing.
        UsageError: the maps share neither a model nor their classes.
        ChipTableError, DamagedSourceError: a file is damaged.
    """
    models = set()
    for folder in folders:
        record = read_record(folder)
        if record.command != "classify":
            raise SourceNotFoundError(
                f"{folder} is the result of landuse {record.command}; give a folder of landuse classify."
            )
        models.add(record.details.get("model_digest"))
    if len(models) == 1 and all((folder / COMPONENTS).is_file() for folder in folders):
        return [Vectors(folder, True, _mean(folder, features=True)) for folder in folders]
    names = {tuple(_probability_columns(folder)) for folder in folders}
    if len(names) > 1:
        raise UsageError(
            "The two maps have neither the same model nor the same classes; classify both surveys with one model."
        )
    return [Vectors(folder, False, _mean(folder, features=False)) for folder in folders]


def _mean(folder: Path, *, features: bool) -> Float32:
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
    return _components(folder) if features else _probabilities(folder)


def _components(folder: Path) -> Iterator[Batch]:
    """The first components, which tell most, weigh most: about as features vary along them (docs/report.md)."""
    side, raster = ChipGrid.from_dict(read_record(folder).grid or {}).side, open_components(folder / COMPONENTS)
    height, width = raster.shape
    top, left = round(raster.transform.f / side) - 1, round(raster.transform.c / side)
    weights = np.arange(1, raster.count + 1, dtype=np.float32) ** -0.5
    for first in range(0, height, LINES):
        values = raster.read(slice(first, min(first + LINES, height)), slice(0, width))
        lines, cols = np.nonzero(values[0])
        yield Batch(top - first - lines, left + cols, weights * from_bytes(values[:, lines, cols].T))


def _probabilities(folder: Path) -> Iterator[Batch]:
    path, columns = folder / CHIPS_FILE, _probability_columns(folder)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=["row", "col", *columns]):
                rows, cols, *values = (batch.column(i).to_numpy(zero_copy_only=False) for i in range(batch.num_columns))
                yield Batch(rows, cols, np.stack(values, axis=1).astype(np.float32))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise ChipTableError(f"{path} is damaged; classify the survey again.") from error


@dataclass(frozen=True, eq=False)
class Ranked:
    """Chips, the most alike first: rows and columns (n,), and cosine similarity (n,), -1 to 1."""

    rows: IntArray
    cols: IntArray
    similarity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self) -> list[Cell]:
        """The chips as cells."""
        return [Cell(row, col) for row, col in zip(self.rows.tolist(), self.cols.tolist(), strict=True)]


def nearest(batches: Iterable[Batch], query: Float32, most: int, left_out: Cell) -> Ranked:
    """The chips whose vectors point most nearly where `query` (d,) does, one left out; equal ones by row and column."""
    best = np.empty((0, 3))
    for batch in batches:
        similarity = batch.vectors @ query
        own = (batch.rows == left_out.row) & (batch.cols == left_out.col)
        lines = np.stack([-similarity.astype(np.float64), batch.rows, batch.cols], axis=1)
        best = np.concatenate([best, lines[np.isfinite(similarity) & ~own]])
        if len(best) > 4 * most:
            best = _first(best, most)
    best = _first(best, most)
    return Ranked(best[:, 1].astype(np.int64), best[:, 2].astype(np.int64), -best[:, 0])


def _first(lines: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.float64]:
    return np.asarray(lines[np.lexsort(lines.T[::-1])][:most])


def likeness_at(vectors: Vectors, query: Float32, rows: IntArray, cols: IntArray) -> npt.NDArray[np.float64]:
    """Cosine similarity of some chips to `query`, (n,); NaN where the map has no vector of a chip."""
    found = np.full(len(rows), np.nan)
    for places, looks in _matched(vectors, rows, cols):
        found[places] = looks @ query
    return found


def vectors_at(vectors: Vectors, rows: IntArray, cols: IntArray) -> Float32:
    """The vectors of some chips, (n, d); NaN where the map has none of a chip."""
    found = np.full((len(rows), len(vectors.centre)), np.nan, np.float32)
    for places, looks in _matched(vectors, rows, cols):
        found[places] = looks
    return found


def _matched(vectors: Vectors, rows: IntArray, cols: IntArray) -> Iterator[tuple[IntArray, Float32]]:
    """The places (m,) of chips that are wanted, each once, and their vectors (m, d), batch by batch."""
    wanted = rows * 2**32 + cols
    order = np.argsort(wanted)
    for batch in vectors.batches():
        known = batch.rows * 2**32 + batch.cols
        mine = order[np.searchsorted(wanted, known, sorter=order).clip(0, len(wanted) - 1)]
        here = wanted[mine] == known
        yield mine[here], batch.vectors[here]
