"""`train`: a model from labelled data, by a frozen backbone and a head."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landuse.engine.parts import own_address
from landuse.engine.progress import busy
from landuse.errors import LanduseWarning, UsageError
from landuse.evaluation.predictions import Judged, MultiPredictions, predictions_of
from landuse.grid import IntArray
from landuse.legend import load_legend
from landuse.models.bundle import SUFFIX, Bundle, check_model_out, read_bundle, write_bundle
from landuse.models.heads import Head
from landuse.models.learnt_features import Components, SurveyFeatures
from landuse.options.training import TrainOptions
from landuse.outputs.folder import output_lock
from landuse.scoring import ScoreSettings
from landuse.text import counted
from landuse.training.backbone import base_for
from landuse.training.balance import likely_wrong
from landuse.training.cache import cache_folder
from landuse.training.calibration import Calibration, choose_calibration
from landuse.training.fitting import fit_samples, one_thread
from landuse.training.pictures import training_palette
from landuse.training.reading import read_samples
from landuse.training.report import head_report, trained_card, training_report
from landuse.training.samples import Samples, SampleSettings
from landuse.training.split import Mask, Split, fold_numbers, split

CALIBRATION_FOLDS = 5


def train(data: Sequence[Path], out: Path, options: TrainOptions) -> Bundle:
    """Train a head on the features of a frozen backbone and write the model file.

    The head is fitted on the larger part of the samples, calibrated and measured on the part held back, then fitted again on
    everything with that calibration; where the data say what is for testing, that stays unseen.

    Args:
        data: folders of `tile --labels`, a folder of class folders or of annotations, or a table of labels.

    Returns:
        The model as written.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given.
        UsageError: fewer than two classes.
    """
    with claimed_model(out, options):
        base = base_for(data, options)
        samples = samples_for(data, base, options)
        with busy("fitting the head"):
            bundle = fit(samples, replace(base, name=out.stem), options)
        write_bundle(bundle, out)
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


@contextmanager
def claimed_model(out: Path, options: TrainOptions) -> Iterator[None]:
    """Hold a model file for a whole training; raises as `check_model_out`, and `RunLockedError` where another run writes it."""
    check_model_out(out, fresh=options.fresh)
    with output_lock(out):
        yield


def fit(samples: Samples, base: Bundle, options: TrainOptions) -> Bundle:
    """The bundle whose head knows the samples, with its honest figures.

    Where the data say what is for testing, a part of the rest serves to calibrate, and the test side is used for nothing but
    the figures. Otherwise one part serves both ends, and each of its samples is judged by a calibration without its fold.
    """
    _check_learnable(samples, options)
    parts = split(samples.layout, options)
    warn_of_twins(samples, parts)
    given = parts.kind == "given"
    known = samples.take(parts.train) if given else samples
    trial = split(replace(known.layout, sides=None), options) if given else parts
    sure = trusted(known, options)
    found, figures = _tried(known, sure, trial, options)
    fitted = fit_samples(known.take(sure), options)
    final = fitted.head if found is None else found.of(fitted.head)
    if given:
        test = samples.take(parts.test)
        figures = dict(judged(final, test).figures().as_dict()) if len(test) else {}
    palette = training_palette(samples.pictures)
    bundle = replace(
        base,
        head=final,
        legend=samples.legend,
        calibration={} if found is None else found.report | {"temperature": final.temperature},
        training=training_report(samples, parts, options)
        | head_report(replace(fitted, head=final), samples, options)
        | {"doubt_odds": options.doubt_odds, "doubtful": int((~sure).sum())},
        metrics=figures,
        palette=palette,
        survey_features=None if palette is None else survey_features(known),
        components=Components.of(known.features),
        metres_per_pixel=samples.metres_per_pixel(base.chip_px),
    )
    return replace(bundle, card=trained_card(bundle, options.backbone))


def warn_of_twins(samples: Samples, parts: Split) -> None:
    """Warn where samples held back are of the very content of samples that are learnt from."""
    if samples.marks is None:
        return
    twins = parts.test & (samples.marks > 0) & np.isin(samples.marks, samples.marks[parts.train])
    if twins.any():
        warnings.warn(
            f"{counted(int(twins.sum()), 'sample')} of the {parts.test.sum():,} held back are copies of samples that are "
            "learnt from, so the figures flatter the model; leave copies out, or keep them together with --group-by.",
            LanduseWarning,
            stacklevel=2,
        )


def survey_features(samples: Samples) -> SurveyFeatures | None:
    """What the features of the chips are like, class by class; None of chips that have several classes each."""
    return None if samples.multi else SurveyFeatures.of(samples.features, samples.positions, len(samples.legend))


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


def _check_learnable(samples: Samples, options: TrainOptions) -> None:
    if samples.multi and options.doubt_odds is not None:
        raise UsageError("--doubt-odds is for samples of one class each, and these have lists of labels.")
    if not samples.multi and len(np.unique(samples.positions)) < 2:
        raise UsageError("All samples are of one class, so there is nothing to tell apart.")


def _honest(found: Calibration, held: Samples) -> Judged:
    rows = predictions_of(held.legend.names, held.members, found.probabilities, found.thresholds)
    if isinstance(rows, MultiPredictions) and found.given is not None:
        return replace(rows, prediction=found.given, thresholds=None)
    return rows


def judged(head: Head, held: Samples) -> Judged:
    """What a head says of samples, beside what they are."""
    return predictions_of(held.legend.names, held.members, head.apply(held.features), head.thresholds)


def trusted(samples: Samples, options: TrainOptions) -> Mask:
    """Which samples a head is fitted on and calibrated with: all, or those whose label is not doubtful; bool (n,)."""
    if options.doubt_odds is None:
        return np.ones(len(samples), bool)
    return ~likely_wrong(samples, folds_of(samples, options), options.doubt_odds, lambda some: fit_head(some, options))


def fit_head(samples: Samples, options: TrainOptions) -> Head:
    """A head on the samples, classes balanced as asked."""
    return fit_samples(samples, options).head


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
