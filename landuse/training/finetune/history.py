"""Epochs: the learning rate of each step, and what each epoch gave, as a table and as a picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from landuse.evaluation.metrics import metrics
from landuse.evaluation.plots import new_figure, save_figure
from landuse.grid import IntArray
from landuse.models.arrays import Floats
from landuse.training.calibration import log_loss

WARM_UP = 0.1
"""Share of all steps in which the rate grows."""


@dataclass(frozen=True)
class Epoch:
    """An epoch; number 0 is the head on the frozen backbone, before the first step.

    Attributes:
        epoch: its number.
        learning_rate: of its last step.
        loss: mean weighted cross-entropy of its steps, None for 0.
        val_loss: mean log loss on the validation samples.
        val_accuracy, val_f1, val_precision, val_recall: on them, weighted by the classes' samples.
        seconds: how long it took.
    """

    epoch: int
    learning_rate: float
    loss: float | None
    val_loss: float
    val_accuracy: float
    val_f1: float
    val_precision: float
    val_recall: float
    seconds: float


def validated(labels: IntArray, probabilities: Floats, names: Sequence[str]) -> dict[str, float]:
    """The figures of an epoch on its validation samples, by the names of `Epoch`."""
    texts = np.array(names, dtype=object)
    found = metrics(texts[labels], texts[probabilities.argmax(axis=1)], tuple(names))
    return {
        "val_loss": log_loss(labels, probabilities),
        "val_accuracy": found.accuracy or 0.0,
        "val_f1": found.f1 or 0.0,
        "val_precision": found.precision or 0.0,
        "val_recall": found.recall or 0.0,
    }


def best_of(history: Sequence[Epoch]) -> Epoch:
    """The epoch of the least validation loss; the earliest of equals."""
    return min(history, key=lambda epoch: epoch.val_loss)


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write a line an epoch."""
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(Epoch)])
        for epoch in history:
            writer.writerow(
                ["" if v is None else v if isinstance(v, int) else f"{v:.6g}" for v in asdict(epoch).values()]
            )


def plot_history(path: Path, history: Sequence[Epoch], title: str) -> None:
    """Draw the losses, and the figures on the validation samples, over the epochs."""
    figure = new_figure(9, 4)
    losses, scores = figure.subplots(1, 2)
    epochs, best = [e.epoch for e in history], best_of(history).epoch
    losses.plot(epochs, [np.nan if e.loss is None else e.loss for e in history], "o-", markersize=3, label="training")
    losses.plot(epochs, [e.val_loss for e in history], "s-", markersize=3, label="validation")
    losses.set(xlabel="epoch", ylabel="log loss", title=title)
    for name, style in (("val_f1", "o-"), ("val_precision", "s--"), ("val_recall", "^:")):
        values = [getattr(e, name) for e in history]
        scores.plot(epochs, values, style, markersize=3, label=name.removeprefix("val_").replace("f1", "F1"))
    scores.set(xlabel="epoch", title="validation, weighted by class")
    for axes in (losses, scores):
        axes.axvline(best, color="0.6", linewidth=1, label=f"kept: epoch {best}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color="0.9")
        axes.legend(fontsize=8)
    save_figure(figure, path)


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017, without restarts).

    Attributes:
        peak: the rate at its height.
        steps: of the whole training.
    """

    peak: float
    steps: int

    def rate(self, step: int) -> float:
        """The rate of a step; the first is 0."""
        warm = max(1, round(WARM_UP * self.steps))
        if step < warm:
            return self.peak * (step + 1) / warm
        return self.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))
