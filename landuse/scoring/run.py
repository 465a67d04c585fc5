"""All blocks of a chip set through a network: which are done already, where the others run, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field, fields, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.chips import Chips, ChipSet
from landuse.chips.table_file import numbers_of
from landuse.engine.parts import PartStore
from landuse.engine.progress import Progress
from landuse.engine.runner import Runner
from landuse.engine.session import open_runner
from landuse.errors import TooManyQuarantinedError
from landuse.grid import IntArray, chip_ids
from landuse.models.bundle import Bundle
from landuse.models.runtime import read_cached
from landuse.outputs.record import FileIdentity
from landuse.outputs.tables import write_csv
from landuse.scoring.block import BlockReport, BlockTask, Quarantined, ScoreJob, score_block
from landuse.scoring.plan import ScoreSettings, blocks_of_strip, check_bands, check_unchanged, identify_sources, plan
from landuse.text import counted

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScoredStrip:
    """Chips of one row of blocks with what the network said of them.

    Attributes:
        columns: float32 arrays (n, k); NaN where a chip was quarantined.
    """

    chips: ChipSet
    columns: Mapping[str, Float32]


@dataclass(frozen=True, eq=False)
class Run:
    """What became of a run. Its results lie in parts; `strips` reads them.

    Attributes:
        keys: key of the part of each block, in order; empty where the block was lost.
        span: cells along the side of a block.
        widths: columns of the parts by name, with the length of their vectors.
        quarantined: the chips that could not be read, with the cause.
        precisions: arithmetic of the blocks of this run, ``f32`` or ``bf16``; both where workers differ.
    """

    chips: Chips
    store: PartStore
    keys: tuple[str, ...]
    span: int
    widths: Mapping[str, int]
    quarantined: tuple[Quarantined, ...]
    reused: int
    computed: int
    precisions: tuple[str, ...]
    seconds: float
    inputs: tuple[FileIdentity, ...]

    def strips(self) -> Iterator[ScoredStrip]:
        """One row of blocks after the other, from south to north."""
        keys = iter(self.keys)
        for strip in self.chips.strips(self.span):
            blocks = sum(1 for _ in blocks_of_strip(strip, self.span))
            tables = [self.store.read(key) for key in islice(keys, blocks) if key]
            yield ScoredStrip(strip, {name: column_of(strip, tables, name, k) for name, k in self.widths.items()})


@dataclass(frozen=True, eq=False)
class Scores:
    """A run with all its results in memory, for training and judging.

    Attributes:
        probabilities: float32 (n, classes); NaN where the chip was quarantined.
        features: float32 (n, d) or None; NaN likewise.
    """

    run: Run
    probabilities: Float32
    features: Float32 | None

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The chips that could not be read, with the cause."""
        return self.run.quarantined


def column_of(chips: ChipSet, tables: list[pa.Table], name: str, width: int) -> Float32:
    """A column of some parts in the order of the chips: float32 (n, width), NaN where there is no line."""
    values = np.full((len(chips), width), np.nan, np.float32)
    numbers = cell_numbers(chips.rows, chips.cols)
    order = np.argsort(numbers)
    for table in tables:
        lines = cell_numbers(numbers_of(table["row"]), numbers_of(table["col"]))
        flat = numbers_of(table[name].combine_chunks().flatten())
        values[order[np.searchsorted(numbers, lines, sorter=order)]] = flat.reshape(-1, width)
    return values


def cell_numbers(rows: IntArray, cols: IntArray) -> IntArray:
    """A number for each cell of a strip that no other cell of it has."""
    return rows * 2**32 + cols


WAVE = 4_096
"""Blocks handed to the runner at once, a million chips: what the driver and Spark remember of tasks stays bounded."""


def score_chips(chips: ChipSet, settings: ScoreSettings, parts: Path, progress: Progress) -> Scores:
    """Run every chip through the model and gather what it says in memory; see `run_chips`."""
    run = run_chips(chips, settings, parts, progress)
    pieces: dict[str, list[Float32]] = {name: [np.empty((0, width), np.float32)] for name, width in run.widths.items()}
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
        parts: folder of the results of blocks, kept until the caller removes it.

    Raises:
        BandsError: the model wants another number of bands.
        TooManyQuarantinedError: more chips failed than the settings allow.
        DamagedSourceError: a source changed while it was read.
    """
    started = time.perf_counter()
    bundle = read_cached(settings.model)
    check_bands(chips, bundle)
    inputs = identify_sources(chips.survey)
    tally = Tally(PartStore(settings.parts or str(parts)), settings, len(chips), progress)
    run_blocks(chips, plan(chips, bundle, settings, inputs), tally)
    check_unchanged(inputs)
    return Run(
        chips=chips,
        store=tally.store,
        keys=tuple(tally.keys),
        span=settings.span,
        widths=widths_of(bundle, features=settings.features, components=settings.components),
        quarantined=tuple(tally.quarantined),
        reused=len(tally.keys) - tally.computed,
        computed=tally.computed,
        precisions=tuple(sorted(tally.precisions)),
        seconds=time.perf_counter() - started,
        inputs=tuple(inputs.values()),
    )


def widths_of(bundle: Bundle, *, features: bool, components: bool) -> dict[str, int]:
    """Numbers a chip of each column that a model gives a run."""
    widths = {"probabilities": len(bundle.legend)}
    if features:
        widths["features"] = bundle.head.feature_count
    if components and bundle.components is not None:
        widths["components"] = bundle.components.count
    return widths


@dataclass
class Tally:
    """What is remembered of the blocks that are done.

    Attributes:
        keys: key of the part of each block, in order; empty where the block was lost.
    """

    store: PartStore
    settings: ScoreSettings
    chips: int
    progress: Progress
    keys: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    precisions: set[str] = field(default_factory=set)
    computed: int = 0
    _arrived: bool = False

    def add(self, report: BlockReport) -> None:
        """Count a block the moment it is done.

        Raises:
            EngineError: workers write to a disk of their own: the first part is not where this process looks for it.
            TooManyQuarantinedError: more chips are lost than the run may lose, whatever becomes of the others.
        """
        if report.key and not self._arrived:
            self.store.check_arrived(report.key)
            self._arrived = True
        self.precisions.add(report.precision)
        self.computed += 1
        self.progress.advance(report.chips + len(report.quarantined))
        self.quarantined += report.quarantined
        check_quarantined(self.quarantined, self.chips, self.settings.max_quarantined)

    def close(self, wave: Sequence[BlockTask], written: Mapping[str, str]) -> None:
        """Remember under which keys the parts of a wave lie; those that were not written now are of an earlier run."""
        self.keys += [written.get(task.key, task.key) for task in wave]
        self.progress.skip(sum(task.chips for task in wave if task.key not in written))


def run_blocks(chips: Chips, tasks: Iterator[BlockTask], tally: Tally) -> None:
    """Run the blocks that have no part yet where the master says, and count them all."""
    settings, existing = tally.settings, tally.store.existing()
    with ExitStack() as stack:
        runner: Runner | None = None
        while wave := list(islice(tasks, WAVE)):
            todo = [task for task in wave if task.key not in existing]
            reports: list[BlockReport] = []
            if todo:
                runner = runner or stack.enter_context(
                    open_runner(settings.master, task_timeout_s=settings.task_timeout_s)
                )
                tally.progress.begin()
                job = job_of(chips, settings, runner, tally.store.folder)
                reports = runner.map(partial(score_task, job), todo, tally.add, partial(lost_block, settings))
            tally.close(wave, {task.key: report.key for task, report in zip(todo, reports, strict=True)})


def job_of(chips: Chips, settings: ScoreSettings, runner: Runner, parts: str) -> ScoreJob:
    """What is the same for every block of a run."""
    bundle: Bundle = read_cached(settings.model)
    return ScoreJob(
        grid=replace(chips.grid, chip_px=bundle.chip_px // settings.split),
        model=runner.share(settings.model),
        runtime=settings.runtime,
        precision=settings.precision,
        threads=runner.threads_per_task,
        parts=parts,
        features=settings.features,
        components=settings.components,
        split=settings.split,
    )


def score_task(job: ScoreJob, task: BlockTask) -> BlockReport:
    """What a worker does with a task."""
    if job.split == 1:
        return score_block(job, task)
    from landuse.scoring.dense import score_dense

    return score_dense(job, task)


def lost_block(settings: ScoreSettings, task: BlockTask, cause: str) -> BlockReport:
    """The report of a block that the machine could not finish: every chip of it is quarantined, with the cause."""
    chips = tuple(Quarantined(str(chip), cause) for chip in chip_ids(*task.cells()))
    return BlockReport("", 0, chips, settings.precision, 0.0)


def check_quarantined(quarantined: Collection[Quarantined], total: int, max_share: float) -> None:
    """Raise `TooManyQuarantinedError` where more than a share (0 to 1) of `total` chips is lost."""
    count = len(quarantined)
    if count <= max_share * total:
        return
    first = next(iter(quarantined))
    raise TooManyQuarantinedError(
        f"{count:,} of {counted(total, 'chip')} ({count / max(total, 1):.1%}) could not be used, and a run may lose "
        f"{max_share:.1%}; {first.chip_id} because: {first.cause.rstrip('.')}. Mend the sources and run the same command again."
    )


def write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> None:
    """Write ``quarantine.csv``: a header, then a line a chip, by chip id. Raises `OSError` where it cannot."""
    lines = ([" ".join(text.split()) for text in astuple(chip)] for chip in sorted(quarantined))
    write_csv(path, [field.name for field in fields(Quarantined)], lines)
