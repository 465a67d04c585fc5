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

from landuse.chips import Chips
from landuse.engine.runner import open_runner
from landuse.scoring.block import ScoreJob, score_block
from landuse.scoring.plan import BlockTask, ScoreSettings
from landuse.scoring.run import job_of

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

    def seconds(self, chips: int) -> float:
        """Time of so many chips."""
        return self.start_s + chips * self.seconds_per_chip / self.at_once if chips else 0.0


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
    return full[third], full[len(full) - 1 - third]


def probe_blocks(job: ScoreJob, pair: tuple[BlockTask, BlockTask]) -> Probe:
    """What a worker does: run both blocks into a folder that goes away, and time the second."""
    with tempfile.TemporaryDirectory(prefix="landuse-probe-") as folder:
        here = replace(job, parts=folder)
        begun = time.perf_counter()
        first = score_block(here, replace(pair[0], key="first").work)
        warm = time.perf_counter()
        second = score_block(here, replace(pair[1], key="second").work)
        ended = time.perf_counter()
        size = sum(file.stat().st_size for file in Path(folder).glob("*second*"))
    pace = (ended - warm) / max(1, second.chips)
    start = max(0.0, warm - begun - pace * first.chips)
    return Probe(second.chips, start, ended - warm, highest_memory(), size, second.precision)


def highest_memory() -> int:
    """Highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
