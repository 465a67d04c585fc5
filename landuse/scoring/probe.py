"""Two blocks run for real and thrown away: how long a chip takes, and how much memory and room."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from landuse.chips import Chips
from landuse.engine.runner import open_runner
from landuse.grid import BLOCK
from landuse.scoring.block import ScoreJob
from landuse.scoring.plan import BlockTask, ScoreSettings
from landuse.scoring.run import job_of, score_task

DENSE_SHARE = 47
"""Per cent of a dense block's side that is probed."""
MOST_AT_ONCE = 2
"""Workers that probe at the same time where the master has several, so that they disturb each other as they will."""


@dataclass(frozen=True)
class Probe:
    """What one worker measured.

    Attributes:
        chips: chips of the second block.
        start_s: seconds before the first chip: loading the model, compiling it, the first look at the sources.
        seconds: seconds of the second block.
        memory: highest resident memory of the worker's process, in bytes.
        part_bytes: bytes of the second block's part.
        precision: arithmetic that the worker chose.
    """

    chips: int
    start_s: float
    seconds: float
    memory: int
    part_bytes: int
    precision: str


@dataclass(frozen=True)
class Rates:
    """What the probes say of a run.

    Attributes:
        seconds_per_chip: of one task.
        start_s: seconds before a worker's first chip.
        at_once: tasks that run at the same time.
        memory: highest resident memory of a worker's process, in bytes.
        part_bytes_per_chip: room that answers take until the map is written.
        precision: arithmetic of the network.
    """

    seconds_per_chip: float
    start_s: float
    at_once: int
    memory: int
    part_bytes_per_chip: float
    precision: str

    def seconds(self, chips: int, blocks: int) -> float:
        """Time of so many chips in so many blocks, of which no more than those can run at once."""
        return self.start_s + chips / self.pace(blocks) if chips else 0.0

    def pace(self, blocks: int) -> float:
        """Chips a second while so many blocks are left."""
        return min(self.at_once, max(1, blocks)) / self.seconds_per_chip


def measure_rates(chips: Chips, settings: ScoreSettings, tasks: Sequence[BlockTask]) -> Rates:
    """Run two of some blocks (at least one) where the settings say, keeping nothing.

    Every worker that probes runs both, so that the second shows the pace of a worker that is warm.
    """
    pair = typical(tasks)
    with open_runner(settings.master, task_timeout_s=settings.task_timeout_s) as runner:
        at_once = runner.parallelism
        job = job_of(chips, settings, runner, "")
        orders = [pair, pair[::-1]][: min(at_once, MOST_AT_ONCE)]
        probes = runner.map(partial(probe_blocks, job), orders)
    return Rates(
        seconds_per_chip=sum(p.seconds for p in probes) / max(1, sum(p.chips for p in probes)),
        start_s=max(p.start_s for p in probes),
        at_once=at_once,
        memory=max(p.memory for p in probes),
        part_bytes_per_chip=sum(p.part_bytes for p in probes) / max(1, sum(p.chips for p in probes)),
        precision=", ".join(sorted({p.precision for p in probes})),
    )


def typical(tasks: Sequence[BlockTask]) -> tuple[BlockTask, BlockTask]:
    """Two of the fullest blocks, a third of the way from either end; the same one twice where there is one alone."""
    most = max(task.chips for task in tasks)
    full = [task for task in tasks if task.chips == most]
    third = len(full) // 3
    return reduced(full[third]), reduced(full[len(full) - 1 - third])


def reduced(task: BlockTask) -> BlockTask:
    """The fullest quarter of a dense block, which says as much in less time; other blocks stay as they are.

    It is a little less than a quarter, so that with the ground around it it is one window as large as those of the block.
    """
    side = task.block.span * DENSE_SHARE // 100
    if task.block.span <= BLOCK:
        return task
    work, corner = task.work, task.block.cells
    down, right = work.rows - corner.row0, work.cols - corner.col0
    quarters = [
        (down >= row) & (down < row + side) & (right >= col) & (right < col + side)
        for row in (0, task.block.span - side)
        for col in (0, task.block.span - side)
    ]
    best = max(quarters, key=np.count_nonzero)
    return BlockTask.of(task.block, task.key, work.rows[best], work.cols[best])


def probe_blocks(job: ScoreJob, pair: tuple[BlockTask, BlockTask]) -> Probe:
    """What a worker does: run both blocks into a folder that goes away, and time the second."""
    with tempfile.TemporaryDirectory(prefix="landuse-probe-") as folder:
        here = replace(job, parts=folder)
        begun = time.perf_counter()
        first = score_task(here, replace(pair[0], key="first"))
        warm = time.perf_counter()
        second = score_task(here, replace(pair[1], key="second"))
        ended = time.perf_counter()
        size = sum(file.stat().st_size for file in Path(folder).glob("*second*"))
    pace = (ended - warm) / max(1, second.chips)
    start = max(0.0, warm - begun - pace * first.chips)
    return Probe(second.chips, start, ended - warm, highest_memory(), size, second.precision)


def highest_memory() -> int:
    """Highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
