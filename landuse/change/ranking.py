"""The cells that most likely changed, the likeliest first: an answer where nothing is sure enough to be confirmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.comparison import Comparison
from landuse.change.pair import CellChanges, Floats
from landuse.chips.table_file import arrow_array, named_array, text_array
from landuse.grid import IntArray

FIRST = (10, 50, 200)
"""How far down the ranking it is said how many real changes are expected."""
MOST_RANKED = 2**18
"""Cells that are ranked: all of a small map, the likeliest of a large one."""
AT_ONCE = 2**15
COLUMNS = ("lines", "columns", "move", "probability", "change")


@dataclass(frozen=True, eq=False)
class Ranking:
    """n cells, the likeliest change first, in 22 bytes each.

    Attributes:
        lines, columns: int32 (n,) place in the image of the common ground.
        move: uint8 (n, 2) positions in the legend of the classes of the likeliest change.
        probability: float64 (n,) of that very change.
        change: float32 (n,) of any change.
        least: probability below which no further cell is ranked.
    """

    lines: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    move: npt.NDArray[np.uint8]
    probability: Floats
    change: npt.NDArray[np.float32]
    least: float = -1.0

    @classmethod
    def empty(cls) -> Ranking:
        """Of no cell."""
        nothing, none = np.empty(0, np.int32), np.empty(0)
        return cls(nothing, nothing, np.empty((0, 2), np.uint8), none, none.astype(np.float32))

    def __len__(self) -> int:
        return len(self.probability)

    def with_cells(self, places: tuple[IntArray, IntArray], cells: CellChanges) -> Ranking:
        """The same with cells more, by line and column, not yet in order; the least likely ones go where there are too many."""
        some = np.flatnonzero(cells.moved >= self.least)
        if not len(some):
            return self
        lines, columns = (side[some].astype(np.int32) for side in places)
        move, change = cells.move[some].astype(np.uint8), cells.change[some].astype(np.float32)
        new = Ranking(lines, columns, move, cells.moved[some], change)
        both = {name: np.concatenate([getattr(self, name), getattr(new, name)]) for name in COLUMNS}
        more = Ranking(**both, least=self.least)
        return more if len(more) <= 2 * MOST_RANKED else more.in_order()

    def in_order(self) -> Ranking:
        """The likeliest cells, the likeliest first, equal ones in image order."""
        order = np.lexsort((self.columns, self.lines, -self.probability))[:MOST_RANKED]
        first = self.part(order)
        return replace(first, least=float(first.probability[-1])) if len(self) >= MOST_RANKED else first

    def part(self, cells: IntArray | slice) -> Ranking:
        """Some of the cells."""
        return Ranking(**{name: getattr(self, name)[cells] for name in COLUMNS}, least=self.least)

    def expected(self) -> dict[str, float]:
        """How many real changes are expected among the first 10, 50 and 200 cells, as far as there are so many."""
        among = np.cumsum(self.probability)
        return {str(first): round(float(among[first - 1]), 4) for first in FIRST if first <= len(self)}


def write_ranking(path: Path, found: Comparison, ranking: Ranking) -> None:
    """Write `ranking.parquet`: chip_id, row, column (of the rasters), from, to, probability of that change, p_change of any."""
    writer = None
    for start in range(0, max(len(ranking), 1), AT_ONCE):
        table = _table(found, ranking.part(slice(start, start + AT_ONCE)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _table(found: Comparison, ranking: Ranking) -> pa.Table:
    names, lines, columns = found.legend.names, ranking.lines.astype(np.int64), ranking.columns.astype(np.int64)
    return pa.table(
        {
            "chip_id": text_array(found.chip_ids(lines, columns)),
            "row": arrow_array(lines),
            "column": arrow_array(columns),
            "from": named_array(names, ranking.move[:, 0]),
            "to": named_array(names, ranking.move[:, 1]),
            "probability": arrow_array(ranking.probability.astype(np.float32)),
            "p_change": arrow_array(ranking.change),
        }
    )
