"""The chips most like one, and the changes most like one, of any number that comes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.grid import Cell, IntArray
from landuse.likeness.vectors import Batch, Float32, Vectors


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
