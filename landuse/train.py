"""`train`: a model from labelled data, by a frozen backbone and a multinomial logistic head."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from landuse.accuracy.metrics import metrics
from landuse.bundle import Bundle, read_bundle, write_bundle
from landuse.errors import OutputExistsError, UsageError
from landuse.legend import load_legend
from landuse.models.arrays import Floats
from landuse.models.calibration import Calibration, choose_calibration
from landuse.models.foreign import Declared
from landuse.models.heads import LogisticHead, fit_logistic
from landuse.models.preprocess import PREPROCESSING
from landuse.scoring import ScoreSettings
from landuse.training.backbone import backbone_bundle
from landuse.training.balance import Balance, BalanceRule, fitting_rows
from landuse.training.cache import cache_folder
from landuse.training.doubt import doubtful
from landuse.training.places import Mask
from landuse.training.samples import Samples, SampleSettings, read_samples
from landuse.training.split import Split, SplitRule, fold_numbers, split

SUFFIX = ".landuse"
CALIBRATION_FOLDS = 5
WORTH_THREADS = 2e8
"""Multiplications of one step of a fit from which several threads gain; below it they wait for each other for longer than they
compute (measured: 5 to 10 times as long on two busy cores)."""
LISTED = 1000
"""Skipped samples that the model file names; all are counted."""


@dataclass(frozen=True)
class TrainOptions:
    """What a user may choose.

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
        regularisation: inverse strength of the head's L2 penalty.
        balance: ``weights``, ``downsample`` or ``none``.
        class_weights: factors for classes by name.
        doubt_odds: leave out samples whose label is this many times less likely than another class; None keeps all.
        master: Spark master, or ``inline``.
        seed: of the split and of random weights.
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
    regularisation: float = 0.03
    balance: Balance = "weights"
    class_weights: Mapping[str, float] = field(default_factory=dict)
    doubt_odds: float | None = None
    master: str = "inline"
    seed: int = 0
    cache: bool = True
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.preprocess is not None and self.preprocess not in PREPROCESSING:
            raise UsageError(f"No preprocessing {self.preprocess!r}: choose one of {', '.join(PREPROCESSING)}.")
        if self.doubt_odds is not None and self.doubt_odds <= 1:
            raise UsageError(f"--doubt-odds must be above 1, not {self.doubt_odds:g}.")

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
    write_bundle(fit(samples, replace(base, name=out.stem), options), out)
    return read_bundle(out)


def samples_for(data: Sequence[Path], base: Bundle, options: TrainOptions) -> Samples:
    """Features of the data by a backbone; those computed before are taken from the cache."""
    with tempfile.TemporaryDirectory(prefix="landuse-") as scratch:
        model = Path(scratch) / f"backbone{SUFFIX}"
        write_bundle(base, model)
        settings = SampleSettings(
            ScoreSettings(model, options.master, features=True),
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
    """Raise unless `out` is a model file that may be written."""
    if out.suffix != SUFFIX:
        raise UsageError(f"A model file ends in {SUFFIX}: give --out {out.with_suffix(SUFFIX)}.")
    if out.exists() and not options.fresh:
        raise OutputExistsError(f"{out} exists; give another --out, or --fresh to replace it.")
    out.parent.mkdir(parents=True, exist_ok=True)


def fit(samples: Samples, base: Bundle, options: TrainOptions) -> Bundle:
    """The bundle whose head knows the samples, with its honest figures.

    Where the data say what is for testing, a part of the rest serves to calibrate, and the test side is used for nothing but
    the figures. Otherwise one part serves both ends, and each of its samples is judged by a calibration without its fold.
    """
    if len(np.unique(samples.positions)) < 2:
        raise UsageError("All samples are of one class, so there is nothing to tell apart.")
    parts = split(samples.layout, options.split_rule)
    given = parts.kind == "given"
    known = samples.take(parts.train) if given else samples
    trial = split(replace(known.layout, sides=None), options.split_rule) if given else parts
    sure = trusted(known, options)
    found, figures = None, {}
    final = fit_head(known.take(sure), options)
    if trial.test.any():
        tried = fit_head(known.take(trial.train & sure), options)
        found = calibrated(tried, known.take(trial.test & sure), options)
        final = found.scaling.of(final)
        held = known.take(
            trial.test
        )  # the doubtful ones too: what is left out of the fit is not left out of the figures
        honest = found.probabilities if sure.all() else found.scaling.of(tried).apply(held.features)
        figures = held_out_figures(honest, held)
    if given:
        test = samples.take(parts.test)
        figures = held_out_figures(final.apply(test.features), test) if len(test) else {}
    return replace(
        base,
        head=final,
        legend=samples.legend,
        calibration={} if found is None else found.report | {"temperature": final.temperature},
        training=training_report(samples, parts, options)
        | {"doubt_odds": options.doubt_odds, "doubtful": int((~sure).sum())},
        metrics=figures,
    )


def trusted(samples: Samples, options: TrainOptions) -> Mask:
    """Which samples a head is fitted on and calibrated with: all, or those whose label is not doubtful; bool (n,)."""
    if options.doubt_odds is None:
        return np.ones(len(samples), bool)
    _, together = replace(samples.layout, sides=None).kept_together(options.block_m)
    folds = fold_numbers(samples.positions, together, CALIBRATION_FOLDS, options.seed)
    return ~doubtful(samples, folds, options.doubt_odds, lambda some: fit_head(some, options))


def fit_head(samples: Samples, options: TrainOptions) -> LogisticHead:
    """A logistic head on the samples, classes balanced as asked."""
    rows = fitting_rows(samples, options.balance_rule)
    with _threads(samples):
        return fit_logistic(
            samples.features[rows.samples],
            rows.labels,
            class_count=len(samples.legend),
            sample_weight=rows.weights,
            C=options.regularisation,
        )


def calibrated(head: LogisticHead, held: Samples, options: TrainOptions) -> Calibration:
    """The calibration of a head on held-back samples, whose blocks or groups are never on two sides of a fold either."""
    _, together = replace(held.layout, sides=None).kept_together(options.block_m)
    folds = fold_numbers(held.positions, together, CALIBRATION_FOLDS, options.seed)
    with _threads(held):
        return choose_calibration(head, held.features, held.positions, folds)


def _threads(samples: Samples) -> AbstractContextManager[Any]:
    """A context in which linear algebra has one thread for work that is not worth more."""
    work = samples.features.size * len(samples.legend)
    limits: AbstractContextManager[Any] = threadpool_limits(1 if work < WORTH_THREADS else None, "blas")
    return limits


def held_out_figures(probabilities: Floats, held: Samples) -> dict[str, Any]:
    """Accuracy and its kin on the samples held back."""
    names = np.array(held.legend.names, dtype=object)
    found = metrics(names[held.positions], names[probabilities.argmax(1)], held.legend.names, probabilities)
    return dict(found.as_dict())


def training_report(samples: Samples, parts: Split, options: TrainOptions) -> dict[str, Any]:
    """What the model file says of the data."""
    counts = {name: int((samples.positions == position).sum()) for position, name in enumerate(samples.legend.names)}
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
