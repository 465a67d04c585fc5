"""Output folders that are complete or absent: written beside, then renamed."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landuse.errors import LanduseError, OutputExistsError
from landuse.outputs.record import RECORD


@contextmanager
def staged_folder(out: Path, *, fresh: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `out`; rename it to `out` at the end, or remove it when the body fails.

    Args:
        out: the folder that is to appear. It may exist if it is empty.
        fresh: replace a result that an earlier landuse command wrote there.

    Raises:
        OutputExistsError: `out` holds something, and `fresh` is not given or what it holds is not a landuse result.
        LanduseError: the folder cannot be made (no permission, full disk).
    """
    check_free(out, fresh=fresh)
    staging = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    except OSError as error:
        raise LanduseError(f"Cannot write beside {out}: {error.strerror}.") from error
    try:
        yield staging
        _replace(out, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def clear_left_overs(out: Path) -> None:
    """Remove what killed runs left beside `out`. Only for who holds the lock of `out`: else they may still be at work."""
    for ending in ("partial", "old"):
        for left in out.parent.glob(f".{glob.escape(out.name)}.[0-9]*.{ending}"):
            shutil.rmtree(left, ignore_errors=True)


def check_free(out: Path, *, fresh: bool) -> None:
    """Raise `OutputExistsError` unless `out` may be written: absent, empty, or (`fresh`) an earlier result."""
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


def _replace(out: Path, staging: Path) -> None:
    """Swap `staging` in for `out`, so that no moment leaves half of either."""
    if not out.exists():
        staging.rename(out)
        return
    old = out.parent / f".{out.name}.{os.getpid()}.old"
    out.rename(old)
    staging.rename(out)
    shutil.rmtree(old)
