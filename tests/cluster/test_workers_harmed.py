"""Spark's Python workers on this machine that are killed or frozen while they classify: nothing is lost."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from landuse.engine.watch import end_daemons
from tests.cluster.conftest import command
from tests.cluster.processes import busy, counts, gone, here, same_files, until, workers

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]


def harm_both() -> list[int]:
    """Kill one worker, and have the operating system stop the other (SIGSTOP): only SIGKILL ends such a process."""
    until(lambda: len(workers(os.getpid())) >= 2, every_s=0.05)
    both = workers(os.getpid())
    os.kill(both[0], signal.SIGKILL)
    os.kill(both[1], signal.SIGSTOP)
    return both


def test_workers_that_are_killed_or_frozen_cost_nothing(spark, work, undisturbed, tmp_path):
    """In the session that is there, whose workers of other tests are ended first."""
    out = tmp_path / "map"
    end_daemons(spark.sparkContext)
    with ThreadPoolExecutor(1) as pool:
        harmed = pool.submit(harm_both)
        assert here(*command(work, out, "local[2]"), "--task-timeout", round(3 * busy())) == 0
    assert counts(out)["quarantined"] == 0
    until(lambda: gone(harmed.result()))
    same_files(out, undisturbed)
