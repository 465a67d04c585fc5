"""`train --fine-tune`: the stage, from labelled data to a model file whose backbone has learnt on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.engine.parts import part_key
from landuse.errors import UsageError
from landuse.evaluation.predictions import predictions_of
from landuse.models.bundle import Bundle, read_bundle, write_bundle
from landuse.models.heads import DenseHead
from landuse.models.keras_backbone import retrained
from landuse.models.libraries import Floats
from landuse.models.runtime import open_runtime
from landuse.mosaic.picture import batches
from landuse.options.training import FineTuneOptions, TrainOptions
from landuse.scoring.block import BATCH
from landuse.stages.train import calibrated, claimed_model, fit_head, judged, samples_for, trusted
from landuse.training.backbone import base_for
from landuse.training.balance import fitting_rows
from landuse.training.epochs import CheckpointStore
from landuse.training.fitting import Fitted
from landuse.training.pictures import Pictures, training_palette
from landuse.training.report import (
    Epoch,
    best_of,
    head_report,
    plot_history,
    trained_card,
    training_report,
    write_history,
)
from landuse.training.samples import FineTuneSplit, Samples, fine_tune_split
from landuse.version import __version__


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A training that is over.

    Attributes:
        bundle: the backbone with the head that belongs to it, not calibrated.
    """

    bundle: Bundle
    history: list[Epoch]
    device: dict[str, str]
    doubtful: int
    lost: int


def fine_tune(data: Sequence[Path], out: Path, options: TrainOptions, how: FineTuneOptions) -> Bundle:
    """Train a head on frozen features, then the layers asked for together with it, and write the model file.

    A run that was killed goes on at its last whole epoch when the same command is given again. Beside the model lie
    ``NAME.history.csv`` and ``NAME.history.png``.

    Raises:
        OutputExistsError: `out` exists and `fresh` is not given.
        UsageError: samples with lists of labels or without pictures; too few to hold some back twice; a backbone that Keras
            does not build.
        RunLockedError: another run trains the same file.
    """
    with claimed_model(out, options):
        base = base_for(data, options)
        base.backbone.built_by(base.name)
        samples = samples_for(data, base, options)
        sides = fine_tune_split(samples, options)
        store = CheckpointStore(out.parent / f".{out.name}.finetune", training_key(samples, base, options, how))
        if options.fresh:
            store.clear()
        tuned = learn(samples, sides, replace(base, name=out.stem), options, how, store)
        bundle = with_figures(samples, sides, tuned, options, how)
        write_bundle(bundle, out)
        write_history(out.with_suffix(".history.csv"), tuned.history)
        plot_history(out.with_suffix(".history.png"), tuned.history, out.stem)
        store.clear()
    return read_bundle(out)


def training_key(samples: Samples, base: Bundle, options: TrainOptions, how: FineTuneOptions) -> str:
    """Digest of all that shapes a training."""
    place = {"master", "cache", "fresh", "root"}
    said = {name: repr(value) for name, value in options.as_json().items() if name not in place}
    return part_key(version=__version__, base=base.digest, data=samples.digest, options=said, how=how.as_json())


def learn(
    samples: Samples,
    sides: FineTuneSplit,
    base: Bundle,
    options: TrainOptions,
    how: FineTuneOptions,
    store: CheckpointStore,
) -> FineTuned:
    """Let the layers learn, starting from the logistic head on the frozen features."""
    from landuse.training.epochs import Training, TrainingSet
    from landuse.training.network import TrainableNetwork, choose_device
    from landuse.training.pictures import PictureStream

    pictures = _pictures(samples)
    fit = samples.take(sides.train)
    sure = trusted(fit, options)
    head = fit_head(fit.take(sure), options)
    if not isinstance(head, DenseHead) or head.hidden:
        raise UsageError(f"Fine-tuning begins with a logistic head, not one of the kind {head.kind}.")
    device = choose_device(how.fine_precision)
    network = TrainableNetwork(base, head, how, device)
    targets = np.zeros_like(samples.targets)
    targets[sides.train] = weighted_targets(fit, sure, options)
    steps = sides.train[targets[sides.train].any(axis=1)]
    data = TrainingSet(steps, targets, sides.validation, samples.positions, samples.legend.names, options.seed)
    with pictures.reader(base.chip_px) as reader:
        stream = PictureStream(reader, (base.chip_px, base.chip_px, base.backbone.channels), how.batch)
        history = Training(network, stream, data, how, store).run()
    bundle = replace(
        base,
        backbone=retrained(base.backbone, network.weights()),
        head=network.head(),
        legend=samples.legend,
        quantisation=None,  # it was of other weights
    )
    doubtful = int((~sure).sum())
    return FineTuned(bundle, history, asdict(device), doubtful, len(stream.lost))


def weighted_targets(samples: Samples, sure: npt.NDArray[np.bool_], options: TrainOptions) -> Floats:
    """What each sample counts for each class, float32 (n, K), as the logistic head weighs them; 0 for doubtful labels."""
    chosen = np.flatnonzero(sure)
    rows = fitting_rows(samples.take(chosen), options)
    targets = np.zeros_like(samples.targets)
    np.add.at(targets, (chosen[rows.samples], rows.labels), rows.weights)
    return targets


def with_figures(
    samples: Samples, sides: FineTuneSplit, tuned: FineTuned, options: TrainOptions, how: FineTuneOptions
) -> Bundle:
    """The model, calibrated and measured in the runtime that it will run in."""
    head = tuned.bundle.head
    unused = samples.take(np.concatenate([sides.calibration, sides.validation]))  # no step was taken on them
    apart = featured(unused, tuned.bundle)
    held = apart.take(np.arange(len(sides.calibration)))
    found = calibrated(head, held, options)
    seen = predictions_of(held.legend.names, held.members, found.probabilities)
    final = found.scaling.of(head)
    if len(sides.test):
        seen = judged(final, featured(samples.take(sides.test), tuned.bundle))
    best = best_of(tuned.history)
    report = how.as_json() | tuned.device | {"epochs_run": tuned.history[-1].epoch, "kept": asdict(best)}
    report |= {"fitted": len(sides.train), "validated": len(sides.validation), "unreadable": tuned.lost}
    bundle = replace(
        tuned.bundle,
        head=final,
        calibration=found.report | {"temperature": final.temperature},
        training=training_report(samples, sides.split, options)
        | head_report(Fitted(final), samples, options)
        | {"doubt_odds": options.doubt_odds, "doubtful": tuned.doubtful, "fine_tuning": report},
        metrics=dict(seen.figures().as_dict()),
        palette=training_palette(samples.pictures),
        metres_per_pixel=samples.metres_per_pixel(tuned.bundle.chip_px),
    )
    return replace(bundle, card=trained_card(bundle, options.backbone))


def featured(samples: Samples, bundle: Bundle) -> Samples:
    """The samples with the features of this backbone, in the runtime that classifies.

    Raises:
        DamagedSourceError: a picture cannot be read any more.
    """
    runtime = open_runtime(bundle)
    with _pictures(samples).reader(bundle.chip_px) as reader:
        stream = batches(map(reader, range(len(samples))), BATCH)
        found = [prediction.features for prediction in runtime.predict_stream(stream)]
    return replace(samples, features=np.concatenate(found))


def _pictures(samples: Samples) -> Pictures:
    if samples.pictures is None:
        raise UsageError("Fine-tuning reads pictures, and of these samples only features are known.")
    return samples.pictures
