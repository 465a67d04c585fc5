"""Outputs that are complete or absent: written beside, then renamed, by one run at a time."""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from landuse.errors import ConfigError, LanduseError, OutputExistsError, RunLockedError
from landuse.mosaic.addresses import is_foreign
from landuse.outputs.record import RECORD, read_record

SHOWN = 3
"""Files that are in the way of a result, as a sentence names them."""


@contextmanager
def claimed_folder(out: Path, *, fresh: bool) -> Iterator[Path]:
    """Hold an output folder for a whole stage; yield where its files are to go.

    That is the folder itself, or where it leads if it is a symbolic link. What killed runs left beside it is removed first.

    Raises:
        OutputExistsError: it holds something, and `fresh` is not given or what it holds is not a landuse result.
        RunLockedError: another run writes it.
        LanduseError: nothing can be written beside it.
    """
    target = followed(out)
    check_free(target, fresh=fresh)
    with output_lock(target):
        _clear_left_overs(target)
        yield target


@contextmanager
def staged_folder(out: Path, *, fresh: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `out`; rename it to `out` at the end, or remove it when the body fails.

    Args:
        out: the folder that is to appear. It may exist if it is empty, then and at the end.
        fresh: replace a result that an earlier landuse command wrote there.

    Raises:
        OutputExistsError: `out` holds something, and `fresh` is not given or what it holds is not a landuse result.
        LanduseError: the folder cannot be made (no permission, full disk).
    """
    out = followed(out)
    check_free(out, fresh=fresh)
    staging = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    except OSError as error:
        raise LanduseError(f"Cannot write beside {out}: {error.strerror}.") from error
    try:
        yield staging
        _replace(out, staging, fresh=fresh)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def written_beside(out: Path) -> Iterator[Path]:
    """Yield where to write a file that becomes `out` at the end, whole or not at all. Raises `LanduseError`."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(out)
    except LanduseError:  # of what the body reads; some of these are OSErrors too
        raise
    except OSError as error:
        raise LanduseError(f"Cannot write {out}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def followed(out: Path) -> Path:
    """Where an output leads if it is a symbolic link, so that the link stays; else itself."""
    return Path(os.path.realpath(out)) if out.is_symlink() else out


def check_free(out: Path, *, fresh: bool) -> None:
    """Raise `OutputExistsError` unless `out` may be written: absent, empty, or (`fresh`) an earlier result and no more."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputExistsError(f"{out} is a file; give a folder with --out.")
    if not any(out.iterdir()):
        return
    if not (out / RECORD).is_file():
        raise OutputExistsError(f"{out} holds files that landuse did not write; give another folder with --out.")
    if not fresh:
        raise OutputExistsError(f"{out} already holds a result; give another --out, or --fresh to replace it.")
    _check_own(out, out)


def _check_own(folder: Path, out: Path) -> None:
    """Raise `OutputExistsError` where a folder of a result holds anything that landuse did not write.

    A file counts as the result's if its name begins with that of one of its files (`landuse.tif.ovr`, `landuse.gpkg-wal`), and
    what a desktop leaves in every folder (`.DS_Store`) does not count.
    """
    try:
        own = (RECORD, *read_record(folder).outputs)
    except ConfigError:
        return  # a damaged record names no files, and --fresh asks for this result to go
    files = (path for path in folder.rglob("*") if not path.is_dir() and path.name != RECORD)
    names = (path.relative_to(folder).as_posix() for path in files)
    strangers = sorted(name for name in names if not name.startswith(own) and not is_foreign(name))
    if strangers:
        listed = ", ".join(strangers[:SHOWN]) + (", ..." if len(strangers) > SHOWN else "")
        raise OutputExistsError(
            f"{out} also holds what landuse did not write ({listed}): move it away, or give another folder with --out."
        )


def _clear_left_overs(out: Path) -> None:
    """Remove what killed runs left beside `out`. Only for who holds the lock of `out`: else they may still be at work."""
    for ending in ("partial", "old"):
        for left in out.parent.glob(f".{glob.escape(out.name)}.[0-9]*.{ending}"):
            shutil.rmtree(left, ignore_errors=True)


def _replace(out: Path, staging: Path, *, fresh: bool) -> None:
    """Swap `staging` in for `out`, so that no moment leaves half of either; what came into `out` meanwhile stays.

    Raises `OutputExistsError`: something did come.
    """
    check_free(out, fresh=fresh)
    if not out.exists():
        staging.rename(out)
        return
    old = out.parent / f".{out.name}.{os.getpid()}.old"
    out.rename(old)
    try:
        if any(old.iterdir()):
            _check_own(old, out)  # again: nothing can come into it by its name any more
        staging.rename(out)
    except (OSError, LanduseError):
        old.rename(out)
        raise
    shutil.rmtree(old)


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
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": since})


def _described(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf8"))
        return f" (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
