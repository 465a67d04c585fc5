import subprocess
import sys

import pytest

from landuse.engine import daemon

_PRELOAD = """
import os, sys
sys.path.insert(0, "/nowhere/pyspark/python/lib/pyspark.zip")
from landuse.engine.daemon import PRELOADED, preload
preload()
threads = len(os.listdir("/proc/self/task"))
print(threads, all(name in sys.modules for name in PRELOADED), "numpy" in sys.modules, sys.path[0].endswith(".zip"))
"""


def test_nothing_that_starts_threads_is_loaded_before_the_fork():
    done = subprocess.run([sys.executable, "-c", _PRELOAD], capture_output=True, text=True, check=True)
    assert done.stdout == "1 True False False\n"


@pytest.mark.parametrize(("error", "said"), [(BrokenPipeError(32, "Broken pipe"), False), (ValueError("odd"), True)])
def test_only_a_socket_that_is_gone_is_kept_quiet(capsys, error, said):
    try:
        raise error
    except (OSError, ValueError):
        daemon.print_unless_gone()
    assert bool(capsys.readouterr().err) == said
