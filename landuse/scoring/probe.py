"""Some chips run for real and thrown away: how many go through the network in a second, and what memory that takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from landuse.chips import Chips
from landuse.engine.machine import cores, peak_memory
from landuse.engine.runner import INLINE, InlineRunner
from landuse.engine.session import default_threads, open_runner
from landuse.engine.spark_settings import is_local, slots_of
from landuse.models.runtime import open_runtime
from landuse.scoring.block import BlockTask, ScoreJob
from landuse.scoring.dense_ground import chips_around
from landuse.scoring.plan import ScoreSettings
from landuse.scoring.run import job_of, score_task

SHARE = 64
"""One chip in so many is timed, within the bounds below: a forecast is to take a small part of the run's time."""
LEAST, MOST = 8, 256
REQUEST = 4
"""Chips of each request to the network. All requests are alike, since the first of a size costs a thread half as much again."""
FULL_REQUEST = 8 / REQUEST
"""What a run's requests need of memory against those of the probe."""
DENSE_SIDE = 3
"""Chips along the side of the ground that is probed of a dense block."""
LEAST_OPENING_S = 0.05
"""Least processor time of opening a model that says how busy the machine is."""
WAKE_S = 6.5
"""Seconds until a local Spark has a worker that is ready: JVM, context, Python (`python -m benchmarks --only fixed`)."""
WORKERS = 0.9
"""Pace of separate worker processes against one process on as many cores (`python -m benchmarks --only workers`)."""


@dataclass(frozen=True)
class Probe:
    """What one worker measured.

    Attributes:
        start_s: seconds before the first chip: reading the model, compiling it, the first look at the sources.
        memory: resident memory that the worker's process takes in a run, in bytes; 0 where the system does not tell.
    """

    chips: int
    start_s: float
    seconds: float
    memory: int
    part_bytes: int
    precision: str


@dataclass(frozen=True)
class Rates:
    """What a probe says of a run.

    Attributes:
        start_s: seconds before a worker's first chip.
        at_once: tasks that run at the same time.
    """

    probe: Probe
    seconds_per_chip: float
    start_s: float
    at_once: int

    def seconds(self, chips: int, blocks: int) -> float:
        """Time of so many chips in so many blocks, of which no more than those can run at once."""
        return self.start_s + chips / self.pace(blocks) if chips else 0.0

    def pace(self, blocks: int) -> float:
        """Chips a second while so many blocks are left."""
        return min(self.at_once, max(1, blocks)) / self.seconds_per_chip


def measure_rates(chips: Chips, settings: ScoreSettings, tasks: Sequence[BlockTask]) -> Rates:
    """Run a few chips of some blocks (at least one), keeping nothing.

    Where the run is to take place on this machine they run in this process, on as many cores: Spark takes longer to wake than
    they take. On a cluster a worker of its runs them.
    """
    if settings.master == INLINE or is_local(settings.master):
        return _rates_here(chips, settings, tasks)
    begun = time.perf_counter()
    with open_runner(settings.master, task_timeout_s=settings.task_timeout_s) as runner:
        woken = time.perf_counter() - begun
        job = job_of(chips, settings, runner, "")
        probe = runner.map(partial(probe_block, job), [orders_of(tasks, settings, job.threads)])[0]
        return _rates(probe, job, typical(tasks), woken, runner.parallelism)


def _rates_here(chips: Chips, settings: ScoreSettings, tasks: Sequence[BlockTask]) -> Rates:
    slots = slots_of(settings.master) if settings.master != INLINE else None
    threads = default_threads(slots) if slots else cores()
    at_once = (slots or threads) // threads
    job = job_of(chips, settings, InlineRunner(min(cores(), threads * at_once)), "")
    probe = probe_block(job, orders_of(tasks, settings, job.threads))
    rates = _rates(probe, job, typical(tasks), WAKE_S if slots else 0.0, at_once)
    slower = at_once / WORKERS if slots else 1.0
    return replace(rates, seconds_per_chip=rates.seconds_per_chip * slower)


def _rates(probe: Probe, job: ScoreJob, task: BlockTask, wake_s: float, at_once: int) -> Rates:
    part = cost_of(job, reduced(task, probe.chips, job.split)) / probe.chips
    seconds = probe.seconds / probe.chips * cost_of(job, task) / task.chips / part
    return Rates(probe, seconds, wake_s + probe.start_s, at_once)


def cost_of(job: ScoreJob, task: BlockTask) -> int:
    """Chips that go through the network for a task: its own, or those around the cells of a dense block."""
    return task.chips if job.split == 1 else len(chips_around(*task.cells(), job.split)[0])


def orders_of(tasks: Sequence[BlockTask], settings: ScoreSettings, threads: int) -> tuple[BlockTask, BlockTask]:
    """What a worker of so many threads probes: chips that warm each thread, then those that are timed, of one block."""
    task = typical(tasks)
    if settings.split > 1:
        chips = (DENSE_SIDE * settings.split) ** 2
        return reduced(task, chips, settings.split), reduced(task, chips, settings.split)
    warm = REQUEST * max(1, threads)
    chips = min(MOST, max(LEAST, sum(t.chips for t in tasks) // SHARE)) // warm * warm
    return reduced(task, warm, 1), reduced(task, max(warm, chips), 1)


def typical(tasks: Sequence[BlockTask]) -> BlockTask:
    """One of the fullest blocks, in the middle of them."""
    most = max(task.chips for task in tasks)
    full = [task for task in tasks if task.chips == most]
    return full[len(full) // 2]


def reduced(task: BlockTask, chips: int, split: int) -> BlockTask:
    """The first chips of a block, in image order; of a dense block those cells of its north-west that make a square."""
    rows, cols = task.cells()
    if split == 1:
        return BlockTask.of(task.block, task.key, (rows[:chips], cols[:chips]), task.survey)
    side = round(chips**0.5)
    near = (rows > rows.max() - side) & (cols < cols.min() + side)
    chosen = near if near.any() else rows == rows.max()
    return BlockTask.of(task.block, task.key, (rows[chosen], cols[chosen]), task.survey)


def probe_block(job: ScoreJob, orders: tuple[BlockTask, BlockTask]) -> Probe:
    """What a worker does: run both tasks into a folder that goes away, and time the second."""
    with tempfile.TemporaryDirectory(prefix="landuse-probe-") as folder:
        here, before = replace(job, parts=folder, batch=REQUEST), peak_memory()
        marks = [clocks()]
        if job.split == 1:
            open_runtime(job.model.locate(), kind=job.runtime, precision=job.precision, threads=job.threads)
        marks.append(clocks())
        first = score_task(here, replace(orders[0], key="first"))
        marks.append(clocks())
        second = score_task(here, replace(orders[1], key="second"))
        marks.append(clocks())
        size = sum(file.stat().st_size for file in Path(folder).glob("*second*"))
    seconds, chips = paced(job, marks), max(1, second.chips)
    start = max(0.0, marks[2][0] - marks[0][0] - seconds / chips * first.chips)
    larger = FULL_REQUEST if job.split == 1 else 1.0
    memory = before + round(larger * (peak_memory() - before))
    return Probe(chips, start, seconds, memory, size, second.precision)


def clocks() -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    return time.perf_counter(), time.process_time()


def paced(job: ScoreJob, marks: Sequence[tuple[float, float]]) -> float:
    """Seconds of the timed chips.

    A few chips take a fraction of a second, in which other programs have the processor all the time or never. So it is their
    processor time that counts, times what the opening of the model, which takes longer, got of the processor; and the clock
    where no model was opened, or where something else computes.

    Args:
        marks: clocks before and after the model was opened, after the first chips, and after those that are timed.
    """
    wall, cpu = np.diff(np.array(marks), axis=0).T
    if job.split > 1 or job.runtime != "openvino" or cpu[0] < LEAST_OPENING_S:
        return float(wall[2])
    return float(cpu[2] / max(1, job.threads) * max(1.0, wall[0] / cpu[0]))
