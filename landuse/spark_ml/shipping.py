"""Getting a model file to the workers: by its path on one machine, by Spark's own file service on a cluster."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyspark import SparkContext, SparkFiles

DIGITS = 24


@dataclass(frozen=True)
class ModelAddress:
    """Where a model file is, for whoever holds this.

    Attributes:
        path: of the file on the driver's machine.
        sent_as: its name among Spark's files, None where workers see the path too.
    """

    path: str
    sent_as: str | None = None

    def locate(self) -> Path:
        """The file on this machine."""
        return Path(self.path if self.sent_as is None else SparkFiles.get(self.sent_as))


def address(context: SparkContext, path: Path) -> ModelAddress:
    """An address that the workers of a context can use; on a cluster the file is sent to them."""
    local = str(context.master).startswith("local")
    return ModelAddress(str(path.resolve())) if local else send(context, path)


def send(context: SparkContext, path: Path) -> ModelAddress:
    """Give a file to Spark under a name made of its content, so that two models of one name do not meet."""
    with path.open("rb") as stream:
        name = hashlib.file_digest(stream, "sha256").hexdigest()[:DIGITS] + path.suffix
    copy = scratch() / name
    if not copy.exists():
        shutil.copyfile(path, copy)
    context.addFile(str(copy))
    return ModelAddress(str(path.resolve()), name)


@cache
def scratch() -> Path:
    """A folder for files of this process, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="landuse-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
