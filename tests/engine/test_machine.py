import os

import pytest

from landuse.engine import machine

MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    8000000 kB\n"
GB = 1 << 30


@pytest.fixture
def group(tmp_path):
    folder = tmp_path / "cgroup"
    folder.mkdir()
    return folder


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("1600000 100000", 8)],
)
def test_a_container_s_share_counts(group, eight_cores, limit, expected):
    (group / "cpu.max").write_text(limit + "\n")
    assert machine.cores(group) == expected


def test_the_older_files_of_a_container(group, eight_cores):
    (group / "cpu").mkdir()
    (group / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    (group / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert machine.cores(group) == 3
    (group / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert machine.cores(group) == 8


def test_no_container_at_all(group, eight_cores):
    assert machine.cores(group / "none") == 8


def test_memory_is_the_machine_s_without_a_limit(group, tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    (group / "memory.max").write_text("max\n")
    assert machine.memory(group, tmp_path / "meminfo") == machine.Memory(16_000_000 * 1024, 8_000_000 * 1024)


def test_memory_is_the_container_s_where_that_is_less(group, tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    (group / "memory.max").write_text(str(4 * GB))
    (group / "memory.current").write_text(str(GB))
    assert machine.memory(group, tmp_path / "meminfo") == machine.Memory(4 * GB, 3 * GB)


def test_this_machine_has_some_of_each():
    assert machine.cores() >= 1
    assert 0 < machine.memory().available <= machine.memory().total
    assert machine.processor_name()


def test_instruction_sets_come_in_the_order_of_their_worth(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu avx2 avx512f amx_bf16\nmodel name : X 1\n")
    assert machine.instruction_sets(tmp_path / "cpuinfo") == ("amx_bf16", "avx512f", "avx2")
    assert machine.processor_name(tmp_path / "cpuinfo") == "X 1"
    assert machine.instruction_sets(tmp_path / "none") == ()
