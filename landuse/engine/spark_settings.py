"""Spark masters, and what Spark is told before it starts: what a user chose, and the settings and environment that follow."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import landuse
from landuse.engine.java import find_java, java_home
from landuse.engine.machine import cores
from landuse.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pyspark import SparkConf


TRIES = 3
"""Of a task; a local master that does not say gives up at the first failure."""
_MASTER = re.compile(r"local(\[[\d*]+(,\d+)?\])?|local-cluster\[.+\]|spark://.+|k8s://.+|yarn")
_LOCAL = re.compile(r"local(?:\[(?P<threads>\*|\d+)(?P<tries>,\d+)?\])?")
_CONNECT_S = 5


def is_master(text: str) -> bool:
    """Whether a text is the address of a Spark master."""
    return _MASTER.fullmatch(text) is not None


def is_local(master: str) -> bool:
    """Whether a Spark master is this process and its workers, and no cluster. ``local-cluster`` behaves as a cluster."""
    return _LOCAL.fullmatch(master) is not None


def slots_of(master: str) -> int | None:
    """How many threads a local master runs tasks on, or None for a cluster."""
    match = _LOCAL.fullmatch(master)
    if match is None:
        return None
    return cores() if match["threads"] == "*" else int(match["threads"] or 1)


def spelt_out(master: str) -> str:
    """The master with our count of cores, and with retries where a local master would have none."""
    match = _LOCAL.fullmatch(master)
    if match is None:
        return master
    return f"local[{slots_of(master)}{match['tries'] or f',{TRIES}'}]"


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
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except ValueError:
        return "the port is missing, usually 7077"
    except OSError as error:
        return error.strerror or str(error)
    return None


LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
ADDRESSES_OF_STORES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")
"""What a cluster's workers take over from the driver's environment. Keys are not among it: Spark's page would show them."""
_JVM_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")  # the JVM only hands out addresses
_REAP = "60s"
_LONGEST_SOCKET_FOLDER = 60  # the path of a unix socket has room for about 100 bytes, and Spark's names take 42


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How to start Spark where none is running yet.

    Attributes:
        cores_per_task: `spark.task.cpus`: threads that one task uses.
        driver_memory: heap of a local master's JVM, as Spark writes it; a cluster's is set with Spark's other settings.
    """

    master: str
    cores_per_task: int = 1
    driver_memory: str = "1g"
    log_level: str = "ERROR"
    config: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_master(self.master):
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
        return slots_of(self.master)

    @property
    def local(self) -> bool:
        """Whether Spark runs tasks on this machine, in processes that the driver starts."""
        return is_local(self.master)


def spark_conf(options: SessionOptions, scratch: Path) -> SparkConf:
    """The settings of a session."""
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
            "spark.task.maxFailures": str(TRIES),
            "spark.driver.memory": options.driver_memory,
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": str(scratch),
            "spark.jars.ivy": str(scratch / "ivy"),  # else it lies in the home that a user without an entry has not
            "spark.python.daemon.module": "landuse.engine.daemon",
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
            "spark.sql.shuffle.partitions": str(2 * (options.slots or cores())),
        }
    return SparkConf().setMaster(spelt_out(options.master)).setAll([*settings.items(), *options.config.items()])


def _java_options(options: SessionOptions) -> list[str]:
    level = options.log_level.lower()
    tasks = [] if level in ("error", "fatal", "off") else [f"-Dlanduse.task.log.level={level}"]
    flags = list(_JVM_FLAGS) if options.local else []
    return [*flags, f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}", f"-Dlanduse.log.level={level}", *tasks]


def launch_variables(options: SessionOptions) -> dict[str, str]:
    """The environment that the JVM starts in."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started it already
        return {}
    import pyspark

    variables = {"JAVA_HOME": str(java_home(find_java()))}
    if options.local:
        variables |= {"SPARK_HOME": str(Path(pyspark.__file__).parent), "SPARK_LOCAL_IP": "127.0.0.1"}
        variables["PYSPARK_SUBMIT_ARGS"] = "pyspark-shell"  # notebook images leave another master in it
    return variables


def python_variables(options: SessionOptions) -> dict[str, str]:
    """Which Python the workers run: this one, unless the user names another for a cluster."""
    return {} if "PYSPARK_PYTHON" in os.environ and not options.local else {"PYSPARK_PYTHON": sys.executable}


def worker_variables(options: SessionOptions) -> dict[str, str]:
    """What Python workers get to know: here where the driver found its modules, on a cluster where objects lie."""
    if not options.local:
        return {name: os.environ[name] for name in ADDRESSES_OF_STORES if name in os.environ}
    own = (sys.prefix, sys.base_prefix)  # what lies there, the same interpreter finds by itself
    folders = [str(Path(entry).absolute()) for entry in sys.path if not entry.startswith(own)]
    home = str(Path(landuse.__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys([*folders, home]))}


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
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
