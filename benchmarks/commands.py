"""Running a command and measuring it: seconds, peak memory, and what it printed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 600
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
"""Where this is set each start compiles the package's modules anew; where the package is installed, pip has compiled them."""
_RATE = re.compile(r"chips/s ([\d.]+)")


class BenchError(Exception):
    """A measurement could not be made; the message says why."""


@dataclass(frozen=True)
class Ran:
    """What became of a command.

    Attributes:
        seconds: from its start to its end.
        peak: most bytes of memory that any one of its processes held; never less than this process holds itself, since the
            system counts from before the command took its place. So nothing large is made in this process.
        output: its standard output.
    """

    seconds: float
    peak: int
    output: str

    @property
    def rate(self) -> float:
        """The chips/s that it printed."""
        found = _RATE.findall(self.output)
        if not found:
            raise BenchError(f"it printed no chips/s: {self.output.strip()[-200:]}")
        return float(found[-1])


def run(command: Sequence[str | Path]) -> Ran:
    """Run a command from the repository's root; one that takes ten minutes is killed.

    Raises:
        BenchError: it did not end with status 0.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        words = [str(word) for word in command]
        process = subprocess.Popen(
            words,
            stdout=output,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != UNCOMPILED},
        )
        timer = threading.Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (output, errors):
            stream.seek(0)
        if process.returncode:
            said = " ".join(errors.read().split())[-300:]
            raise BenchError(f"{' '.join(words[1:5])} ended with {process.returncode}: {said}")
        return Ran(seconds, usage.ru_maxrss * 1024, output.read())


def python(script: Path, *arguments: str | Path) -> Ran:
    """Run a script with this interpreter."""
    return run([sys.executable, script, *arguments])


def module(name: str, *arguments: str | Path) -> Ran:
    """Run a module with this interpreter."""
    return run([sys.executable, "-m", name, *arguments])


def landuse(*arguments: str | Path) -> Ran:
    """Run a command of landuse."""
    return module("landuse", *arguments)
