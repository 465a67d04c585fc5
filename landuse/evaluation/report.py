"""An evaluation for people: `report.txt`, and its tables as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.evaluation.bootstrap import Bootstrap, Interval
from landuse.evaluation.metrics import Metrics
from landuse.evaluation.predictions import BinaryCounts, Judged
from landuse.evaluation.scores import CurvePoints
from landuse.outputs.tables import safe_cell, write_csv
from landuse.text import counted

MOST_POINTS = 200
"""Points of a curve that are written and drawn: a table of a million rows would give a million."""
CURVE_HEADER = ("class", "threshold", "recall", "false_positive_rate", "precision")
WIDEST_NAME = 28
WIDEST_LINE = 100
FIGURES = {
    "accuracy": "share of rows that are right",
    "kappa": "agreement beyond chance",
    "f1": "mean F1, weighted by support",
    "precision": "mean precision, weighted by support",
    "recall": "mean recall, weighted by support",
    "roc_auc": "mean one-vs-rest area under the ROC curve",
    "quantity_disagreement": "wrong because class totals differ",
    "allocation_disagreement": "wrong although totals agree",
    "ece": "mean distance of confidence and accuracy",
}
MULTI_LABEL = {
    "hamming_loss": "share of rows and classes that are wrong",
    "jaccard": "mean share of the labels of either side that both have",
    "micro_precision": "share of all labels given that are right",
    "micro_recall": "share of all labels that are found",
    "micro_f1": "harmonic mean of the two",
}
ONE_CLASS = ("kappa", "quantity_disagreement", "allocation_disagreement")
"""Figures that rows of several classes do not have."""
NOTES = (
    "User's accuracy (precision): of what is mapped as the class, the share that is.",
    "Producer's accuracy (recall): of what is the class, the share that is mapped as such. A dash is undefined.",
    "These are shares of the rows given; where they are not drawn as the map is, they are not the accuracy of the map.",
)


def write_confusion(path: Path, names: Sequence[str], matrix: npt.NDArray[np.int64]) -> None:
    """Write counts with a header; a line a reference class, a column a predicted class."""
    safe = [safe_cell(name) for name in names]
    write_csv(path, ["label", *safe], ([name, *counts] for name, counts in zip(safe, matrix.tolist(), strict=True)))


def write_binary(path: Path, names: Sequence[str], counts: BinaryCounts) -> None:
    """Write a line a class: the 2 x 2 matrix of the class against the rest."""
    columns = (counts.tp.tolist(), counts.fn.tolist(), counts.fp.tolist(), counts.tn.tolist())
    write_csv(path, ["label", "tp", "fn", "fp", "tn"], zip(map(safe_cell, names), *columns, strict=True))


def write_curves(path: Path, rows: Judged) -> None:
    """Write the points of the ROC and precision-recall curves of each class, thinned; an empty cell is undefined.

    The first point of a class has no threshold: it is the one above all scores, where nothing is predicted.
    """
    write_csv(path, CURVE_HEADER, _curve_lines(rows))


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


@dataclass(frozen=True)
class ReportParts:
    """What a report may say besides the figures.

    Attributes:
        extra: content of `extra.json`.
        groups: figures of the same rows in coarser classes.
        intervals: how sure the figures are.
        skipped: how many rows, or classes of them, were left out.
        caution: what a reader must know before the figures, a sentence; empty where nothing is.
    """

    extra: dict[str, Any] | None = None
    groups: Metrics | None = None
    intervals: Bootstrap | None = None
    skipped: int = 0
    caution: str = ""


def report_text(found: Metrics, parts: ReportParts | None = None) -> str:
    """The figures as text: overall, then a line a class (with its producer's and user's accuracy), then what else there is."""
    parts = parts or ReportParts()
    multi = bool(parts.extra and parts.extra["multi_label"])
    skipped = f" ({counted(parts.skipped, 'entry', 'entries')} left out; run.json says why)" if parts.skipped else ""
    lines = [f"{counted(found.n, 'row')}{' of several labels each' if multi else ''}{skipped}", ""]
    lines += [*textwrap.wrap(f"Caution: {parts.caution}", WIDEST_LINE), ""] if parts.caution else []
    lines += _overall(found, parts, multi)
    lines += ["", *_class_lines(found)]
    if parts.groups is not None:
        lines += [
            "",
            f"The same rows in {counted(len(parts.groups.per_class), 'group')}",
            "",
            *_class_lines(parts.groups),
        ]
    if parts.intervals is not None:
        lines += ["", _intervals_note(parts.intervals)]
    return "\n".join([*lines, "", *NOTES]) + "\n"


def _overall(found: Metrics, parts: ReportParts, multi: bool) -> list[str]:
    """A line a figure: its value, its interval, that of the groups, and what it is."""
    values, groups = found.as_dict(), parts.groups.as_dict() if parts.groups else None
    gap = 27 if parts.intervals else 9
    lines = [f"{'':<24} {'classes':<{gap}}groups"] if groups else []
    for name, words in FIGURES.items():
        if multi and name in ONE_CLASS:
            continue
        cells = [figure_text(values[name])]
        cells += [_interval_text(parts.intervals.figures[name])] if parts.intervals else []
        cells += [figure_text(groups[name])] if groups else []
        said = "share of rows whose labels are all right" if multi and name == "accuracy" else words
        lines.append(f"{name:<24} {'   '.join(cells)}   {said}")
    top = (parts.extra or {}).get("top_k") or {}
    lines += [
        f"{f'top {k}':<24} {figure_text(v)}   share of rows whose class is among the {k} most probable"
        for k, v in top.items()
        if k != "1"
    ]
    several = (parts.extra or {}).get("several_labels") or {}
    return lines + [f"{name:<24} {figure_text(v)}   {MULTI_LABEL[name]}" for name, v in several.items()]


def _class_lines(found: Metrics) -> list[str]:
    """A header and a line a class."""
    names = {name: short_name(name) for name in found.per_class}
    width = max([len("class"), *map(len, names.values())])
    lines = [f"{'class':<{width}}  user's   producer's  F1       support"]
    for name, c in found.per_class.items():
        cells = f"{figure_text(c.precision)}   {figure_text(c.recall)}      {figure_text(c.f1)}   {c.support:,}"
        lines.append(f"{names[name]:<{width}}  {cells}")
    return lines


def _intervals_note(found: Bootstrap) -> str:
    if found.units < 2:
        return f"No intervals: there is only {found.units} {found.unit} to draw from."
    few = " So few units make the intervals too narrow." if found.units < 20 else ""
    return (
        f"Square brackets: {found.confidence:.0%} intervals from {counted(found.resamples, 'resample')} of "
        f"{found.units:,} units ({found.unit}).{few}"
    )


def short_name(name: str) -> str:
    """A class name on one line of a report."""
    shown = "".join(c if c.isprintable() else " " for c in name)
    return textwrap.shorten(shown, WIDEST_NAME, placeholder="…") or shown.strip()[:WIDEST_NAME]


def figure_text(value: float | None) -> str:
    """A figure in six signs; a dash where it is undefined."""
    return "  -   " if value is None else f"{value:6.4f}"


def _interval_text(found: Interval) -> str:
    return "[  -       -  ]" if found.low is None or found.high is None else f"[{found.low:.4f} {found.high:.4f}]"
