"""Tables of a comparison for people: what each class gained and lost, and the first sites."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from landuse.change.site_file import HEADER as SITE_HEADER
from landuse.change.transitions import CrossTable
from landuse.legend import Legend
from landuse.outputs.spreadsheet import safe_cell
from landuse.outputs.tables import Table, Value

CLASS_HEADER = ("class", "before_ha", "gained_ha", "lost_ha", "net_ha", "swap_ha", "share_per_year")
MOST_SITES = 1_000
"""Sites in the workbook, the surest first; `sites.csv` has all of them."""


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


def site_table(path: Path) -> Table:
    """The first lines of `sites.csv`."""
    with path.open(encoding="utf8", newline="") as stream:
        rows = [[_value(cell) for cell in row] for row in islice(csv.reader(stream), 1, MOST_SITES + 1)]
    return SITE_HEADER, rows


def _value(cell: str) -> Value:
    """A cell of a CSV as a number where it is one."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if math.isfinite(number) else cell
