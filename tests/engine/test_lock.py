import os
import subprocess
import sys
from pathlib import Path

import pytest

from landuse.errors import LanduseError, RunLockedError
from landuse.outputs.folder import output_lock

_HOLDER = """
import sys, time
from pathlib import Path
from landuse.outputs.folder import output_lock
with output_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_run_holds_a_folder_until_it_is_killed(tmp_path):
    """It is named, other folders are free, and when it is gone its lock is taken over."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(RunLockedError, match=rf"Another run \(process {holder.pid} on .*give another --out"):
                output_lock(tmp_path / "out").__enter__()
            with output_lock(tmp_path / "other"):
                pass
        finally:
            holder.kill()
    assert (tmp_path / ".out.lock").exists()
    with output_lock(tmp_path / "out"):
        assert str(os.getpid()) in (tmp_path / ".out.lock").read_text()


def test_nothing_is_left_behind(tmp_path):
    for _ in range(2):
        with output_lock(tmp_path / "out"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_the_same_process_twice_is_refused_too(tmp_path):
    with output_lock(tmp_path / "out"), pytest.raises(RunLockedError), output_lock(tmp_path / "out"):
        pass
    with output_lock(tmp_path / "out"):
        pass


def test_a_relative_folder_is_the_same_as_an_absolute_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with output_lock(Path("out")), pytest.raises(RunLockedError), output_lock(tmp_path / "out"):
        pass


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LanduseError, match="Cannot write beside"), output_lock(tmp_path / "file" / "out"):
        pass
