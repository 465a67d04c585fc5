"""Runners: "run this function over this work", here or on Spark. A stage does not know which one it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from landuse.engine.machine import cores
from landuse.engine.progress import tell
from landuse.engine.spark_settings import is_local
from landuse.engine.task import SharedFile, attempt, ignore, settle
from landuse.errors import EngineError, MissingDependencyError

T = TypeVar("T")
R = TypeVar("R")

INLINE = "inline"
_MOST_LOCAL_TASKS = 8


class Runner(Protocol):
    """Runs a function over work items."""

    @property
    def name(self) -> str:
        """What to call this runner in a record: ``inline`` or the Spark master's URL."""

    @property
    def parallelism(self) -> int:
        """How many tasks run at once."""

    @property
    def threads_per_task(self) -> int:
        """How many threads the inference of one task should use."""

    def share(self, path: Path) -> SharedFile:
        """A file of this machine for tasks to read: they call its `locate`. A cluster is sent a copy, once a file."""

    def map(
        self,
        task: Callable[[T], R],
        work: Sequence[T],
        on_done: Callable[[R], None] = ignore,
        on_lost: Callable[[T, str], R] | None = None,
    ) -> list[R]:
        """Run `task` over each item of `work`.

        Args:
            task: runs in this process or in a worker's; must be picklable by cloudpickle, and cheap to pickle. A
                worker process serves many tasks, so a module-level cache keeps what is dear to make.
            work: small descriptions of work, never pixels.
            on_done: called in this process with each result as it comes, in any order.
            on_lost: makes the result of an item that failed three times because of the machine (a full disk, a lost
                worker), from the item and the cause in words. Without it such an item ends the run.

        Returns:
            The results in the order of `work`.

        Raises:
            LanduseError: the one that a task raised, of its own class.
            EngineError: an item was lost and there is no `on_lost`; a task has a mistake in its code (Spark only: the
                inline runner lets the exception itself through).
        """


@dataclass(frozen=True, slots=True)
class InlineRunner:
    """Runs tasks in this process, one after another, each with all cores for its inference."""

    threads_per_task: int
    name: str = INLINE
    parallelism: int = 1

    def share(self, path: Path) -> SharedFile:
        """A file as it lies here."""
        return SharedFile(str(path.resolve()))

    def map(
        self,
        task: Callable[[T], R],
        work: Sequence[T],
        on_done: Callable[[R], None] = ignore,
        on_lost: Callable[[T, str], R] | None = None,
    ) -> list[R]:
        """Run `task` over each item of `work`; see `Runner.map`."""
        results = []
        for index, item in enumerate(work):
            result = settle(attempt(task, index, item), item, on_lost)
            on_done(result)
            results.append(result)
        return results


@contextmanager
def open_runner(master: str, *, threads_per_task: int | None = None, task_timeout_s: int = 0) -> Iterator[Runner]:
    """A runner for `master`, and close what was opened for it.

    Args:
        master: ``inline``, or any Spark master URL. A Spark session that is active already is used and stays open. Where
            Spark cannot start on this machine (no Java, say), a local master runs inline, and a line says why.
        threads_per_task: inference threads of one task. By default all cores inline. A local master runs one task a
            core with one thread each, since separate tasks need not wait for each other while separate threads do;
            beyond eight cores it gives a task more threads, since each task's process holds a model of its own.
        task_timeout_s: a Spark task that takes longer is killed and tried again; 0 is never.

    Raises:
        UsageError: no such kind of master, or a task that never fits into it.
        MissingDependencyError: no Java 17 or newer, for a cluster.
        EngineError: a cluster does not answer.
    """
    with ExitStack() as stack:
        if master == INLINE:
            yield InlineRunner(threads_per_task or cores())
            return
        try:
            runner = _spark_runner(stack, master, threads_per_task, task_timeout_s)
        except (MissingDependencyError, EngineError) as error:
            if not is_local(master):
                raise
            tell(f"Running in one process, as --master inline does: {error}")
            runner = InlineRunner(threads_per_task or cores())
        yield runner


def _spark_runner(stack: ExitStack, master: str, threads_per_task: int | None, task_timeout_s: int) -> Runner:
    """A runner on Spark, which the stack closes."""
    from landuse.engine.session import spark_context
    from landuse.engine.spark_runner import SparkRunner
    from landuse.engine.spark_settings import SessionOptions

    threads = threads_per_task or default_threads(SessionOptions(master).slots)
    context = stack.enter_context(spark_context(SessionOptions(master, cores_per_task=threads)))
    return SparkRunner(context, task_timeout_s)


def default_threads(slots: int | None) -> int:
    """The threads of a task on a local master of so many slots; 1 on a cluster (None)."""
    return 1 if slots is None else max(1, slots // _MOST_LOCAL_TASKS)
