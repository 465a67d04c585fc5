import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.engine import runner
from landuse.engine.parts import PartStore, own_address, part_key
from landuse.errors import EngineError

FIELDS = {
    "model": "ab12",
    "block": [3, -4],
    "sources": [["f00", 1]],
    "chip_m": 224.0,
    "stretch": None,
    "version": "0.1",
}


@pytest.fixture
def table() -> pa.Table:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(12, dtype=np.float32)), 3)
    return pa.table({"row": pa.array([1, 2, 3, 4]), "probabilities": vectors})


@pytest.fixture
def store(tmp_path: Path) -> PartStore:
    return PartStore(str(tmp_path / "parts"))


@given(st.permutations(list(FIELDS)))
def test_the_order_of_the_fields_does_not_matter(names):
    assert part_key(**{name: FIELDS[name] for name in names}) == part_key(**FIELDS)


@pytest.mark.parametrize("change", [
    {"model": "ab13"}, {"block": [-4, 3]}, {"sources": [["f00", 2]]}, {"chip_m": 224.5}, {"stretch": [0, 1]},
    {"version": "0.1.1"}, {"more": None},
])  # fmt: skip
def test_any_other_field_gives_another_key(change):
    assert part_key(**FIELDS | change) != part_key(**FIELDS)


def test_numpy_scalars_and_tuples_count_as_what_they_say():
    assert part_key(rows=(np.int64(1), 2), share=np.float64(0.5)) == part_key(rows=[1, 2], share=0.5)


def test_what_json_cannot_hold_is_no_key():
    with pytest.raises(TypeError, match="set cannot be part of a key"):
        part_key(block={1})
    with pytest.raises(ValueError, match="JSON compliant"):
        part_key(stretch=float("nan"))


def test_a_part_comes_back_as_it_went(store, table):
    store.write("ab", table)
    assert store.read("ab").equals(table)
    assert store.exists("ab")
    assert not store.exists("cd")
    assert store.existing() == {"ab"}


def test_an_empty_store_has_no_parts(store):
    assert store.existing() == set()
    with pytest.raises(FileNotFoundError):
        store.read("ab")


def test_the_same_table_gives_the_same_bytes(store, table):
    store.write("ab", table)
    store.write("cd", table)
    assert Path(store.path("ab")).read_bytes() == Path(store.path("cd")).read_bytes()


def test_a_part_is_replaced_whole(store, table):
    store.write("ab", table)
    store.write("ab", table.slice(0, 1))
    assert store.read("ab").num_rows == 1
    assert [path.name for path in Path(store.folder).iterdir()] == ["part-ab.parquet"]


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1])
def test_a_truncated_part_counts_as_absent(store, table, keep):
    store.write("ab", table)
    path = Path(store.path("ab"))
    path.write_bytes(path.read_bytes()[:keep])
    assert not store.exists("ab")
    assert store.existing() == set()


def test_a_part_damaged_inside_is_refused_and_removed(store, table):
    store.write("ab", table)
    path = Path(store.path("ab"))
    content = bytearray(path.read_bytes())
    content[40:48] = bytes(byte ^ 255 for byte in content[40:48])
    path.write_bytes(content)
    with pytest.raises(EngineError, match="was damaged and is removed; run the same command again"):
        store.read("ab")
    assert not path.exists()


class Away:
    """A file system that does not answer so many times, and then as the local one."""

    def __init__(self, times: int) -> None:
        self._times, self._local = times, pa.fs.LocalFileSystem()

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            self._times -= 1
            if self._times >= 0:
                raise OSError("timeout was reached")
            return getattr(self._local, name)(*args, **options)

        return call if callable(getattr(self._local, name)) else getattr(self._local, name)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=slept.append))
    return slept


def behind(store: PartStore, system: Away) -> PartStore:
    """The same folder by way of another file system."""
    other = PartStore(store.folder)
    object.__setattr__(other, "_opened", (system, store._opened[1]))
    return other


CALLS = [("read", ("ab",)), ("exists", ("ab",)), ("existing", ())]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_a_store_that_does_not_answer_costs_no_part(store, table, waits, name, arguments):
    """A time-out says nothing of the part: it is waited for, and then the part stays."""
    store.write("ab", table)
    with pytest.raises(EngineError, match=r"cannot be read now \(timeout was reached\); they stay"):
        getattr(behind(store, Away(99)), name)(*arguments)
    assert waits == list(runner.HERE_S)
    assert store.read("ab").equals(table)


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_a_store_that_answers_again_gives_its_parts(store, table, waits, name, arguments):
    store.write("ab", table)
    assert getattr(behind(store, Away(2)), name)(*arguments) == getattr(store, name)(*arguments)
    assert len(waits) == 2


def test_a_part_is_written_once_the_store_answers(store, table, waits):
    behind(store, Away(1)).write("ab", table)
    assert store.read("ab").equals(table)
    assert len(waits) == 1


def test_leftovers_are_ignored_and_old_ones_removed(store, table):
    store.write("ab", table)
    young, old = (Path(store.folder) / f".{name}.partial" for name in ("young", "old"))
    young.write_bytes(b"half")
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    assert store.existing() == {"ab"}
    assert young.exists()
    assert not old.exists()


def test_a_write_that_fails_leaves_nothing(store, table, monkeypatch):
    store.write("ab", table)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        store.write("cd", table)
    assert [path.name for path in Path(store.folder).iterdir()] == ["part-ab.parquet"]


def test_a_store_travels_to_workers(store, table):
    store.write("ab", table)
    there = copy.deepcopy(store)  # by the same road as pickle
    assert there == store
    assert there.read("ab").equals(table)


def test_a_file_address_is_the_same_folder(store, table):
    store.write("ab", table)
    assert PartStore(Path(store.folder).as_uri()).existing() == {"ab"}


_WRITER = """
import sys
import numpy as np, pyarrow as pa
from landuse.engine.parts import PartStore, own_address
store = PartStore(sys.argv[1])
table = pa.table({"value": np.random.default_rng(0).random(400_000)})
store.write("0", table)
print("writing", flush=True)
for number in range(1, 10_000):
    store.write(str(number), table)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_parts_only(tmp_path):
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for pause in (0.01, 0.06, 0.13, 0.21):
        folder = tmp_path / str(pause)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True, env=environ
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        store = PartStore(str(folder))
        visible = {path.stem.removeprefix("part-") for path in folder.glob("part-*.parquet")}
        assert "0" in visible
        assert store.existing() == visible
        assert all(store.read(key).num_rows == 400_000 for key in visible)


def test_the_address_of_an_output_with_a_space_is_one(tmp_path):
    out = tmp_path / "my map"
    assert own_address("s3://bucket/parts/", out).startswith("s3://bucket/parts/my%20map-")
    assert own_address(str(tmp_path), out).startswith(f"{tmp_path}/my map-")
