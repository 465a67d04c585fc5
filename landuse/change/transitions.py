"""`transitions.csv`: how many cells and hectares went from which class to which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.change.ground import CountedGround
from landuse.change.maps import ClassMap
from landuse.change.overlap import bands
from landuse.legend import UNMAPPED, CodeArray, Legend
from landuse.outputs.tables import Table, Value, read_csv, safe_cell, write_csv, write_parquet

NO_DATA = "(no data)"
HEADER = ("from", "to", "cells", "area_ha", "confirmed_cells", "confirmed_ha", "expected_ha")
"""Columns that are read back; `share` follows them."""
CLASS_HEADER = ("class", "before_ha", "gained_ha", "lost_ha", "net_ha", "swap_ha", "share_per_year")
CODES = 256

Floats = npt.NDArray[np.float64]
Codes = CodeArray


@dataclass(frozen=True)
class Transition:
    """One line: what both maps' labels say, what of it is confirmed, and what the model expects (None without one).

    Cells with a class in one map only are listed against ``(no data)``, so that the lines of a class add up to its cells in
    the earlier map, and those to a class to its cells in the later one.
    """

    before: str
    after: str
    cells: int
    area_ha: float
    confirmed_cells: int
    confirmed_ha: float
    expected_ha: float | None


@dataclass(frozen=True)
class CrossTable:
    """Cells and hectares of every pair of codes, (256, 256) each, rows the earlier map; code 0 is no data."""

    cells: npt.NDArray[np.int64]
    area_ha: Floats

    @classmethod
    def counted(cls, before: Codes, after: Codes, hectares: Floats) -> CrossTable:
        """Count and measure the pairs of two code images of one shape, (h, W)."""
        pair = (before.astype(np.intp) * CODES + after).ravel()
        cells = np.bincount(pair, minlength=CODES**2)
        area = np.bincount(pair, weights=hectares.ravel(), minlength=CODES**2).astype(np.float64)
        cells[0], area[0] = 0, 0.0
        return cls(cells.reshape(CODES, CODES), area.reshape(CODES, CODES))

    @classmethod
    def empty(cls) -> CrossTable:
        """Of no cell."""
        return cls(np.zeros((CODES, CODES), np.int64), np.zeros((CODES, CODES)))

    def __add__(self, other: CrossTable) -> CrossTable:
        return CrossTable(self.cells + other.cells, self.area_ha + other.area_ha)

    @property
    def compared_cells(self) -> int:
        """Cells with a class in both maps."""
        return int(self.cells[1:, 1:].sum())

    @property
    def compared_ha(self) -> float:
        """Their area in hectares."""
        return float(self.area_ha[1:, 1:].sum())


def lone_cells(land: ClassMap, shared: tuple[slice, slice], *, later: bool) -> CrossTable:
    """The cells of one map outside the ground that both share, against no data."""
    height, width = land.pixels.shape
    found, whole = CrossTable.empty(), (slice(0, height), slice(0, width))
    if shared == whole:
        return found
    ground = CountedGround(land.transform, land.crs, width, ((land.ground, whole),))
    for rows in bands(land.pixels.shape):
        outside = land.pixels.codes(rows, whole[1])
        outside[max(shared[0].start - rows.start, 0) : max(shared[0].stop - rows.start, 0), shared[1]] = UNMAPPED
        if outside.any():
            nothing = np.zeros_like(outside)
            pair = (nothing, outside) if later else (outside, nothing)
            found += CrossTable.counted(*pair, ground.hectares(rows))
    return found


def transitions(
    labels: CrossTable, confirmed: CrossTable, legend: Legend, expected_ha: Floats | None = None
) -> tuple[Transition, ...]:
    """The lines that are not empty, in legend order, those without data last.

    Args:
        labels: pairs of the two maps' labels.
        confirmed: pairs of the confirmed cells alone.
        legend: the common classes.
        expected_ha: (K, K) hectares that the model expects in every pair, in legend order.
    """
    names = [*legend.names, NO_DATA]
    codes = [*legend.codes, UNMAPPED]
    return tuple(_lines(names, codes, (labels, confirmed), expected_ha))


def _lines(
    names: Sequence[str], codes: Sequence[int], tables: tuple[CrossTable, CrossTable], expected_ha: Floats | None
) -> Iterator[Transition]:
    labels, confirmed = tables
    for i, (before, row) in enumerate(zip(names, codes, strict=True)):
        for j, (after, col) in enumerate(zip(names, codes, strict=True)):
            modelled = expected_ha is not None and UNMAPPED not in (row, col)
            expected = float(expected_ha[i, j]) if expected_ha is not None and modelled else None
            cells = int(labels.cells[row, col])
            if cells or (expected is not None and round(expected, 4) > 0):
                yield Transition(
                    before,
                    after,
                    cells,
                    float(labels.area_ha[row, col]),
                    int(confirmed.cells[row, col]),
                    float(confirmed.area_ha[row, col]),
                    expected,
                )


def transition_table(lines: Sequence[Transition]) -> Table:
    """The lines as a table; hectares to four decimals (a square metre), nothing where there is no model.

    `share` is that of the ground with a class in both maps.
    """
    compared = sum(line.area_ha for line in lines if NO_DATA not in (line.before, line.after))
    rows: list[Sequence[Value]] = []
    for line in lines:
        expected = None if line.expected_ha is None else round(line.expected_ha, 4)
        areas = line.cells, round(line.area_ha, 4), line.confirmed_cells, round(line.confirmed_ha, 4)
        share = None if NO_DATA in (line.before, line.after) or not compared else round(line.area_ha / compared, 8)
        rows.append((safe_cell(line.before), safe_cell(line.after), *areas, expected, share))
    return (*HEADER, "share"), rows


def write_transitions(path: Path, table: Table) -> None:
    """Write the table of lines as CSV, and as Parquet beside it."""
    header, rows = table
    write_parquet(path.with_suffix(".parquet"), table)
    write_csv(
        path, header, ([*map(_four_digits, named), None if share is None else f"{share:.8f}"] for *named, share in rows)
    )


def _four_digits(value: Value) -> Value:
    return f"{value:.4f}" if isinstance(value, float) else value


def read_transitions(path: Path) -> tuple[Transition, ...]:
    """Read what `write_transitions` wrote.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no table of transitions.
    """
    return tuple(read_csv(path, HEADER, "table of transitions", _read_line))


def _read_line(line: Mapping[str, str]) -> Transition:
    expected = line["expected_ha"]
    return Transition(
        line["from"],
        line["to"],
        int(line["cells"]),
        float(line["area_ha"]),
        int(line["confirmed_cells"]),
        float(line["confirmed_ha"]),
        float(expected) if expected else None,
    )


def class_table(labels: CrossTable, confirmed: CrossTable, legend: Legend, years: float | None) -> Table:
    """What each class gained and lost by confirmed change on the ground that both maps cover, in hectares.

    The swap is the part of gain and loss that cancels out (Pontius, Shusas and McEachern 2004). The rate a year is
    ln(after / before) / years (Puyravaud 2003), with the area after being that before plus the net change; nothing where the
    years are not known or the class was or is not there.
    """
    rows: list[Sequence[Value]] = []
    for one in legend.classes:
        before = float(labels.area_ha[one.code, 1:].sum())
        gained, lost = float(confirmed.area_ha[1:, one.code].sum()), float(confirmed.area_ha[one.code, 1:].sum())
        after = before + gained - lost
        rate = math.log(after / before) / years if years and before > 0 and after > 0 else None
        hectares = before, gained, lost, gained - lost, 2 * min(gained, lost)
        rows.append(
            (safe_cell(one.name), *(round(value, 4) for value in hectares), None if rate is None else round(rate, 8))
        )
    return CLASS_HEADER, rows
