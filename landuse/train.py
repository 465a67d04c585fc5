"""`train`: a model from labelled data, by a frozen backbone and a head."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from landuse.accuracy.predictions import Judged, MultiPredictions, predictions_of
from landuse.bundle import SUFFIX, Bundle, check_model_out, read_bundle, write_bundle
from landuse.engine.parts import own_address
from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.legend import load_legend
from landuse.models.calibration import Calibration, choose_calibration
from landuse.models.foreign import Declared
from landuse.models.heads import Head
from landuse.models.heads_file import spec_of
from landuse.models.novelty import Novelty, fit_novelty, neighbours_together
from landuse.models.preprocess import PREPROCESSING
from landuse.scoring import ScoreSettings
from landuse.training.backbone import backbone_bundle
from landuse.training.balance import Balance, BalanceRule
from landuse.training.cache import cache_folder
from landuse.training.card import trained_card
from landuse.training.dense_pairs import with_alignment
from landuse.training.doubt import doubtful
from landuse.training.fitting import Fitted, HeadRule, fit_samples, one_thread
from landuse.training.places import Mask
from landuse.training.samples import Samples, SampleSettings, read_samples
from landuse.training.split import Split, SplitRule, fold_numbers, split

CALIBRATION_FOLDS = 5
LISTED = 1000
"""Skipped samples that the model file names; all are counted."""


@dataclass(frozen=True)
class TrainOptions(HeadRule):
    """What a user may choose: a head, as `HeadRule` has it, and all else. The seed is also of the split and of random weights.

    Attributes:
        backbone: name of a backbone, or a model file whose backbone serves.
        weights: ``imagenet``, ``random`` or a file; None takes the backbone's own.
        preprocess: how images are prepared for a `.keras` or `.onnx` backbone: a name of `PREPROCESSING`.
        input_px: pixels of such a backbone's input; None takes what its file states.
        feature_layer: layer of such a backbone that makes the features; None takes the last global pooling.
        legend: legend name or file for images; None makes one of their labels.
        min_purity: least share of a chip under its label.
        root: folder that the paths of a table are relative to; None is the table's own.
        soft_labels: learn a chip's area shares, not its label alone.
        holdout: share of the samples held back to calibrate and to measure.
        block_m: side of the squares of land that stay on one side of the split, metres; None is eight chips.
        buffer_m: least ground between a sample trained on and one held back, metres.
        group_by: column whose groups stay on one side of the split.
        balance: ``weights``, ``downsample`` or ``none``.
        class_weights: factors for classes by name.
        doubt_odds: leave out samples whose label is this many times less likely than another class; None keeps all.
        parts: address where workers leave features if they do not share this machine's disk.
        cache: keep features, and use those kept.
        fresh: replace an existing model file.
    """

    backbone: str = "builtin"
    weights: str | None = None
    preprocess: str | None = None
    input_px: int | None = None
    feature_layer: str | None = None
    legend: str | None = None
    min_purity: float = 0.0
    root: Path | None = None
    soft_labels: bool = False
    holdout: float = 0.2
    block_m: float | None = None
    buffer_m: float = 0.0
    group_by: str | None = None
    balance: Balance = "weights"
    class_weights: Mapping[str, float] = field(default_factory=dict)
    doubt_odds: float | None = None
    parts: str | None = None
    cache: bool = True
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.preprocess is not None and self.preprocess not in PREPROCESSING:
            raise UsageError(f"No preprocessing {self.preprocess!r}: choose one of {', '.join(PREPROCESSING)}.")
        if self.doubt_odds is not None and self.doubt_odds <= 1:
            raise UsageError(f"--doubt-odds must be above 1, not {self.doubt_odds:g}.")
        super().__post_init__()

    @property
    def declared(self) -> Declared | None:
        """What is said of a foreign backbone; None where nothing is."""
        if self.preprocess is None:
            return None
        return Declared(PREPROCESSING[self.preprocess], self.input_px, self.feature_layer)

    @property
    def split_rule(self) -> SplitRule:
        """How samples are held back."""
        return SplitRule(self.holdout, self.seed, self.block_m, self.buffer_m)

    @property
    def balance_rule(self) -> BalanceRule:
        """How classes are brought to weight."""
        return BalanceRule(self.balance, self.class_weights, self.seed)


def train(data: Sequence[Path], out: Path, options: TrainOptions) -> Bundle:
    """Train a head on the features of a frozen backbone and write the model file.

    The head is fitted on the larger part of the samples, calibrated and measured on the part held back, then fitted again on
    everything with that calibration; where the data say what is for testing, that stays unseen.

    Args:
        data: folders of `tile --labels`, a folder of class folders or of annotations, or a table of labels.
        out: the ``.landuse`` file to write.
        options: backbone, split and place.

    Returns:
        The model as written.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given.
        UsageError: fewer than two classes.
    """
    check_out(out, options)
    base = backbone_bundle(options.backbone, options.weights, options.seed, options.declared)
    samples = samples_for(data, base, options)
    bundle = fit(samples, replace(base, name=out.stem), options)
    write_bundle(with_alignment(bundle, data, options.seed), out)
    return read_bundle(out)


def samples_for(data: Sequence[Path], base: Bundle, options: TrainOptions) -> Samples:
    """Features of the data by a backbone; those computed before are taken from the cache."""
    with tempfile.TemporaryDirectory(prefix="landuse-") as scratch:
        model = Path(scratch) / f"backbone{SUFFIX}"
        write_bundle(base, model)
        address = None if options.parts is None else own_address(options.parts, Path(scratch))
        settings = SampleSettings(
            ScoreSettings(model, options.master, features=True, parts=address),
            load_legend(options.legend) if options.legend else None,
            options.min_purity,
            Path(scratch) / "parts",
            root=options.root,
            group_by=options.group_by,
            soft=options.soft_labels,
            cache=cache_folder() if options.cache else None,
        )
        return read_samples(data, settings)


def check_out(out: Path, options: TrainOptions) -> None:
    """Make the folder of a model file; raises as `check_model_out`."""
    check_model_out(out, fresh=options.fresh)
    out.parent.mkdir(parents=True, exist_ok=True)


def fit(samples: Samples, base: Bundle, options: TrainOptions) -> Bundle:
    """The bundle whose head knows the samples, with its honest figures.

    Where the data say what is for testing, a part of the rest serves to calibrate, and the test side is used for nothing but
    the figures. Otherwise one part serves both ends, and each of its samples is judged by a calibration without its fold.
    """
    _check_learnable(samples, options)
    parts = split(samples.layout, options.split_rule)
    given = parts.kind == "given"
    known = samples.take(parts.train) if given else samples
    trial = split(replace(known.layout, sides=None), options.split_rule) if given else parts
    sure = trusted(known, options)
    found, figures = _tried(known, sure, trial, options)
    fitted = fit_samples(known.take(sure), options, options.balance_rule, options.split_rule)
    final = fitted.head if found is None else found.of(fitted.head)
    if given:
        test = samples.take(parts.test)
        figures = dict(judged(final, test).figures().as_dict()) if len(test) else {}
    bundle = replace(
        base,
        head=final,
        legend=samples.legend,
        calibration={} if found is None else found.report | {"temperature": final.temperature},
        training=training_report(samples, parts, options)
        | head_report(replace(fitted, head=final), samples, options)
        | {"doubt_odds": options.doubt_odds, "doubtful": int((~sure).sum())},
        metrics=figures,
        novelty=novelty_of(known.take(sure), options),
    )
    return replace(bundle, card=trained_card(bundle, options.backbone))


def _tried(
    known: Samples, sure: Mask, trial: Split, options: TrainOptions
) -> tuple[Calibration | None, dict[str, Any]]:
    """The calibration that a head on one side of a split needs on the other, and its figures there; none without a side."""
    if not trial.test.any():
        return None, {}
    head = fit_head(known.take(trial.train & sure), options)
    found = calibrated(head, known.take(trial.test & sure), options)
    held = known.take(trial.test)  # the doubtful ones too: what is left out of the fit is not left out of the figures
    rows = _honest(found, held) if sure.all() else judged(found.of(head), held)
    return found, dict(rows.figures().as_dict())


def novelty_of(samples: Samples, options: TrainOptions) -> Novelty:
    """What the samples that the head was fitted on look like; what is kept together in a split is kept together here.

    Where no place and no group is known, neighbours in the order of the samples are. Where that leaves one side only, samples
    are parted at random, and more of other ground counts as unfamiliar.
    """
    layout = samples.layout
    placed = layout.groups is not None or layout.places is not None
    folds = folds_of(samples, options) if placed else neighbours_together(strata_of(samples))
    with one_thread(samples):
        return fit_novelty(samples.features, folds=folds if folds.any() else None, seed=options.seed)


def _check_learnable(samples: Samples, options: TrainOptions) -> None:
    """Refuse, before any fit, what no head can be learnt from."""
    if samples.multi and options.doubt_odds is not None:
        raise UsageError("--doubt-odds is for samples of one class each, and these have lists of labels.")
    if not samples.multi and len(np.unique(samples.positions)) < 2:
        raise UsageError("All samples are of one class, so there is nothing to tell apart.")


def _honest(found: Calibration, held: Samples) -> Judged:
    """What was said of held-back samples, each by a calibration and thresholds that have not seen it."""
    rows = predictions_of(held.legend.names, members(held), found.probabilities, found.thresholds)
    if isinstance(rows, MultiPredictions) and found.given is not None:
        return replace(rows, prediction=found.given, thresholds=None)
    return rows


def judged(head: Head, held: Samples) -> Judged:
    """What a head says of samples, beside what they are."""
    return predictions_of(held.legend.names, members(held), head.apply(held.features), head.thresholds)


def members(samples: Samples) -> Mask:
    """The class of each sample, or its classes where the samples have lists of labels; bool (n, K)."""
    if samples.multi:
        return samples.targets > 0
    return np.asarray(samples.positions[:, None] == np.arange(len(samples.legend)))


def trusted(samples: Samples, options: TrainOptions) -> Mask:
    """Which samples a head is fitted on and calibrated with: all, or those whose label is not doubtful; bool (n,)."""
    if options.doubt_odds is None:
        return np.ones(len(samples), bool)
    return ~doubtful(samples, folds_of(samples, options), options.doubt_odds, lambda some: fit_head(some, options))


def fit_head(samples: Samples, options: TrainOptions) -> Head:
    """A head on the samples, classes balanced as asked."""
    return fit_samples(samples, options, options.balance_rule, options.split_rule).head


def calibrated(head: Head, held: Samples, options: TrainOptions) -> Calibration:
    """The calibration of a head on held-back samples, whose blocks or groups are never on two sides of a fold either."""
    truth = held.targets if held.multi else held.positions
    with one_thread(held):
        return choose_calibration(head, held.features, truth, folds_of(held, options))


def folds_of(samples: Samples, options: TrainOptions) -> IntArray:
    """A fold for each sample, int64 (n,) from 0; whole blocks or groups go to one."""
    _, together = replace(samples.layout, sides=None).kept_together(options.block_m)
    return fold_numbers(strata_of(samples), together, CALIBRATION_FOLDS, options.seed)


def strata_of(samples: Samples) -> IntArray:
    """What samples are even in over folds, int64 (n,): their class, or what the layout has for lists of labels."""
    return samples.layout.strata if samples.multi else samples.positions


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
    """How many numbers a head has, and how many nodes a forest."""
    nodes = spec_of(head).nodes
    return {"numbers": sum(a.size for a in head.arrays().values())} | ({"nodes": nodes} if nodes else {})


def training_report(samples: Samples, parts: Split, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the data."""
    counts = dict(zip(samples.legend.names, members(samples).sum(axis=0).tolist(), strict=True))
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
    }
