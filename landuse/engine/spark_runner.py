"""The runner on Spark: one Spark task a work item, results as they come, and no Java traces for the user."""

from __future__ import annotations

import atexit
import gc
import hashlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from py4j.protocol import Py4JError
from pyspark.accumulators import AccumulatorParam

from landuse.engine.java import message_of
from landuse.engine.runner import Lost, Outcome, Runner, SharedFile, attempt
from landuse.engine.spark_settings import is_local
from landuse.engine.watch import OVERDUE, Watch
from landuse.errors import EngineError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.accumulators import Accumulator

T = TypeVar("T")
R = TypeVar("R")

DIGITS = 24
_POLL_S = 0.05
_PATIENCE_S = 4  # Spark kills a Python worker two seconds after its task was cancelled
_CALLS = 3
_FAILED_TASK = re.compile(r"Task (\d+) in stage \S+ failed \d+ times")
_PYTHON_ERROR = re.compile(r"^( *)Traceback \(most recent call last\):\n(?:\1 .*\n)+\1(\S.*)", re.MULTILINE)
_LOST_TASK = re.compile(r"Lost task [^:]*: (?:[\w.]+: )?(.+)")


class _Outcomes(AccumulatorParam[list[Outcome]]):
    """Carries each task's outcome to the driver the moment the task ends, and counts a task that ran twice once."""

    def zero(self, value: list[Outcome]) -> list[Outcome]:
        """Nothing yet."""
        return []

    def addInPlace(self, value1: list[Outcome], value2: list[Outcome]) -> list[Outcome]:  # noqa: N802
        """The first list, with the outcomes of the second."""
        value1.extend(value2)
        return value1


class SparkRunner(Runner):
    """Runs tasks on a Spark context; see `Runner`.

    Each item is one Spark task, so Spark's own retries and resends work item by item. `spark.task.cpus` of the context
    is the number of threads of a task. A task that takes longer than `task_timeout_s` is killed and tried again; 0 is never.
    A worker process that dies or hangs in every try of an item costs that item alone: the rest goes into a new job.
    """

    def __init__(self, context: SparkContext, task_timeout_s: int = 0) -> None:
        self._context = context
        self._task_timeout_s = task_timeout_s
        self._shared: dict[Path, SharedFile] = {}

    @property
    def name(self) -> str:
        """The Spark master's URL."""
        return str(self._context.master)

    @property
    def threads_per_task(self) -> int:
        """`spark.task.cpus`."""
        return int(self._context.getConf().get("spark.task.cpus", "1") or 1)

    @property
    def parallelism(self) -> int:
        """How many tasks run at once, as far as Spark knows now; executors may still join."""
        return max(1, int(self._context.defaultParallelism) // self.threads_per_task)

    def share(self, path: Path) -> SharedFile:
        """A file for tasks to read; see `Runner.share`."""
        if path not in self._shared:
            self._shared[path] = share(self._context, path)
        return self._shared[path]

    def _outcomes(self, task: Callable[[T], R], waiting: list[tuple[int, T]]) -> Generator[Outcome, None, None]:
        """Run one Spark job and yield what becomes of its items as it becomes known; at worst one `Lost` at the end."""
        arrived: Accumulator[list[Outcome]] = self._context.accumulator([], _Outcomes())
        watch = Watch(self._context, f"landuse-{uuid.uuid4()}", self._task_timeout_s)
        done: set[int] = set()
        with self._job(_recorded(task, arrived), waiting, watch.group) as job:
            ended, lost = False, None
            while not ended and lost is None:
                ended = bool(wait([job], timeout=_POLL_S).done)
                news = arrived.value[len(done) :]
                done.update(outcome.index for outcome in news)
                yield from news
                watch.look()
                lost = next((i for i in watch.hopeless(waiting) if i not in done), None)
            error = job.exception() if ended else None
        arrived.value = []  # Spark keeps accumulators for as long as the process lives
        if lost is not None and not ended:
            yield Lost(lost, OVERDUE)
        if error is not None and self._stopped():
            raise EngineError(
                f"Spark on {self.name} came to an end: no master or no worker answers there; see that it runs and can be "
                "reached from here, or use --master inline."
            ) from error
        if error is not None:
            yield _lost(error, waiting)

    def _stopped(self) -> bool:
        """Whether Spark has given the whole context up, as it does a minute after it cannot reach its master."""
        java = self._context._jsc
        return java is None or bool(java.sc().isStopped())

    @contextmanager
    def _job(
        self, run: Callable[[Iterable[tuple[int, T]]], None], waiting: list[tuple[int, T]], group: str
    ) -> Iterator[Future[None]]:
        """Start a Spark job in a thread; cancel it where the body ends before it does (Ctrl-C, a task's error)."""

        def submit() -> None:
            """Run in the thread, since Spark keeps a job's group for each."""
            self._context.setJobGroup(group, "landuse", interruptOnCancel=True)
            self._context.parallelize(waiting, max(1, len(waiting))).foreachPartition(run)

        pool = ThreadPoolExecutor(1, thread_name_prefix="landuse-spark")
        job = pool.submit(submit)
        try:
            yield job
        finally:
            if not job.done():
                self._cancel(group)
                wait([job], timeout=_PATIENCE_S)
            pool.shutdown(wait=False)

    def _cancel(self, group: str) -> None:
        """Cancel a job. Ctrl-C in the midst of a call to the JVM leaves the next call without an answer."""
        for _ in range(_CALLS):
            with suppress(Py4JError):
                self._context.cancelJobGroup(group)
                return


def _recorded(task: Callable[[T], R], arrived: Accumulator[list[Outcome]]) -> Callable[[Iterable[tuple[int, T]]], None]:
    """The function that runs in a Python worker: each item through `attempt`, its outcome into `arrived`."""

    def run(items: Iterable[tuple[int, T]]) -> None:
        """What Spark calls in a worker with the items of a partition."""
        for index, item in items:
            arrived.add([attempt(task, index, item)])
        _spare_collector()

    return run


@cache
def _spare_collector() -> None:
    """Have the garbage collector pass over what this worker has loaded by the end of its first task.

    Spark's daemon runs a full collection after every task, and goes through all modules and models each time.
    """
    gc.collect()
    gc.freeze()


def _lost(error: BaseException, waiting: list[tuple[int, T]]) -> Lost:
    """Which item a failed job lost and why.

    Raises:
        EngineError: the code of the task is at fault, or Spark itself.
    """
    message = str(error)
    raised = _PYTHON_ERROR.findall(message)
    failed = _FAILED_TASK.search(message)
    if failed is None or raised:
        reason = raised[-1][1] if raised else message_of(error)
        raise EngineError(f"Spark gave the work up ({reason}); run it with --master inline to see where.") from error
    return Lost(waiting[int(failed[1])][0], _cause(message))


def _cause(message: str) -> str:
    if "exited unexpectedly" in message or "ExecutorLost" in message:
        return "the worker process died"
    lost = _LOST_TASK.search(message)
    return lost[1] if lost else message.strip().split("\n")[0]


def share(context: SparkContext, path: Path) -> SharedFile:
    """An address of a file that the workers of a context can use; on a cluster the file is sent to them."""
    return SharedFile(str(path.resolve())) if is_local(str(context.master)) else send(context, path)


def send(context: SparkContext, path: Path) -> SharedFile:
    """Give a file to Spark under a name made of its content, so that two files of one name do not meet."""
    with path.open("rb") as stream:
        name = hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS] + path.suffix
    copy = scratch() / name
    if not copy.exists():
        shutil.copyfile(path, copy)
    context.addFile(str(copy))
    return SharedFile(str(path.resolve()), name)


@cache
def scratch() -> Path:
    """A folder for files of this process, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
