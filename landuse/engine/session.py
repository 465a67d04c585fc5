"""Where work runs: in this process, or on Spark, started so that a local run is quick, quiet, and seen by nobody outside."""

from __future__ import annotations

import atexit
import logging
import shutil
import signal
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import landuse
from landuse.engine.java import JavaDidNotStart, end_jvm, launch, reason_of
from landuse.engine.machine import cores
from landuse.engine.progress import busy, tell
from landuse.engine.runner import INLINE, InlineRunner, Runner
from landuse.engine.spark_settings import (
    SessionOptions,
    check_reachable,
    environment,
    is_local,
    launch_variables,
    python_variables,
    spark_conf,
    worker_variables,
)
from landuse.errors import EngineError, MissingDependencyError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_MOST_LOCAL_TASKS = 8
_BUILT = (1980, 1, 1, 0, 0, 0)  # one date for all, so that the same code gives the same bytes
_DATA = (".yaml", ".json", ".properties", ".typed", ".html")


@contextmanager
def spark_session(
    master: str, *, cores_per_task: int = 1, config: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """A Spark session; one that is active already is used as it is and stays open.

    Raises:
        MissingDependencyError: no Java 17 or newer.
        UsageError: no such kind of master.
        EngineError: Spark does not start.
    """
    owned = active_context() is None
    with spark_context(SessionOptions(master, cores_per_task=cores_per_task, config=config or {})):
        from pyspark.sql import SparkSession

        session = SparkSession.builder.getOrCreate()
        try:
            if owned and not is_local(master):
                _await_worker(session.sparkContext)
            yield session
        finally:
            if owned:
                session.stop()


def _await_worker(context: SparkContext) -> None:
    """Run one task, since SQL and MLlib would wait silently for a cluster that has no worker. Raises `EngineError`."""
    from landuse.engine.spark_runner import SparkRunner

    SparkRunner(context).map(bool, [0])


@contextmanager
def spark_context(options: SessionOptions) -> Iterator[SparkContext]:
    """A Spark context: all that a runner needs, and about two seconds sooner than a session.

    Raises as `spark_session` does.
    """
    active = active_context()
    if active is not None:
        yield active
        return
    check_reachable(options.master)
    context = _start(options, _scratch())
    try:
        yield context
    finally:
        context.stop()


def active_context() -> SparkContext | None:
    """The Spark context of this process, if there is one."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext

    return SparkContext._active_spark_context


@cache
def _scratch() -> Path:
    """The folder of this process for Spark's files, removed at the end: a JVM keeps to the one it was started with."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(options: SessionOptions, scratch: Path) -> SparkContext:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    logging.getLogger().addFilter(_no_interrupt)
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        with busy("starting Spark"):
            return _context(options, scratch)
    except (JavaDidNotStart, Py4JError, PySparkException, OSError) as error:
        mend = "mend that" if options.local else "see that the master is right and reachable"
        raise EngineError(
            f"Spark does not start on {options.master} ({reason_of(error)}); {mend}, or use --master inline."
        ) from error
    finally:
        # Spark's own handler outlives the context and then hides Ctrl-C behind an error; the runner cancels its jobs.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)


def _context(options: SessionOptions, scratch: Path) -> SparkContext:
    """A context in the JVM of this process, with our code where workers need it."""
    from pyspark import SparkContext

    first = SparkContext._gateway is None
    conf = spark_conf(options, scratch)
    with environment(python_variables(options) | (launch_variables(options) if first else {})):
        gateway, errors = launch(conf) if first else (None, None)
        try:
            context = SparkContext(conf=conf, gateway=gateway, environment=worker_variables(options))
        finally:
            if first:
                atexit.register(end_jvm)
    if errors is not None:
        errors.release()
    if not options.local:
        _ship_package(context)
    return context


def _no_interrupt(record: logging.LogRecord) -> bool:
    """Whether a log record may pass: not py4j's trace of Ctrl-C, which it gives to the root logger and raises as well."""
    return record.msg != "KeyboardInterrupt while sending command."


def _ship_package(context: SparkContext) -> None:
    """Have a cluster's workers run the code that this process runs; close the context where it has lost its master."""
    from py4j.protocol import Py4JError

    try:
        context.addPyFile(str(package_zip(_scratch())))
    except Py4JError:
        context.stop()
        raise


def package_zip(folder: Path) -> Path:
    """Write ``landuse.zip`` into `folder`: the modules and their small data files, no weights. Returns its path."""
    home = Path(landuse.__file__).parent
    path = folder / "landuse.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(home.rglob("*")):
            if file.suffix == ".py" or file.suffix in _DATA:
                entry = zipfile.ZipInfo(str(file.relative_to(home.parent)), _BUILT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return path


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
    from landuse.engine.spark_runner import SparkRunner

    threads = threads_per_task or default_threads(SessionOptions(master).slots)
    context = stack.enter_context(spark_context(SessionOptions(master, cores_per_task=threads)))
    return SparkRunner(context, task_timeout_s)


def default_threads(slots: int | None) -> int:
    """The threads of a task on a local master of so many slots; 1 on a cluster (None)."""
    return 1 if slots is None else max(1, slots // _MOST_LOCAL_TASKS)
