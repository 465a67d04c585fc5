"""An evaluation's tables as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.evaluation.predictions import BinaryCounts, Judged
from landuse.evaluation.ranking import CurvePoints
from landuse.outputs.spreadsheet import safe_cell

MOST_POINTS = 200
"""Points of a curve that are written and drawn: a table of a million rows would give a million."""
CURVE_HEADER = ("class", "threshold", "recall", "false_positive_rate", "precision")


def write_confusion(path: Path, names: Sequence[str], matrix: npt.NDArray[np.int64]) -> None:
    """Write counts with a header; a line a reference class, a column a predicted class."""
    safe = [safe_cell(name) for name in names]
    _write(path, ["label", *safe], ([name, *counts] for name, counts in zip(safe, matrix.tolist(), strict=True)))


def write_binary(path: Path, names: Sequence[str], counts: BinaryCounts) -> None:
    """Write a line a class: the 2 x 2 matrix of the class against the rest."""
    columns = (counts.tp.tolist(), counts.fn.tolist(), counts.fp.tolist(), counts.tn.tolist())
    _write(path, ["label", "tp", "fn", "fp", "tn"], zip(map(safe_cell, names), *columns, strict=True))


def write_curves(path: Path, rows: Judged) -> None:
    """Write the points of the ROC and precision-recall curves of each class, thinned; an empty cell is undefined.

    The first point of a class has no threshold: it is the one above all scores, where nothing is predicted.
    """
    _write(path, CURVE_HEADER, _curve_lines(rows))


def thinned(points: CurvePoints, most: int = MOST_POINTS) -> CurvePoints:
    """At most `most` points, evenly spaced by rank, the first and the last among them."""
    count = len(points.threshold)
    if count <= most:
        return points
    kept = np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
    return CurvePoints(points.threshold[kept], points.recall[kept], points.false_rate[kept], points.precision[kept])


def _curve_lines(rows: Judged) -> Iterator[Sequence[str]]:
    for name, ranking in zip(rows.names, rows.rankings, strict=True):
        points, cell = thinned(ranking.points()), safe_cell(name)
        recall, false = ("" if np.isnan(x).any() else "0" for x in (points.recall, points.false_rate))
        yield cell, "", recall, false, ""
        columns = (points.threshold, points.recall, points.false_rate, points.precision)
        for values in zip(*(c.tolist() for c in columns), strict=True):
            yield cell, *("" if np.isnan(v) else f"{v:.6g}" for v in values)


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
