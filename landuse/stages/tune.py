"""`train` as asked for: one setting, several compared by cross-validation (the test side unseen), or layers that learn on."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landuse.engine.progress import Progress, busy
from landuse.engine.runner import SharedFile
from landuse.engine.session import open_runner
from landuse.errors import UsageError
from landuse.models.bundle import Bundle, read_bundle, write_bundle
from landuse.options.schema import INLINE
from landuse.options.training import FOLDS, TrainingOptions, TrainOptions, TuneOptions
from landuse.stages.train import claimed_model, fit, fit_head, judged, samples_for, train
from landuse.training.backbone import base_for
from landuse.training.calibration import log_loss
from landuse.training.report import MEASURES, FoldScore, Trial, write_folds, write_trials
from landuse.training.samples import Samples
from landuse.training.split import Split, folds, split

SAMPLES_BY = ("backbone", "weights")
LEARNING_BY = ("regularisation", "reg_param", "elastic_net", "max_iter", "dropout", "hidden", "trees", "depth")
TUNABLE = (*SAMPLES_BY, "head", *LEARNING_BY, "balance", "class_weights")
"""Options of `train` that may be tuned: those that leave the samples and their split what they are."""
MOST_SETTINGS = 10_000


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was trained, and what cross-validation said of each setting, the best first."""

    bundle: Bundle
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, eq=False)
class TrialJob:
    """What is the same for every task; it travels to the workers. The features lie in files that they are sent, one a backbone.

    Attributes:
        files: features of the training side, for each setting.
        samples: the training side without its features.
    """

    options: TrainOptions
    settings: tuple[Mapping[str, Any], ...]
    files: tuple[SharedFile, ...]
    samples: Samples
    splits: tuple[Split, ...]


def tune(data: Sequence[Path], out: Path, options: TrainOptions, tuning: TuneOptions) -> Trained:
    """Try settings, refit the best on everything as `train` does, and write the model file and a table of all trials.

    Samples are held back first, as in `train`, and take no part in any trial; the figures of the model are measured on them.
    The folds keep the rules of the split: blocks, buffer, groups.

    Args:
        out: the ``.landuse`` file to write; the table of trials lies beside it and ends in ``.tuning.csv``, that of the folds
            of the best one in ``.folds.csv``.

    Raises:
        UsageError: an option that cannot be tuned or a value that it cannot have; too few blocks or groups for two folds.
    """
    with claimed_model(out, options):
        return _tune(data, out, options, tuning)


def _tune(data: Sequence[Path], out: Path, options: TrainOptions, tuning: TuneOptions) -> Trained:
    settings = settings_of(tuning, options)
    backbones = list(dict.fromkeys(_backbone(options.changed(**s)) for s in settings))
    bases = {b: base_for(data, options.changed(backbone=b[0], weights=b[1])) for b in backbones}
    samples = {b: samples_for(data, base, options.changed(backbone=b[0], weights=b[1])) for b, base in bases.items()}
    check_same(list(samples.values()))
    trials = run_trials(samples, settings, options, tuning)
    best = options.changed(**trials[0].setting)
    chosen = _backbone(best)
    with busy("fitting the head"):
        bundle = fit(samples[chosen], replace(bases[chosen], name=out.stem), best)
    bundle = replace(bundle, training={**bundle.training, **_report(trials, tuning)})
    write_bundle(bundle, out)
    if tuning.grid:
        write_trials(out.with_suffix(".tuning.csv"), trials)
    write_folds(out.with_suffix(".folds.csv"), trials[0])
    return Trained(read_bundle(out), trials)


def _report(trials: Sequence[Trial], tuning: TuneOptions) -> dict[str, Any]:
    best = trials[0]
    figures = {m: {"mean": best.mean(m), "sd": best.spread(m)} for m in MEASURES}
    found: dict[str, Any] = {"cross_validation": {"folds": len(best.scores), **figures}}
    if tuning.grid:
        report = {"folds": len(best.scores), "settings": len(trials), "measure": tuning.measure}
        found["tuning"] = report | {"best": dict(best.setting), "score": best.mean(tuning.measure)}
    return found


def _backbone(options: TrainOptions) -> tuple[str, str | None]:
    return options.backbone, options.weights


def settings_of(tuning: TuneOptions, options: TrainOptions) -> tuple[Mapping[str, Any], ...]:
    """The settings to try. Raises `UsageError` for an option that cannot be tuned, or has nothing to choose from."""
    known = TrainOptions.model_fields
    for name, values in tuning.grid.items():
        if name not in TUNABLE:
            reason = "would change the samples or their split" if name in known else "is no option of train"
            raise UsageError(f"{name!r} {reason}; what can be tuned is {', '.join(TUNABLE)}.")
        if not len(values):
            raise UsageError(f"There is no value of {name!r} to try.")
    if np.prod([len(v) for v in tuning.grid.values()]) > MOST_SETTINGS:
        raise UsageError(f"The grid has more than {MOST_SETTINGS:,} settings; give fewer values.")
    every = [dict(zip(tuning.grid, values, strict=True)) for values in itertools.product(*tuning.grid.values())]
    if tuning.draws is None or tuning.draws >= len(every):
        return tuple(every)
    drawn = np.random.default_rng(options.seed).choice(len(every), tuning.draws, replace=False)
    return tuple(every[i] for i in np.sort(drawn).tolist())


def check_same(found: Sequence[Samples]) -> None:
    """Raise `UsageError` unless all backbones could read the same samples, so that their folds are the same."""
    if any(not np.array_equal(found[0].targets, other.targets) for other in found[1:]):
        raise UsageError("The backbones cannot read the same samples, so they cannot be compared; see what is skipped.")


def run_trials(
    samples: Mapping[tuple[str, str | None], Samples],
    settings: tuple[Mapping[str, Any], ...],
    options: TrainOptions,
    tuning: TuneOptions,
) -> tuple[Trial, ...]:
    """Every setting on every fold of the training side, best first; equally good ones in the order of the grid."""
    first = next(iter(samples.values()))
    rows = split(first.layout, options).train
    learning = first.take(rows)
    splits = tuple(folds(replace(learning.layout, sides=None), tuning.folds or FOLDS, options))
    with tempfile.TemporaryDirectory(prefix="landuse-") as scratch:
        paths = {}
        for number, (backbone, one) in enumerate(samples.items()):
            paths[backbone] = Path(scratch) / f"{number}.npy"
            np.save(paths[backbone], one.features[rows], allow_pickle=False)
        bare = replace(learning, features=np.empty((len(learning), 0), np.float32), pictures=None)
        work = [(i, k) for i in range(len(settings)) for k in range(len(splits))]
        with (
            Progress(len(work), "fits", "comparing") as progress,
            open_runner(_place(options, settings), threads_per_task=1) as runner,
        ):
            progress.begin()
            files = tuple(runner.share(paths[_backbone(options.changed(**s))]) for s in settings)
            job = TrialJob(options, settings, files, bare, splits)
            scores = runner.map(partial(run_trial, job), work, lambda _: progress.advance(1))
    per = len(splits)
    trials = [Trial(s, tuple(scores[i * per : (i + 1) * per])) for i, s in enumerate(settings)]
    sign = 1 if tuning.measure == "log_loss" else -1
    return tuple(sorted(trials, key=lambda trial: sign * trial.mean(tuning.measure)))


def _place(options: TrainOptions, settings: Sequence[Mapping[str, Any]]) -> str:
    """Where trials run: as tasks on the master; in this process where Spark itself fits one, which a task cannot ask it to."""
    by_spark = any(options.changed(**setting).by_spark for setting in settings)
    return INLINE if by_spark else options.master


def run_trial(job: TrialJob, work: tuple[int, int]) -> FoldScore:
    """Fit one setting without one fold, and judge it there; what a worker runs."""
    setting, number = work
    samples = replace(job.samples, features=np.load(job.files[setting].locate(), mmap_mode="r"))
    fold = job.splits[number]
    started = time.perf_counter()
    head = fit_head(samples.take(fold.train), job.options.changed(**job.settings[setting]))
    seconds = time.perf_counter() - started
    held = samples.take(fold.test)
    found = judged(head, held).figures()
    loss = log_loss(held.targets if held.multi else held.positions, head.apply(held.features))
    return FoldScore(len(held), found.accuracy or 0.0, found.f1 or 0.0, loss, seconds)


def run_training(data: Sequence[Path], out: Path, options: TrainingOptions) -> Trained:
    """Train as the options say; raises as `train`, `tune` and `fine_tune`."""
    if options.layers is not None:
        from landuse.stages.finetune import fine_tune

        return Trained(fine_tune(data, out, options, options))
    if options.grid or options.folds is not None:
        return tune(data, out, options, options)
    return Trained(train(data, out, options))
