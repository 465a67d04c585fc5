"""The JVM of this process's Spark: started so that it keeps quiet, asked why where it fails, and ended with the process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

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
    """What Java writes to stderr: kept back while it starts, then passed on to that of this process.

    Attributes:
        lines: the last lines that were kept back.
    """

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
    """The message of the innermost cause of a Java exception that has one."""
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
