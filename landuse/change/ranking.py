"""Every compared cell, the likeliest change first: an answer where nothing is sure enough to be confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.comparison import Comparison
from landuse.chips.arrow import arrow_array, named_array, text_array
from landuse.grid import IntArray

FIRST = (10, 50, 200)
"""How far down the ranking it is said how many real changes are expected."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """n cells, the likeliest change first.

    Attributes:
        lines, columns: place in the image of the common ground.
        move: (n, 2) positions in the legend of the classes of the likeliest change.
        probability: (n,) of that very change.
        change: (n,) of any change.
    """

    lines: IntArray
    columns: IntArray
    move: IntArray
    probability: Floats
    change: Floats

    def __len__(self) -> int:
        return len(self.probability)

    def expected(self) -> dict[str, float]:
        """How many real changes are expected among the first 10, 50 and 200 cells, as far as there are so many."""
        among = np.cumsum(self.probability)
        return {str(first): round(float(among[first - 1]), 4) for first in FIRST if first <= len(self)}


def ranking_of(found: Comparison) -> Ranking:
    """The cells of a comparison in order; none where a map has no probabilities."""
    if found.pair is None or found.cells is None:
        nothing, none = np.empty(0, np.int64), np.empty(0)
        return Ranking(nothing, nothing, np.empty((0, 2), np.int64), none, none)
    cells, pair = found.cells, found.pair
    order = np.argsort(-cells.moved, kind="stable")
    return Ranking(pair.lines[order], pair.columns[order], cells.move[order], cells.moved[order], cells.change[order])


def write_ranking(path: Path, found: Comparison, ranking: Ranking) -> None:
    """Write `ranking.parquet`: chip_id, row, column (of the rasters), from, to, probability of that change, p_change of any."""
    names = found.legend.names
    columns = {
        "chip_id": text_array(found.chip_ids(ranking.lines, ranking.columns)),
        "row": arrow_array(ranking.lines),
        "column": arrow_array(ranking.columns),
        "from": named_array(names, ranking.move[:, 0]),
        "to": named_array(names, ranking.move[:, 1]),
        "probability": arrow_array(ranking.probability.astype(np.float32)),
        "p_change": arrow_array(ranking.change.astype(np.float32)),
    }
    pq.write_table(pa.table(columns), path)
