"""A driver that is killed at any point: the same command goes on, and the map is the same."""

import shutil

import pytest

from tests.cluster.conftest import BLOCKS, command
from tests.cluster.processes import Command, counts, descendants, gone, here, parts_of, run, same_files, until

pytestmark = pytest.mark.timeout(900)  # seconds on an idle machine


def test_a_killed_driver_loses_no_finished_block_whenever_it_dies(work, undisturbed, tmp_path):
    """Killed while it sets out, after some blocks, and while it writes the map."""
    out = tmp_path / "map"
    done = 0
    points = [
        lambda: (tmp_path / ".map.lock").exists(),
        lambda: len(parts_of(out)) >= 2,
        lambda: list(tmp_path.glob(".map.*.partial/.landuse.tif.*")),
    ]
    for point in points:
        one = Command.start(*command(work, out))
        until(point, one)
        assert one.kill() == -9
        assert not out.exists()
        assert len(parts_of(out)) >= done
        done = len(parts_of(out))
    assert done == BLOCKS
    assert here(*command(work, out)) == 0
    assert counts(out) | {"blocks_computed": 0, "blocks_reused": BLOCKS} == counts(out)
    same_files(out, undisturbed)
    assert [p.name for p in tmp_path.iterdir()] == ["map"], "a killed run's left-overs are still there"


@pytest.mark.spark
def test_a_killed_driver_leaves_no_spark_behind_and_its_blocks_serve_any_master(work, undisturbed, tmp_path):
    out = tmp_path / "map"
    one = Command.start(*command(work, out, "local[2]"))
    until(lambda: len(parts_of(out)) >= 2, one)
    others = descendants(one.process.pid)
    assert one.kill() == -9
    assert len(others) >= 3, "the JVM, the daemon, a worker"
    until(lambda: gone(others))
    done = len(parts_of(out))
    assert done < BLOCKS
    assert here(*command(work, out)) == 0
    assert counts(out)["blocks_reused"] == done
    assert counts(out)["blocks_computed"] == BLOCKS - done
    same_files(out, undisturbed)


def test_two_runs_into_one_folder(work, undisturbed, tmp_path):
    out = tmp_path / "map"
    first = Command.start(*command(work, out))
    until(lambda: parts_of(out), first)
    status, _, trouble = run(*command(work, out))
    assert status == 1
    assert trouble.startswith(f"Error: Another run (process {first.process.pid} on ")
    assert trouble.count("\n") == 1
    assert first.wait()[0] == 0, "the second disturbed the first"
    same_files(out, undisturbed)
    shutil.rmtree(out)
