"""One run at a time into a folder or a file. The system holds the lock, so it ends with its process, however that ends."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from landuse.errors import LanduseError, RunLockedError


@contextmanager
def output_lock(out: Path) -> Iterator[None]:
    """Hold the lock of an output for the body.

    The lock is a file beside it, ``.NAME.lock``, removed at the end; one that a dead process left is taken over. On a file
    system without locks there is none.

    Raises:
        RunLockedError: another run holds it.
        LanduseError: the lock file cannot be made (no permission, full disk).
    """
    from filelock import FileLock, Timeout

    out = Path(out).absolute()
    path = out.parent / f".{out.name}.lock"
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(NotImplementedError):  # a file system without locks
            lock.acquire()
        path.write_text(_holder(), encoding="utf8")
    except Timeout as error:
        raise RunLockedError(
            f"Another run{_described(path)} writes {out}; wait for it to end, or give another --out."
        ) from error
    except OSError as error:
        raise LanduseError(f"Cannot write beside {out}: {error.strerror}.") from error
    try:
        yield
    finally:
        with suppress(OSError):  # before the lock goes, so that nobody can hold a lock on a file that is gone
            path.unlink()
        lock.release()
        if os.name == "nt":  # no file can be removed there while it is open
            with suppress(OSError):
                path.unlink()


def _holder() -> str:
    """Return who holds the lock, as JSON."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": since})


def _described(path: Path) -> str:
    """Return in words who wrote the lock file, or nothing where that cannot be told."""
    try:
        holder = json.loads(path.read_text(encoding="utf8"))
        return f" (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
