"""A file of the driver's machine, for workers: by its path where they see it, by Spark's own file service on a cluster."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from landuse.engine.master import is_local

if TYPE_CHECKING:
    from pyspark import SparkContext

DIGITS = 24


@dataclass(frozen=True, slots=True)
class SharedFile:
    """Where a file is, for whoever holds this.

    Attributes:
        path: of the file on the driver's machine, absolute.
        sent_as: its name among Spark's files, None where workers see the path too.
    """

    path: str
    sent_as: str | None = None

    def locate(self) -> Path:
        """The file on this machine."""
        if self.sent_as is None:
            return Path(self.path)
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.sent_as))


def share(context: SparkContext, path: Path) -> SharedFile:
    """An address of a file that the workers of a context can use; on a cluster the file is sent to them."""
    return SharedFile(str(path.resolve())) if is_local(str(context.master)) else send(context, path)


def send(context: SparkContext, path: Path) -> SharedFile:
    """Give a file to Spark under a name made of its content, so that two files of one name do not meet."""
    with path.open("rb") as stream:
        name = hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS] + path.suffix
    copy = scratch() / name
    if not copy.exists():
        shutil.copyfile(path, copy)
    context.addFile(str(copy))
    return SharedFile(str(path.resolve()), name)


@cache
def scratch() -> Path:
    """A folder for files of this process, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
