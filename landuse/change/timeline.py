"""`timeline.parquet`: what became of each cell over three and more maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from landuse.change.chain import Chain, flickers
from landuse.change.comparison import blocks_of
from landuse.change.series import Looks, Series
from landuse.chips.table_file import arrow_array, named_array, text_array
from landuse.grid import IntArray, chip_ids


def write_timeline(path: Path, series: Series) -> dict[str, int]:
    """Write `timeline.parquet`, a row for each cell that changed or flickered, and count them.

    Columns: chip_id, row and column in the first map, class in each survey by the likeliest story, changes (how many), first
    and last survey of the interval of its likeliest change, its probability, flicker (labels that leave and come back while
    the land, by the story, did not).
    """
    counts, writer = {"changed": 0, "flickering": 0}, None
    for window in blocks_of(series.maps[0].pixels.shape):
        table = _stories(series, *series.over(window), counts)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return counts


def _stories(series: Series, looks: Looks, chain: Chain, counts: dict[str, int]) -> pa.Table:
    """The rows of some cells, which are added to `counts`."""
    path_of = chain.path()
    off = np.stack([1 - np.trace(step, axis1=1, axis2=2) for step in chain.steps()], axis=1)
    changes, flicker = (np.diff(path_of, axis=1) != 0).sum(axis=1), flickers(path_of, looks.labels)
    some = np.flatnonzero((changes > 0) | flicker)
    when = off[some].argmax(axis=1)
    names = [land.name for land in series.maps]
    counts["changed"] += int((changes > 0).sum())
    counts["flickering"] += int(flicker.sum())
    return pa.table(
        {
            "chip_id": text_array(_chips(series, looks, some)),
            "row": arrow_array(looks.lines[some]),
            "column": arrow_array(looks.columns[some]),
            **{
                f"class_{name}": named_array(series.maps[0].legend.names, path_of[some, t])
                for t, name in enumerate(names)
            },
            "changes": arrow_array(changes[some].astype(np.int64)),
            "after": named_array(names, np.where(changes[some] > 0, when, -1)),
            "until": named_array(names, np.where(changes[some] > 0, when + 1, -1)),
            "probability": arrow_array(off[some, when].astype(np.float32)),
            "flicker": arrow_array(flicker[some]),
        }
    )


def _chips(series: Series, looks: Looks, some: IntArray) -> list[str]:
    land = series.maps[0]
    if land.grid is None:
        return [""] * len(some)
    rows = round(land.transform.f / land.grid.side) - 1 - looks.lines[some]
    cols = round(land.transform.c / land.grid.side) + looks.columns[some]
    return [str(name) for name in chip_ids(rows, cols).tolist()]
