"""Ctrl-C: at an end within seconds, nothing half done, nothing left running, and a sentence on how to go on."""

import os
import signal
import time

import pytest

from tests.cluster.conftest import BLOCKS, command
from tests.cluster.processes import Command, busy, counts, descendants, gone, here, parts_of, same_files, until

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine

SENTENCE = "Stopped. Run the same command again to go on.\n"
LIMIT_S = 5


@pytest.mark.parametrize("master", ["inline", pytest.param("local[2]", marks=pytest.mark.spark)])
def test_ctrl_c(work, undisturbed, tmp_path, master):
    out = tmp_path / "map"
    one = Command.start(*command(work, out, master))
    until(lambda: len(parts_of(out)) >= 2, one)
    others = descendants(one.process.pid)
    start = time.monotonic()
    os.killpg(one.process.pid, signal.SIGINT)  # as a terminal does: to all at once
    status, said, trouble = one.wait()
    assert time.monotonic() - start < LIMIT_S * busy()
    assert (status, said) == (130, ""), trouble
    assert trouble.endswith(SENTENCE)
    assert "Traceback" not in trouble
    assert "ERROR" not in trouble
    until(lambda: gone(others))
    assert [p.name for p in tmp_path.iterdir()] == [".map.parts"]
    assert not list((tmp_path / ".map.parts").glob(".*")), "half a file"
    done = len(parts_of(out))
    assert 2 <= done < BLOCKS
    assert here(*command(work, out)) == 0
    assert counts(out)["blocks_reused"] == done
    same_files(out, undisturbed)
