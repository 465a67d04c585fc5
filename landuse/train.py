"""`train`: a model from labelled chips or class folders, by a frozen backbone and a multinomial logistic head."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.accuracy.metrics import metrics
from landuse.bundle import Bundle, read_bundle, write_bundle
from landuse.errors import OutputExistsError, UsageError
from landuse.legend import load_legend
from landuse.models.heads import LogisticHead, balanced_weights, calibrate, fit_logistic
from landuse.scoring import ScoreSettings
from landuse.training.backbone import backbone_bundle
from landuse.training.samples import Samples, SampleSettings, read_samples
from landuse.training.split import hold_out

SUFFIX = ".landuse"


@dataclass(frozen=True)
class TrainOptions:
    """What a user may choose.

    Attributes:
        backbone: name of a backbone, or a model file whose backbone serves.
        weights: ``imagenet``, ``random`` or a file; None takes the backbone's own.
        legend: legend name or file for class folders; None makes one of the folder names.
        min_purity: least share of a chip under its label.
        holdout: share of the samples held back to calibrate and to measure.
        regularisation: inverse strength of the head's L2 penalty.
        balance: whether every class weighs the same.
        master: Spark master, or ``inline``.
        seed: of the split and of random weights.
        fresh: replace an existing model file.
    """

    backbone: str = "builtin"
    weights: str | None = None
    legend: str | None = None
    min_purity: float = 0.0
    holdout: float = 0.2
    regularisation: float = 0.01
    balance: bool = True
    master: str = "inline"
    seed: int = 0
    fresh: bool = False


def train(data: Sequence[Path], out: Path, options: TrainOptions) -> Bundle:
    """Train a head on the features of a frozen backbone and write the model file.

    The head is fitted on the larger part, calibrated and measured on the part held back (whole squares of 8 x 8 chips, so
    that few neighbours tell), then fitted again on everything with that calibration.

    Args:
        data: folders of `tile --labels`, or one folder of class folders.
        out: the ``.landuse`` file to write.
        options: backbone, split and place.

    Returns:
        The model as written.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given.
        UsageError: fewer than two classes.
    """
    check_out(out, options)
    base = backbone_bundle(options.backbone, options.weights, options.seed)
    with tempfile.TemporaryDirectory(prefix="landuse-") as scratch:
        model = Path(scratch) / f"backbone{SUFFIX}"
        write_bundle(base, model)
        legend = load_legend(options.legend) if options.legend else None
        score = ScoreSettings(model, options.master, features=True)
        samples = read_samples(data, SampleSettings(score, legend, options.min_purity, Path(scratch) / "parts"))
    bundle = fit(samples, replace(base, name=out.stem), options)
    write_bundle(bundle, out)
    return read_bundle(out)


def check_out(out: Path, options: TrainOptions) -> None:
    """Raise unless `out` is a model file that may be written."""
    if out.suffix != SUFFIX:
        raise UsageError(f"A model file ends in {SUFFIX}: give --out {out.with_suffix(SUFFIX)}.")
    if out.exists() and not options.fresh:
        raise OutputExistsError(f"{out} exists; give another --out, or --fresh to replace it.")
    out.parent.mkdir(parents=True, exist_ok=True)


def fit(samples: Samples, base: Bundle, options: TrainOptions) -> Bundle:
    """The bundle whose head knows the samples, with its honest figures."""
    position = class_positions(samples)
    if len(np.unique(position)) < 2:
        raise UsageError("All samples are of one class, so there is nothing to tell apart.")
    held = hold_out(position, samples.groups, options.holdout, options.seed)
    head = fit_head(samples, position, ~held, options)
    figures: dict[str, Any] = {}
    temperature = 1.0
    if held.any():
        head = calibrate(head, samples.features[held], position[held])
        temperature = head.temperature
        figures = held_out_figures(head, samples, position, held)
    final = replace(fit_head(samples, position, np.ones(len(samples), bool), options), temperature=temperature)
    counts = {
        name: int((samples.labels == code).sum())
        for code, name in zip(samples.legend.codes, samples.legend.names, strict=True)
    }
    training: dict[str, Any] = {
        "samples": len(samples),
        "held_out": int(held.sum()),
        "digest": samples.digest,
        "classes": counts,
        "skipped": list(samples.skipped),
    }
    return replace(base, head=final, legend=samples.legend, training=training, metrics=figures)


def class_positions(samples: Samples) -> npt.NDArray[np.int64]:
    """Position of each sample's class in the legend, int64 (n,)."""
    table = np.zeros(256, np.int64)
    table[list(samples.legend.codes)] = np.arange(len(samples.legend))
    return table[samples.labels]


def fit_head(
    samples: Samples, position: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], options: TrainOptions
) -> LogisticHead:
    """A logistic head on the chosen samples, every class of the same weight if asked."""
    labels, classes = position[chosen], len(samples.legend)
    weight = balanced_weights(labels, classes) if options.balance else None
    return fit_logistic(
        samples.features[chosen], labels, class_count=classes, sample_weight=weight, C=options.regularisation
    )


def held_out_figures(
    head: LogisticHead, samples: Samples, position: npt.NDArray[np.int64], held: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """Accuracy and its kin on the samples held back."""
    probabilities = head.apply(samples.features[held])
    names = np.array(samples.legend.names, dtype=object)
    found = metrics(names[position[held]], names[probabilities.argmax(1)], samples.legend.names, probabilities)
    return dict(found.as_dict())
