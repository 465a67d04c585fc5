"""Spark's Python daemon, as the sessions of one machine start it: sooner ready, and silent when a session closes.

The daemon forks a worker for each task slot. Spark has it import pyspark from a zip file, which Python compiles anew in
every process (1.4 s); here it comes from the installed package (0.3 s), and once, before the fork.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from landuse.environment import keep_to_own_data

# No module that starts threads (numpy and pyarrow do): a fork would not carry them over.
PRELOADED = ("pyspark.worker", "landuse.engine.spark_runner")


def main() -> None:
    """Serve workers until Spark closes this process's stdin."""
    keep_to_own_data()
    preload()
    daemon = import_module("pyspark.daemon")
    vars(daemon)["traceback"] = SimpleNamespace(print_exc=print_unless_gone, format_exc=traceback.format_exc)
    daemon.manager()


def preload() -> None:
    """Import what every worker needs from where it is compiled already."""
    sys.path.sort(key=lambda entry: Path(entry).suffix == ".zip")  # the sort keeps the order of all others
    for name in PRELOADED:
        import_module(name)


def print_unless_gone() -> None:
    """Print the exception that is being handled, unless it says that the other end of a socket is gone.

    Over unix sockets an idle worker may find the JVM gone while a session closes; nothing is lost by then.
    """
    if not isinstance(sys.exc_info()[1], BrokenPipeError | ConnectionResetError):
        traceback.print_exc()


if __name__ == "__main__":
    main()
