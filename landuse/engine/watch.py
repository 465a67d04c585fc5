"""What Spark leaves to wait for ever: a task that hangs, a daemon that does not answer, a cluster without workers.

Spark's own timeout of Python workers asks an overdue process to end (SIGTERM), which one that is frozen or deep in native
code never does. So the driver looks which tasks are overdue and has Spark kill their workers, which it does by SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError

from landuse.engine.progress import tell
from landuse.engine.runner import ATTEMPTS
from landuse.engine.spark_settings import is_local
from landuse.errors import EngineError

if TYPE_CHECKING:
    from pyspark import SparkContext

OVERDUE = "the worker process took too long and was stopped"
WAIT_SETTING = "spark.landuse.workers.wait"
_STANDALONE_WAIT_S, _QUEUE_WAIT_S = 120, 600
_LOOK_S = 2.0
_QUIET_S, _REMIND_S = 5.0, 20.0
"""A cluster takes some seconds to start workers, which nobody need hear of."""
_STUBBORN_S = 10.0
"""Seconds after which a task that Spark has killed should be gone; it takes four."""
_MANY = 1 << 20


@dataclass
class Watch:
    """Looks after the jobs of one group while they run.

    Attributes:
        task_timeout_s: a task that takes longer is killed, and Spark tries it again; 0 is never.
        overdue: how often a task of each partition was killed.
    """

    context: SparkContext
    group: str
    task_timeout_s: int
    overdue: Counter[int] = field(default_factory=Counter)
    _killed: dict[int, float] = field(default_factory=dict)
    _next: float = 0.0
    _alone_since: float | None = None
    _told: float = 0.0

    def look(self) -> None:
        """Kill overdue tasks; nothing happens where the last look was a moment ago.

        Raises:
            EngineError: the cluster has had no worker for us for too long.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (min(_LOOK_S, self.task_timeout_s / 10) if self.task_timeout_s else _LOOK_S)
        with contextlib.suppress(Py4JError):  # Spark has come to an end meanwhile, and the job says so
            if not is_local(str(self.context.master)):
                self._await_workers(now)
            if self.task_timeout_s:
                self._end_overdue(now)

    def hopeless(self, waiting: Sequence[tuple[int, object]]) -> list[int]:
        """Index of each item of a job whose task was killed so often that another try is vain."""
        return [waiting[partition][0] for partition, times in self.overdue.items() if times >= ATTEMPTS]

    def _await_workers(self, now: float) -> None:
        """Say that there are no workers, and give up after a while. The driver counts as one of Spark's executors."""
        if len(_java(self.context).statusTracker().getExecutorInfos()) > 1:
            self._alone_since = None
            return
        if self._alone_since is None:
            self._alone_since, self._told = now, now - _REMIND_S + _QUIET_S
        limit, master = workers_wait(self.context), self.context.master
        if now - self._alone_since >= limit:
            raise EngineError(
                f"No worker of {master} has taken any work for {limit:.0f} s; see on the master's page that workers run "
                f"and have a core and memory to spare, or wait longer with Spark's setting {WAIT_SETTING}."
            )
        if now - self._told >= _REMIND_S:
            self._told = now
            tell(f"No worker of {master} has joined yet; waiting {limit - now + self._alone_since:.0f} s more.")

    def _end_overdue(self, now: float) -> None:
        """Kill what has run too long; on this machine end Spark's Python altogether where that did not help."""
        running = self._running()
        self._killed = {task: when for task, when in self._killed.items() if task in running}
        for task, (partition, seconds) in running.items():
            if seconds > self.task_timeout_s and task not in self._killed:
                self._killed[task] = now
                self.overdue[partition] += 1
                _java(self.context).killTaskAttempt(task, True, OVERDUE)
        if any(now - when > _STUBBORN_S for when in self._killed.values()):
            self._killed = dict.fromkeys(self._killed, now)
            end_daemons(self.context)

    def _running(self) -> dict[int, tuple[int, float]]:
        tracker = self.context.statusTracker()
        infos = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(self.group)]
        stages = {stage for info in infos if info is not None for stage in info.stageIds}
        api = self.context._jvm.org.apache.spark.status.api.v1  # type: ignore[union-attr]
        wanted = self.context._jvm.java.util.ArrayList()  # type: ignore[union-attr]
        wanted.add(api.TaskStatus.RUNNING)
        clock, found = time.time(), {}
        for stage in stages:
            tasks = _java(self.context).statusStore().taskList(stage, 0, 0, _MANY, api.TaskSorting.ID, wanted)
            for task in (tasks.apply(number) for number in range(tasks.size())):
                found[int(task.taskId())] = (int(task.partitionId()), clock - task.launchTime().getTime() / 1000)
        return found


def workers_wait(context: SparkContext) -> float:
    """Seconds for which a cluster may have no worker for us: two minutes, or ten where a queue or a cloud hands them out."""
    usual = _STANDALONE_WAIT_S if str(context.master).startswith("spark") else _QUEUE_WAIT_S
    return float(str(context.getConf().get(WAIT_SETTING, str(usual))).removesuffix("s"))


def end_daemons(context: SparkContext) -> None:
    """Kill the Python processes of a local context, which Spark then starts anew; their daemon leads a process group.

    For daemons that do not answer. Nothing happens on a cluster, whose executors end themselves (`spark.task.reaper`), and
    where the system does not list a process's children (other than Linux).
    """
    process = getattr(context._gateway, "proc", None)
    if process is None or not is_local(str(context.master)):
        return
    for child in children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            leads = os.getpgid(child) == child
            (os.killpg if leads else os.kill)(child, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Process ids of the children of a process, as Linux lists them."""
    found: list[int] = []
    for lists in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, lists.read_text().split())
    return found


def _java(context: SparkContext) -> Any:  # noqa: ANN401
    return context._jsc.sc()
