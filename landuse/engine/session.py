"""Spark, started so that a plain local run is quick, quiet, and seen by nobody outside this machine."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import landuse
from landuse.engine.java import find_java, java_home
from landuse.engine.machine import cores
from landuse.engine.shipping import package_zip
from landuse.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
_MASTER = re.compile(r"local(\[[\d*]+(,\d+)?\])?|local-cluster\[.+\]|spark://.+|k8s://.+|yarn")
_LOCAL = re.compile(r"local(?:\[(?P<threads>\*|\d+)(?P<tries>,\d+)?\])?")
_TRIES = 3  # of a task; a local master that does not say gives up at the first failure
ADDRESSES_OF_STORES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
"""What a cluster's workers take over from the driver's environment. Keys are not among it: Spark's page would show them."""
_JVM_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")  # the JVM only hands out addresses
_JVM_PATIENCE_S = 5
_REAP = "60s"
_CONNECT_S = 5
_LONGEST_SOCKET_FOLDER = 60  # the path of a unix socket has room for about 100 bytes, and Spark's names take 42


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How to start Spark where none is running yet.

    Attributes:
        master: a Spark master URL.
        cores_per_task: `spark.task.cpus`: threads that one task uses.
        driver_memory: heap of a local master's JVM, as Spark writes it; a cluster's is set with Spark's other settings.
        log_level: of Spark's own messages on stderr.
        config: further Spark settings; they win.
    """

    master: str
    cores_per_task: int = 1
    driver_memory: str = "1g"
    log_level: str = "ERROR"
    config: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if _MASTER.fullmatch(self.master) is None:
            raise UsageError(
                f"{self.master!r} is no Spark master; give one such as local[*] or spark://host:7077, "
                "or inline to run without Spark."
            )
        if self.cores_per_task < 1:
            raise UsageError(f"A task needs at least one thread, not {self.cores_per_task}.")
        if self.slots is not None and self.slots < self.cores_per_task:
            raise UsageError(
                f"A task of {self.cores_per_task} threads never fits into {self.master}, which has {self.slots}; "
                "give a larger master or fewer threads a task."
            )

    @property
    def slots(self) -> int | None:
        """How many threads a local master runs tasks on, or None for a cluster."""
        match = _LOCAL.fullmatch(self.master)
        if match is None:
            return None
        return cores() if match["threads"] == "*" else int(match["threads"] or 1)

    @property
    def local(self) -> bool:
        """Whether Spark runs tasks on this machine, in processes that the driver starts."""
        return is_local(self.master)


def is_local(master: str) -> bool:
    """Whether a Spark master is this process and its workers, and no cluster. ``local-cluster`` behaves as a cluster."""
    return _LOCAL.fullmatch(master) is not None


@contextmanager
def spark_session(
    master: str, *, cores_per_task: int = 1, config: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """Yield a Spark session; one that is active already is used as it is and stays open.

    Args:
        master: a Spark master URL.
        cores_per_task: threads that one task uses.
        config: further Spark settings; they win.

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
    """Yield a Spark context: all that a runner needs, and about two seconds sooner than a session.

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


def check_reachable(master: str) -> None:
    """Raise `EngineError` where no host of a ``spark://`` master answers. Spark itself takes a minute to say so."""
    if not master.startswith("spark://"):
        return
    hosts = master.removeprefix("spark://").split(",")
    reasons = [reason for reason in map(_unreachable, hosts) if reason is not None]
    if len(reasons) == len(hosts):
        raise EngineError(
            f"No Spark master answers at {master} ({reasons[0]}); see that it runs and can be reached from here, "
            "or use --master inline."
        )


def _unreachable(address: str) -> str | None:
    """Why ``host:port`` cannot be reached, or None."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except ValueError:
        return "the port is missing, usually 7077"
    except OSError as error:
        return error.strerror or str(error)
    return None


def active_context() -> SparkContext | None:
    """Return the Spark context of this process, if there is one."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext

    return SparkContext._active_spark_context


@cache
def _scratch() -> Path:
    """Return this process's folder for Spark's files, removed at the end: a JVM keeps to the one it was started with."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-spark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(options: SessionOptions, scratch: Path) -> SparkContext:
    """Start the JVM unless one is left from before, and a context in it."""
    from py4j.protocol import Py4JError
    from pyspark import SparkContext
    from pyspark.errors import PySparkException

    first = SparkContext._gateway is None
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        with _environment(_python_variables(options) | (_launch_variables(options) if first else {})):
            context = SparkContext(conf=_conf(options, scratch), environment=_worker_variables(options))
        if not options.local:
            _ship_package(context)
    except (Py4JError, PySparkException, OSError) as error:
        reason = str(error).strip().splitlines()
        raise EngineError(
            f"Spark does not start on {options.master} ({reason[0] if reason else type(error).__name__}); "
            "see that the master is right and reachable, run 'landuse doctor', or use --master inline."
        ) from error
    finally:
        # Spark's own handler outlives the context and then hides Ctrl-C behind an error; the runner cancels its jobs.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)
    if first:
        atexit.register(_end_jvm)
    return context


def _ship_package(context: SparkContext) -> None:
    """Have a cluster's workers run the code that this process runs; close the context where it has lost its master."""
    from py4j.protocol import Py4JError

    try:
        context.addPyFile(str(package_zip(_scratch())))
    except Py4JError:
        context.stop()
        raise


def _end_jvm() -> None:
    """Close the JVM that this process started and wait for it, so that nothing is left when a command returns."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    if gateway is None or process is None:
        return
    if active_context() is None:  # else someone still uses it; it goes when our end of its stdin does
        gateway.shutdown()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_JVM_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _conf(options: SessionOptions, scratch: Path) -> SparkConf:
    """Return the settings of a session."""
    from pyspark import SparkConf

    settings = {
        "spark.app.name": "landuse",
        "spark.ui.showConsoleProgress": "false",
        "spark.python.worker.reuse": "true",
        # Over TCP each task waits 40 ms for a delayed acknowledgement: measured 54 ms a task, against 14 ms.
        "spark.python.unix.domain.socket.enabled": "true",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.driver.extraJavaOptions": " ".join(_java_options(options)),
    }
    if options.local and len(str(scratch)) < _LONGEST_SOCKET_FOLDER:
        settings["spark.python.unix.domain.socket.dir"] = str(scratch)
    if options.local or options.cores_per_task > 1:
        settings["spark.task.cpus"] = str(options.cores_per_task)
    if not options.local:  # an executor that cannot end a task's Python ends itself, and Spark starts another
        settings |= {"spark.task.reaper.enabled": "true", "spark.task.reaper.killTimeout": _REAP}
    else:  # a cluster has settings of its own for these
        settings |= {
            "spark.task.maxFailures": str(_TRIES),
            "spark.driver.memory": options.driver_memory,
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": str(scratch),
            "spark.python.daemon.module": "landuse.engine.daemon",
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
            "spark.sql.shuffle.partitions": str(2 * (options.slots or cores())),
        }
    return SparkConf().setMaster(_spelt_out(options)).setAll([*settings.items(), *options.config.items()])


def _spelt_out(options: SessionOptions) -> str:
    """Return the master with our count of cores, and with retries where a local master would have none."""
    match = _LOCAL.fullmatch(options.master)
    if match is None:
        return options.master
    return f"local[{options.slots}{match['tries'] or f',{_TRIES}'}]"


def _java_options(options: SessionOptions) -> list[str]:
    """Return the flags of the driver's JVM."""
    level = options.log_level.lower()
    tasks = [] if level in ("error", "fatal", "off") else [f"-Dlanduse.task.log.level={level}"]
    flags = list(_JVM_FLAGS) if options.local else []
    return [*flags, f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}", f"-Dlanduse.log.level={level}", *tasks]


def _launch_variables(options: SessionOptions) -> dict[str, str]:
    """Return the environment that the JVM starts in."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started it already
        return {}
    import pyspark

    variables = {"JAVA_HOME": str(java_home(find_java()))}
    if options.local:
        variables |= {"SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_LOCAL_IP": "127.0.0.1"}
    return variables


def _python_variables(options: SessionOptions) -> dict[str, str]:
    """Return which Python the workers run: this one, unless the user names another for a cluster."""
    return {} if "PYSPARK_PYTHON" in os.environ and not options.local else {"PYSPARK_PYTHON": sys.executable}


def _worker_variables(options: SessionOptions) -> dict[str, str]:
    """Return what Python workers get to know: here where the driver found its modules, on a cluster where objects lie."""
    if not options.local:
        return {name: os.environ[name] for name in ADDRESSES_OF_STORES if name in os.environ}
    own = (sys.prefix, sys.base_prefix)  # what lies there, the same interpreter finds by itself
    folders = [str(Path(entry).absolute()) for entry in sys.path if not entry.startswith(own)]
    home = str(Path(landuse.__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys([*folders, home]))}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the body and put the old ones back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
