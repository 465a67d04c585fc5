"""What this machine lets us use: cores, memory, instruction sets, disk. A container's limits count, not its host's size."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"
_WORTH_NAMING = (
    "amx_bf16",
    "amx_int8",
    "avx512_bf16",
    "avx512_vnni",
    "avx_vnni",
    "avx512f",
    "avx2",
    "asimd",
    "bf16",
    "i8mm",
)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory that this process may use in all, and that are free now."""

    total: int
    available: int


def cores(cgroup: Path = CGROUP) -> int:
    """How many cores this process may keep busy: the least of its affinity and its container's share."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _cgroup_cores(cgroup)
    return allowed if share is None else max(1, min(allowed, int(share + 0.5)))


def memory(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> Memory:
    """The memory of the machine, or of the container where that is less."""
    total, available = _machine_memory(meminfo)
    limit = _first_number(cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes")
    if limit is None or limit >= min(total, _UNLIMITED):
        return Memory(total, available)
    used = _first_number(cgroup / "memory.current", cgroup / "memory" / "memory.usage_in_bytes") or 0
    return Memory(limit, min(available, max(0, limit - used)))


@cache
def instruction_sets(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Those instruction sets of this processor that matter to inference, as the kernel names them."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return ()
    flags = {
        flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[-1].split()
    }
    return tuple(name for name in _WORTH_NAMING if name in flags)


@cache
def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as it states it itself."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def peak_memory() -> int:
    """The highest resident memory of this process so far, in bytes; 0 where the system does not tell it (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_disk(folder: Path) -> int:
    """The bytes free where `folder` lies. Raises `OSError` where there is no such folder."""
    return shutil.disk_usage(folder).free


def _cgroup_cores(cgroup: Path) -> float | None:
    """The container's share in cores (cpu.max of cgroup v2, the quota files of v1), or None without a limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota = str(_first_number(cgroup / "cpu" / "cpu.cfs_quota_us") or "max")
        period = str(_first_number(cgroup / "cpu" / "cpu.cfs_period_us") or 100_000)
    if quota == "max" or int(quota) <= 0:
        return None
    return int(quota) / int(period)


def _machine_memory(meminfo: Path) -> tuple[int, int]:
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        return (int(fields["MemTotal"].split()[0]) * 1024, int(fields["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        return _other_memory()


def _other_memory() -> tuple[int, int]:
    if sys.platform != "win32":
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return pages, pages
    import ctypes

    state = (
        ctypes.c_ulonglong * 8
    )()  # MEMORYSTATUSEX: two 32-bit numbers (its length, the load), then seven of 64 bits
    ctypes.memmove(state, ctypes.byref(ctypes.c_ulong(ctypes.sizeof(state))), ctypes.sizeof(ctypes.c_ulong))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(state))
    return state[1], state[2]


def _first_number(*files: Path) -> int | None:
    for file in files:
        try:
            return int(file.read_text())
        except (OSError, ValueError):
            continue
    return None
