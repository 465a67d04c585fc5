"""What workers need of the driver's machine: files, by their path or by Spark's own file service, and the package itself."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import landuse
from landuse.engine.spark_settings import is_local

if TYPE_CHECKING:
    from pyspark import SparkContext

DIGITS = 24
_BUILT = (1980, 1, 1, 0, 0, 0)  # one date for all, so that the same code gives the same bytes
_DATA = (".yaml", ".json", ".properties", ".typed", ".html")


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


def package_zip(folder: Path) -> Path:
    """Write ``landuse.zip`` into `folder`: the modules and their small data files, no weights. Returns its path."""
    home = Path(landuse.__file__).parent
    path = folder / "landuse.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(home.rglob("*")):
            if file.suffix == ".py" or file.suffix in _DATA:
                entry = zipfile.ZipInfo(str(file.relative_to(home.parent)), _BUILT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return path
