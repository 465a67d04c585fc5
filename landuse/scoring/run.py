"""All blocks of a chip set through a network: which are done already, where the others run, what came of them.

The answers stay in parts on disk. The driver holds a key a block, and reads the answers back a row of blocks at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from landuse.chips import Chips, ChipSet
from landuse.engine.parts import PartStore
from landuse.engine.progress import Progress
from landuse.engine.quarantine import Quarantined, QuarantinePolicy
from landuse.engine.runner import Runner, open_runner
from landuse.grid import chip_ids
from landuse.models.bundle import Bundle
from landuse.models.runtime import read_cached
from landuse.scoring.answers import Float32, Run, Scores
from landuse.scoring.block import BlockReport, ScoreJob, score_block
from landuse.scoring.plan import BlockTask, ScoreSettings, check_bands, identify_sources, plan

WAVE = 4_096
"""Blocks handed to the runner at once, a million chips: what the driver and Spark remember of tasks stays bounded."""


def score_chips(chips: ChipSet, settings: ScoreSettings, parts: Path, progress: Progress) -> Scores:
    """Run every chip through the model and gather what it says in memory; see `run_chips`."""
    run = run_chips(chips, settings, parts, progress)
    pieces: dict[str, list[Float32]] = {
        name: [np.empty((0, width) if width else 0, np.float32)] for name, width in run.widths.items()
    }
    for strip in run.strips():
        for name, values in strip.columns.items():
            pieces[name].append(values)
    if settings.parts is not None:
        run.store.clear()  # nothing else will: its address is known here alone
    columns = {name: np.concatenate(found) for name, found in pieces.items()}
    return Scores(run, columns["probabilities"], columns.get("features"))


def run_chips(chips: Chips, settings: ScoreSettings, parts: Path, progress: Progress) -> Run:
    """Run every chip through the model, reusing the parts of earlier runs.

    Args:
        chips: what to run; its grid's pixels give way to the model's own.
        settings: model, place and precision of the run.
        parts: folder of the results of blocks, kept until the caller removes it.
        progress: told of every block that is done.

    Raises:
        BandsError: the model wants another number of bands.
        TooManyQuarantinedError: more chips failed than the settings allow.
    """
    started = time.perf_counter()
    bundle = read_cached(settings.model)
    check_bands(chips, bundle)
    inputs = identify_sources(chips)
    store = PartStore(settings.parts or str(parts))
    tally = Tally(QuarantinePolicy(settings.max_quarantined), len(chips))
    run_blocks(chips, settings, plan(chips, bundle, settings, inputs), (store, tally, progress))
    features = {"features": bundle.head.feature_count} if settings.features else {}
    return Run(
        chips=chips,
        store=store,
        keys=tuple(tally.keys),
        span=settings.span,
        widths={"probabilities": len(bundle.legend)} | features,
        quarantined=tuple(tally.quarantined),
        reused=len(tally.keys) - tally.computed,
        computed=tally.computed,
        precisions=tuple(sorted(tally.precisions)),
        seconds=time.perf_counter() - started,
        inputs=tuple(inputs.values()),
    )


@dataclass
class Tally:
    """What is remembered of the blocks that are done."""

    policy: QuarantinePolicy
    chips: int
    keys: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    precisions: set[str] = field(default_factory=set)
    computed: int = 0

    def add(self, wave: list[BlockTask], todo: list[BlockTask], reports: list[BlockReport]) -> None:
        """Count a wave of blocks. Raises `TooManyQuarantinedError` as soon as there are too many."""
        written = {task.key: report.key for task, report in zip(todo, reports, strict=True)}
        self.keys += [written.get(task.key, task.key) for task in wave]
        self.quarantined += [chip for report in reports for chip in report.quarantined]
        self.precisions |= {report.precision for report in reports}
        self.computed += len(todo)
        self.policy.check(self.quarantined, self.chips)


def run_blocks(
    chips: Chips, settings: ScoreSettings, tasks: Iterator[BlockTask], sinks: tuple[PartStore, Tally, Progress]
) -> None:
    """Run the blocks that have no part yet where the master says, and count them all."""
    store, tally, progress = sinks
    existing = store.existing()
    with ExitStack() as stack:
        runner: Runner | None = None
        while wave := list(islice(tasks, WAVE)):
            todo = [task for task in wave if task.key not in existing]
            reports: list[BlockReport] = []
            if todo:
                runner = runner or stack.enter_context(
                    open_runner(settings.master, task_timeout_s=settings.task_timeout_s)
                )
                job = job_of(chips, settings, runner, store.folder)
                done = Arrivals(store, progress).add
                reports = runner.map(partial(score_task, job), todo, done, partial(lost_block, settings))
            tally.add(wave, todo, reports)


def job_of(chips: Chips, settings: ScoreSettings, runner: Runner, parts: str) -> ScoreJob:
    """What is the same for every block of a run."""
    bundle: Bundle = read_cached(settings.model)
    return ScoreJob(
        survey=replace(chips.survey, recolouring=settings.recolouring),
        grid=replace(chips.grid, chip_px=bundle.chip_px // settings.split),
        model=runner.share(settings.model),
        runtime=settings.runtime,
        precision=settings.precision,
        threads=runner.threads_per_task,
        parts=parts,
        features=settings.features,
        split=settings.split,
    )


def score_task(job: ScoreJob, task: BlockTask) -> BlockReport:
    """What a worker does with a task."""
    if job.split == 1:
        return score_block(job, task.work)
    from landuse.scoring.dense import score_dense

    return score_dense(job, task.work)


@dataclass
class Arrivals:
    """Counts blocks as they are done; asks of the first whether its part is where this process sees it."""

    store: PartStore
    progress: Progress
    seen: bool = False

    def add(self, report: BlockReport) -> None:
        """Count a block. Raises `EngineError` where workers write to a disk of their own."""
        if report.key and not self.seen:
            self.store.check_arrived(report.key)
            self.seen = True
        self.progress.advance(report.chips)


def lost_block(settings: ScoreSettings, task: BlockTask, cause: str) -> BlockReport:
    """The report of a block that the machine could not finish: every chip of it is quarantined, with the cause."""
    work = task.work
    chips = tuple(Quarantined(str(chip), cause) for chip in chip_ids(work.rows, work.cols))
    return BlockReport("", 0, chips, settings.precision, 0.0)
