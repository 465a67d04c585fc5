"""`report.txt` and `confusion.png`: an evaluation for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.accuracy.metrics import Metrics

WIDEST_NAME = 28
MOST_NUMBERS = 25
"""Classes up to which every cell of the picture carries its numbers."""
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


def report_text(found: Metrics) -> str:
    """The figures as text: overall, then a line a class (with its producer's and user's accuracy)."""
    values = found.as_dict()
    lines = [f"{found.n:,} rows", ""]
    lines += [f"{name:<24} {_figure(values[name])}   {words}" for name, words in FIGURES.items()]
    width = max([len("class"), *(min(len(name), WIDEST_NAME) for name in found.per_class)])
    lines += ["", f"{'class':<{width}}  user's   producer's  F1       support"]
    for name, c in found.per_class.items():
        short = textwrap.shorten(name, WIDEST_NAME, placeholder="…") or name[:WIDEST_NAME]
        lines.append(
            f"{short:<{width}}  {_figure(c.precision)}   {_figure(c.recall)}      {_figure(c.f1)}   {c.support:,}"
        )
    lines += [
        "",
        "User's accuracy (precision): of what is mapped as the class, the share that is.",
        "Producer's accuracy (recall): of what is the class, the share that is mapped as such. A dash is undefined.",
        "These are shares of the rows given; where they are not drawn as the map is, they are not the accuracy of the map.",
    ]
    return "\n".join(lines) + "\n"


def plot_confusion(path: Path, names: Sequence[str], matrix: npt.NDArray[np.int64], title: str) -> None:
    """Draw a confusion matrix: colour and per cent are shares of a row (the reference class), with the counts below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    classes = len(names)
    side = float(np.clip(2.6 + 0.75 * classes, 4.5, 16))
    figure = Figure(figsize=(side + 1.2, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    support = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, support, out=np.zeros(matrix.shape), where=support > 0)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    labels = [textwrap.fill(_plain(name), 14) for name in names]
    axes.set_xticks(range(classes), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(classes), labels, fontsize=8)
    axes.set(xlabel="predicted", ylabel="reference", title=title)
    if classes <= MOST_NUMBERS:
        _write_numbers(axes, matrix, share)
    figure.colorbar(image, label="share of the reference class", shrink=0.8)
    figure.savefig(path, metadata={"Software": None})


def _write_numbers(axes: Any, matrix: npt.NDArray[np.int64], share: npt.NDArray[np.float64]) -> None:  # noqa: ANN401
    size = float(np.clip(96 / len(matrix), 4.5, 9))
    for (row, col), count in np.ndenumerate(matrix):
        if count:
            ink = "white" if share[row, col] > 0.6 else "black"
            text = f"{share[row, col]:.0%}\n{count:,}"
            axes.text(col, row, text, ha="center", va="center", fontsize=size, color=ink)


def _plain(name: str) -> str:
    """A name that matplotlib does not take for mathematics."""
    return name.replace("$", r"\$")


def _figure(value: float | None) -> str:
    return "  -   " if value is None else f"{value:6.4f}"
