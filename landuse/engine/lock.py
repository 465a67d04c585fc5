"""One run at a time into a folder. The kernel holds the lock, so it ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from landuse.errors import LanduseError, RunLockedError

_NO_LOCKS_HERE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # some network file systems


@contextmanager
def folder_lock(out: Path) -> Iterator[None]:
    """Hold the lock of the output folder `out` for the body.

    The lock is a file beside the folder, ``.NAME.lock``, removed at the end; one that a dead process left is taken over.

    Raises:
        RunLockedError: another run holds it.
        LanduseError: the lock file cannot be made (no permission, full disk).
    """
    out = Path(out).absolute()
    path = out.parent / f".{out.name}.lock"
    handle = _acquire(path, out)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before the lock goes, so that nobody can hold a lock on a file that is gone
        os.close(handle)


def _acquire(path: Path, out: Path) -> int:
    """Open and lock the file; try again where its holder removed it in between."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LanduseError(f"Cannot write beside {out}: {error.strerror}.") from error
        held = False
        try:
            _lock(handle, out)
            held = _is_still(handle, path)
            if held:
                os.ftruncate(handle, 0)
                os.write(handle, _holder())
                return handle
        finally:
            if not held:
                os.close(handle)


def _lock(handle: int, out: Path) -> None:
    """Lock an open file or raise `RunLockedError`. Without locks on its file system, go on without."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunLockedError(
            f"Another run{_described(handle)} writes {out}; wait for it to end, or give another --out."
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise


def _is_still(handle: int, path: Path) -> bool:
    """Whether `path` is the file that is open as `handle`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder() -> bytes:
    """Return who holds the lock, as JSON."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": since}).encode()


def _described(handle: int) -> str:
    """Return in words who wrote the lock file, or nothing where that cannot be told."""
    try:
        holder = json.loads(os.pread(handle, 1000, 0))
        return f" (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
