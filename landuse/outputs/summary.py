"""`summary.csv`: how much of the map each class covers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.legend import MOST_CODE, CodeArray, Legend
from landuse.outputs.tables import Table, plain_text, safe_cell, write_parquet

HEADER = ("class", "chips", "area_ha", "share")


@dataclass(frozen=True)
class ClassArea:
    """One line: class name, number of chips, hectares on the ellipsoid, share of the mapped area (0 to 1)."""

    name: str
    chips: int
    area_ha: float
    share: float


class Totals:
    """Chips and hectares of each class code, counted as a map comes by."""

    def __init__(self) -> None:
        self._chips = np.zeros(MOST_CODE + 1, np.int64)
        self._areas = np.zeros(MOST_CODE + 1)

    def add(self, codes: CodeArray, areas_ha: npt.NDArray[np.float64]) -> None:
        """Count cells: their class codes (n,), 0 = no data, and their areas in hectares (n,)."""
        self._chips += np.bincount(codes, minlength=MOST_CODE + 1)
        self._areas += np.bincount(codes, weights=areas_ha, minlength=MOST_CODE + 1)

    def lines(self, legend: Legend, mapped_ha: float | None = None) -> tuple[ClassArea, ...]:
        """One line for each class of the legend, in its order, those that do not occur included.

        Shares are of `mapped_ha`, or of what the classes cover together.
        """
        mapped = float(self._areas[list(legend.codes)].sum()) if mapped_ha is None else mapped_ha
        return tuple(
            ClassArea(c.name, int(self._chips[c.code]), float(self._areas[c.code]), self._share(c.code, mapped))
            for c in legend.classes
        )

    def _share(self, code: int, mapped: float) -> float:
        return float(self._areas[code]) / mapped if mapped else 0.0


def summarise(codes: CodeArray, areas_ha: npt.NDArray[np.float64], legend: Legend) -> tuple[ClassArea, ...]:
    """One line for each class of the legend, in its order, those that do not occur included.

    Args:
        codes: class code of each cell, shape (n,); 0 (no data) counts nowhere.
        areas_ha: area of each cell in hectares, shape (n,).
    """
    totals = Totals()
    totals.add(codes, areas_ha)
    return totals.lines(legend)


def summary_table(lines: tuple[ClassArea, ...]) -> Table:
    """The lines as a table; hectares to four decimals (a square metre), shares to six."""
    return HEADER, [(safe_cell(x.name), x.chips, round(x.area_ha, 4), round(x.share, 6)) for x in lines]


def write_summary(path: Path, lines: tuple[ClassArea, ...]) -> None:
    """Write the lines with a header as CSV, and as Parquet beside it."""
    write_parquet(path.with_suffix(".parquet"), summary_table(lines))
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((safe_cell(x.name), x.chips, f"{x.area_ha:.4f}", f"{x.share:.6f}") for x in lines)


def read_summary(path: Path) -> tuple[ClassArea, ...]:
    """Read what `write_summary` wrote.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no summary.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        with path.open(encoding="utf8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return tuple(
            ClassArea(plain_text(r["class"]), int(r["chips"]), float(r["area_ha"]), float(r["share"])) for r in rows
        )
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged: it is not the summary of a land-use map.") from error
