"""An evaluation's pictures: confusion matrices, curves, reliability."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.evaluation.predictions import BinaryCounts, Judged
from landuse.evaluation.report import thinned
from landuse.evaluation.scores import Bin, Ranking

MOST_NUMBERS = 25
"""Classes up to which every cell of the matrix carries its numbers, and up to which a curve has an entry in the key."""
MOST_PANELS = 60
"""Small matrices in one picture."""
STYLES = ("-", "--", ":", "-.")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours for colour-blind readers, without the yellow that white paper swallows."""


def plot_confusion(path: Path, names: Sequence[str], matrix: npt.NDArray[np.int64], title: str) -> None:
    """Draw a confusion matrix: colour and per cent are shares of a row (the reference class), with the counts below."""
    classes = len(names)
    side = float(np.clip(2.6 + 0.75 * classes, 4.5, 16))
    figure = new_figure(side + 1.2, side)
    axes = figure.add_subplot()
    share = _row_shares(matrix)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    labels = [textwrap.fill(plain(name), 14) for name in names]
    axes.set_xticks(range(classes), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    empty = ["" if n else "\n(no sample)" for n in matrix.sum(axis=1).tolist()]
    axes.set_yticks(range(classes), [a + b for a, b in zip(labels, empty, strict=True)], fontsize=8)
    axes.set(xlabel="predicted", ylabel="reference", title=title)
    if classes <= MOST_NUMBERS:
        _write_numbers(axes, matrix, share, float(np.clip(96 / classes, 4.5, 9)))
    figure.colorbar(image, label="share of the reference class", shrink=0.8)
    save_figure(figure, path)


def plot_binary(path: Path, names: Sequence[str], counts: BinaryCounts, title: str) -> None:
    """Draw a 2 x 2 matrix a class (of the first 60, if there are more), as `plot_confusion` does."""
    shown = min(len(names), MOST_PANELS)
    columns = min(shown, 5)
    rows = -(-shown // columns)
    figure = new_figure(1.0 + 1.75 * columns, 1.2 + 1.85 * rows)
    for k in range(shown):
        axes = figure.add_subplot(rows, columns, k + 1)
        matrix = np.array([[counts.tp[k], counts.fn[k]], [counts.fp[k], counts.tn[k]]])
        share = _row_shares(matrix)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        _write_numbers(axes, matrix, share, 8)
        axes.set_xticks([0, 1], ["yes", "no"], fontsize=7)
        axes.set_yticks([0, 1], ["yes", "no"], fontsize=7)
        axes.set_title(textwrap.shorten(plain(names[k]), 20, placeholder="…") or plain(names[k])[:20], fontsize=9)
    left = "" if shown == len(names) else f"; the first {shown} of {len(names)} classes"
    figure.suptitle(f"{title}{left}", fontsize=10)
    figure.supxlabel("predicted", fontsize=9)
    figure.supylabel("reference", fontsize=9)
    save_figure(figure, path)


def plot_curves(path: Path, rows: Judged) -> None:
    """Draw the ROC and the precision-recall curve of each class that has any, with the areas below them in the key."""
    figure = new_figure(13.0, 5.2)
    roc, pr = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    roc.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    for k, (name, ranking) in enumerate(zip(rows.names, rows.rankings, strict=True)):
        style: dict[str, Any] = {
            "color": COLOURS[k % len(COLOURS)],
            "linewidth": 1.5,
            "linestyle": STYLES[k // len(COLOURS) % len(STYLES)],
        }
        _draw_curves(roc, pr, (plain(name), ranking, k < MOST_NUMBERS), style)
    roc.set(
        xlabel="false positive rate", ylabel="recall (true positive rate)", title="ROC, each class against the rest"
    )
    pr.set(xlabel="recall", ylabel="precision", title="Precision and recall, each class against the rest")
    for axes, key in ((roc, "area under the curve"), (pr, "average precision")):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.grid(color="#dddddd", linewidth=0.6)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(
                title=key, title_fontsize=7, fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False
            )
    save_figure(figure, path)


def _draw_curves(roc: Any, pr: Any, what: tuple[str, Ranking, bool], style: dict[str, Any]) -> None:  # noqa: ANN401
    name, ranking, named = what
    points = thinned(ranking.points())
    auc, average = ranking.auc(), ranking.average_precision()
    if auc is not None:
        label = f"{name}: {auc:.3f}" if named else None
        roc.plot([0.0, *points.false_rate], [0.0, *points.recall], label=label, **style)
    if average is not None:
        label = f"{name}: {average:.3f}" if named else None
        pr.step([0.0, *points.recall], [points.precision[0], *points.precision], where="pre", label=label, **style)


def plot_reliability(path: Path, bins: Sequence[Bin], error: float | None, *, multi: bool) -> None:
    """Draw how often a confidence was right, with the number of statements in each bin below."""
    figure = new_figure(5.4, 6.2)
    grid = figure.add_gridspec(2, 1, height_ratios=[3, 1])
    upper, lower = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    full = [b for b in bins if b.count]
    upper.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--", label="says what it means")
    upper.bar(
        [b.low for b in full], [b.accuracy or 0.0 for b in full], 1 / max(len(bins), 1), align="edge", color="#9ecae1",
        edgecolor="white",
    )  # fmt: skip
    upper.plot([b.confidence for b in full], [b.accuracy for b in full], "o-", color="#08519c", markersize=4)
    said = "undefined" if error is None else f"{error:.4f}"
    upper.set(ylabel="share that is so" if multi else "share that is right", title=f"Expected calibration error {said}")
    upper.legend(fontsize=8, loc="upper left", frameon=False)
    lower.bar([b.low for b in full], [b.count for b in full], 1 / max(len(bins), 1), align="edge", color="#bbbbbb")
    lower.set(xlabel="probability given" if multi else "confidence", ylabel="rows and classes" if multi else "rows")
    for axes in (upper, lower):
        axes.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    save_figure(figure, path)


def plain(name: str, longest: int = 40) -> str:
    """A name that matplotlib does not take for mathematics, without signs that cannot be drawn, and not endless."""
    shown = "".join(c if c.isprintable() else " " for c in name)
    return (shown if len(shown) <= longest else shown[: longest - 1] + "…").replace("$", r"\$")


def _row_shares(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    support = matrix.sum(axis=1, keepdims=True)
    share: npt.NDArray[np.float64] = np.divide(matrix, support, out=np.zeros(matrix.shape), where=support > 0)
    return share


def _write_numbers(
    axes: Any,  # noqa: ANN401
    matrix: npt.NDArray[np.int64],
    share: npt.NDArray[np.float64],
    size: float,
) -> None:
    for (row, col), count in np.ndenumerate(matrix):
        if count:
            ink = "white" if share[row, col] > 0.6 else "black"
            text = f"{share[row, col]:.0%}\n{count:,}"
            axes.text(col, row, text, ha="center", va="center", fontsize=size, color=ink)


def new_figure(width: float, height: float) -> Any:  # noqa: ANN401
    """A figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:  # noqa: ANN401
    """Write a figure as PNG, the same bytes for the same figure."""
    figure.savefig(path, metadata={"Software": None})
