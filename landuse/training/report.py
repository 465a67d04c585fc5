"""What is said of a training: in the model file, in its card, in tables of settings that were tried, and of its epochs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from landuse.evaluation.plots import new_figure, save_figure
from landuse.evaluation.predictions import Predictions
from landuse.grid import IntArray
from landuse.models.bundle import Bundle, shipped_bundles
from landuse.models.heads import Head
from landuse.models.libraries import Floats
from landuse.models.manifest import spec_of
from landuse.options.training import Measure, TrainOptions
from landuse.outputs.tables import write_csv
from landuse.text import counted
from landuse.training.calibration import log_loss
from landuse.training.fitting import Fitted
from landuse.training.sample_marks import FIELD, SampleMarks
from landuse.training.samples import Samples
from landuse.training.split import Split

MOST_CLASSES = 100
"""Classes that the card counts; the model file counts all."""
LISTED = 1000
"""Skipped samples that the model file names; all are counted."""
MEASURES: tuple[Measure, ...] = get_args(Measure)


def head_report(fitted: Fitted, samples: Samples, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the head: how it was fitted, and of several labels the threshold of each class."""
    limits = fitted.head.thresholds
    own = {
        "logistic": ("fit_with", "regularisation", "reg_param", "elastic_net", "max_iter"),
        "dense": ("hidden", "dropout", "max_iter"),
        "forest": ("trees", "depth"),
    }[options.head]
    return {
        "head": {"kind": options.head, **{name: getattr(options, name) for name in own}, **_size(fitted.head)},
        "multi_label": samples.multi,
        "thresholds": None if limits is None else dict(zip(samples.legend.names, map(float, limits), strict=True)),
        "history": list(fitted.history),
    }


def _size(head: Head) -> dict[str, int]:
    nodes = spec_of(head).nodes
    return {"numbers": sum(a.size for a in head.arrays().values())} | ({"nodes": nodes} if nodes else {})


def training_report(samples: Samples, parts: Split, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the data."""
    fitted = parts.train if parts.kind == "given" else np.ones(len(samples), bool)
    learnt = {} if samples.marks is None else {FIELD: SampleMarks(samples.marks[fitted]).as_dict()}
    counts = dict(zip(samples.legend.names, samples.members.sum(axis=0).tolist(), strict=True))
    return {
        "samples": len(samples),
        "held_out": int(parts.test.sum()),
        "split": parts.report()
        | {"block_m": options.block_m, "buffer_m": options.buffer_m, "group_by": options.group_by},
        "balance": options.balance,
        "class_weights": dict(options.class_weights),
        "soft_labels": options.soft_labels,
        "regularisation": options.regularisation,
        "digest": samples.digest,
        "classes": counts,
        "skipped": list(samples.skipped[:LISTED]),
        "skipped_count": len(samples.skipped),
        "ignored_labels": dict(list(samples.ignored.items())[:LISTED]),
        **learnt,
    }


def trained_card(bundle: Bundle, backbone: str) -> str:
    """The card of a trained model, Markdown."""
    name = Path(backbone).name
    tuned = ", layers of which learnt on" if "fine_tuning" in bundle.training else ""
    parts = (
        f"# {bundle.name}",
        f"A head for {counted(len(bundle.legend), 'class', 'classes')}, trained with `landuse train` on the backbone "
        f"`{name}`{tuned}.",
        "## Data\n\n" + "\n".join(f"- {line}" for line in _data(bundle)),
        "## Figures\n\n" + _figures(bundle),
        "## Licence\n\n" + _licence(name),
    )
    return "\n\n".join(parts) + "\n"


def _data(bundle: Bundle) -> list[str]:
    said: Mapping[str, Any] = bundle.training
    counts = list(said["classes"].items())
    lines = [
        f"{counted(said['samples'], 'sample')}, {said['held_out']:,} of them held back for the figures, "
        f"{said['skipped_count']:,} more could not be used",
        f"digest {said['digest']}",
        f"legend {bundle.legend.name}" + (f" ({bundle.legend.source})" if bundle.legend.source else ""),
        "samples of each class: " + ", ".join(f"{name} {count:,}" for name, count in counts[:MOST_CLASSES]),
    ]
    return [" ".join(line.split()) for line in lines]


def _figures(bundle: Bundle) -> str:
    found = [
        f"- {name.replace('_', ' ')}: {value:.3f}" for name, value in bundle.metrics.items() if isinstance(value, float)
    ]
    if not found:
        return "None: no samples were held back."
    said: Mapping[str, Any] = bundle.training
    return (
        f"Of samples that a head like this one had not learnt from (split: {said['split']['kind']}):\n\n"
        + "\n".join(found)
    )


def _licence(backbone: str) -> str:
    if backbone in shipped_bundles():
        base = f"The backbone ships with landuse under the MIT licence; `landuse models {backbone}` prints its card."
    else:
        base = "The licence of the backbone's weights is that of their origin."
    return f"{base} The licence of the samples and their labels is not recorded: state it here before this model is passed on."


@dataclass(frozen=True)
class FoldScore:
    """How a setting did on one fold: samples judged, the measures, and the seconds that the fit took."""

    samples: int
    accuracy: float
    f1: float
    log_loss: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A setting with its score on each fold."""

    setting: Mapping[str, Any]
    scores: tuple[FoldScore, ...]

    def mean(self, measure: str) -> float:
        """Mean of a measure over the folds, each weighing as many samples as it has."""
        return float(np.average([getattr(s, measure) for s in self.scores], weights=[s.samples for s in self.scores]))

    def spread(self, measure: str) -> float:
        """Standard deviation of a measure over the folds."""
        return float(np.std([getattr(s, measure) for s in self.scores]))


def write_trials(path: Path, trials: Sequence[Trial]) -> None:
    """Write a line a trial, best first: rank, setting, mean and spread of each measure, seconds of all its fits."""
    names = list(trials[0].setting)
    rows = []
    for rank, trial in enumerate(trials, 1):
        values = [_text(trial.setting[name]) for name in names]
        scores = [f"{f(m):.6f}" for m in MEASURES for f in (trial.mean, trial.spread)]
        rows.append([rank, *values, *scores, len(trial.scores), f"{sum(s.seconds for s in trial.scores):.2f}"])
    write_csv(path, ["rank", *names, *(f"{m}{s}" for m in MEASURES for s in ("", "_sd")), "folds", "seconds"], rows)


def write_folds(path: Path, trial: Trial) -> None:
    """Write a line a fold of a trial: its samples, its measures, and the seconds of its fit."""
    rows = (
        [number, score.samples, *(f"{getattr(score, measure):.6f}" for measure in MEASURES), f"{score.seconds:.2f}"]
        for number, score in enumerate(trial.scores, 1)
    )
    write_csv(path, ["fold", "samples", *MEASURES, "seconds"], rows)


def _text(value: Any) -> str:  # noqa: ANN401
    return json.dumps(value) if isinstance(value, Mapping) else str(value)


@dataclass(frozen=True)
class Epoch:
    """An epoch; number 0 is the head on the frozen backbone, before the first step.

    Attributes:
        loss: mean weighted cross-entropy of its steps, None for 0.
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
    found = Predictions(tuple(names), labels, probabilities.argmax(axis=1)).figures()
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
    rows = ([f"{v:.6g}" if isinstance(v, float) else v for v in asdict(epoch).values()] for epoch in history)
    write_csv(path, [field.name for field in fields(Epoch)], rows)


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
