"""The results of a run: its parts on disk, read back a row of blocks at a time or gathered in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.chips import Chips, ChipSet
from landuse.chips.arrow import numbers_of
from landuse.engine.parts import PartStore
from landuse.engine.quarantine import Quarantined
from landuse.grid import IntArray
from landuse.outputs.record import FileIdentity
from landuse.scoring.plan import blocks_of_strip

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScoredStrip:
    """Chips of one row of blocks with what the network said of them.

    Attributes:
        chips: n chips in block order.
        columns: float32 arrays (n, k); NaN where a chip was quarantined.
    """

    chips: ChipSet
    columns: Mapping[str, Float32]


@dataclass(frozen=True, eq=False)
class Run:
    """What became of a run. Its results lie in parts; `strips` reads them.

    Attributes:
        chips: what was run.
        store: the parts.
        keys: key of the part of each block, in order; empty where the block was lost.
        span: cells along the side of a block.
        widths: columns of the parts by name, with the length of their vectors.
        quarantined: the chips that could not be read, with the cause.
        reused: blocks taken from an earlier run.
        computed: blocks of this run.
        precisions: arithmetic of the blocks of this run, ``f32`` or ``bf16``; both where workers differ.
        seconds: time of this run.
        inputs: identity of every source file.
    """

    chips: Chips
    store: PartStore
    keys: tuple[str, ...]
    span: int
    widths: Mapping[str, int]
    quarantined: tuple[Quarantined, ...]
    reused: int
    computed: int
    precisions: tuple[str, ...]
    seconds: float
    inputs: tuple[FileIdentity, ...]

    def strips(self) -> Iterator[ScoredStrip]:
        """One row of blocks after the other, from south to north."""
        keys = iter(self.keys)
        for strip in self.chips.strips(self.span):
            blocks = sum(1 for _ in blocks_of_strip(strip, self.span))
            tables = [self.store.read(key) for key in islice(keys, blocks) if key]
            yield ScoredStrip(strip, {name: column_of(strip, tables, name, k) for name, k in self.widths.items()})


@dataclass(frozen=True, eq=False)
class Scores:
    """A run with all its results in memory, for training and judging.

    Attributes:
        run: what became of it.
        probabilities: float32 (n, classes); NaN where the chip was quarantined.
        features: float32 (n, d) or None; NaN likewise.
    """

    run: Run
    probabilities: Float32
    features: Float32 | None

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The chips that could not be read, with the cause."""
        return self.run.quarantined

    @property
    def inputs(self) -> tuple[FileIdentity, ...]:
        """Identity of every source file."""
        return self.run.inputs


def column_of(chips: ChipSet, tables: list[pa.Table], name: str, width: int) -> Float32:
    """A column of some parts in the order of the chips: float32 (n, width), NaN where there is no line."""
    values = np.full((len(chips), width), np.nan, np.float32)
    numbers = cell_numbers(chips.rows, chips.cols)
    order = np.argsort(numbers)
    for table in tables:
        lines = cell_numbers(numbers_of(table["row"]), numbers_of(table["col"]))
        flat = numbers_of(table[name].combine_chunks().flatten())
        values[order[np.searchsorted(numbers, lines, sorter=order)]] = flat.reshape(-1, width)
    return values


def cell_numbers(rows: IntArray, cols: IntArray) -> IntArray:
    """A number for each cell of a strip that no other cell of it has."""
    return rows * 2**32 + cols
