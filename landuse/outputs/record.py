"""`run.json`: what a folder is, where it came from, and whether it is whole."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.version import __version__

RECORD = "run.json"
THRESHOLDS = "thresholds"
"""Among the details of a map of several classes a chip: the probability from which each class was given, by its name."""
RECORDED_LIBRARIES = ("rasterio", "pyspark", "openvino", "tensorflow", "numpy", "shapely")


class FileIdentity(BaseModel):
    """Which file went in, told without reading it: a survey of terabytes is identified in seconds.

    Attributes:
        size: in bytes; -1 where nothing tells it.
        modified: time of the last change in nanoseconds, of an object as its store tells it; "" where nothing tells it.
        digest: ``sha256:`` of the whole content, where that was asked for.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    modified: str = ""
    digest: str | None = None

    @property
    def key(self) -> str:
        """What tells this state of the file from every other one."""
        return f"{self.path}|{self.size}|{self.modified}"


class RunRecord(BaseModel):
    """The content of `run.json`. `details` holds what only one command has to say."""

    model_config = ConfigDict(frozen=True)

    command: str
    options: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    inputs: tuple[FileIdentity, ...] = ()
    grid: dict[str, Any] | None = None
    legend: dict[str, Any] | None = None
    counts: dict[str, int | float] = Field(default_factory=dict)
    timings: dict[str, float] = Field(default_factory=dict)
    details: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)


def identify(address: str | Path) -> FileIdentity:
    """Identity of a local file or of an object of a store; of any other address only itself is known.

    A folder, such as a geodatabase (.gdb), has the size of all its files, and has changed when the latest of them did.

    Raises:
        SourceNotFoundError: there is no such file.
    """
    path = Path(address)
    states = [file.stat() for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    if not states:
        if str(address).startswith(("/vsi", "s3://", "gs://", "http://", "https://")):
            return _remote(str(address))
        raise SourceNotFoundError(f"There is no file {address}.")
    size, modified = sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)
    return FileIdentity(path=str(path.absolute()), size=size, modified=str(modified))


def found_inputs(folder: Path, record: RunRecord) -> list[Path]:
    """Where the inputs of a folder lie: where they were, or beside the folder where both were moved together."""
    return [_found(Path(one.path), one.size, folder.resolve().parent) for one in record.inputs]


def _found(path: Path, size: int, around: Path) -> Path:
    moved = around / path.parent.name / path.name
    return moved if not path.exists() and moved.is_file() and moved.stat().st_size == size else path


def with_digest(found: FileIdentity) -> FileIdentity:
    """The identity of a local file with the digest of its content; of anything else as it is."""
    path = Path(found.path)
    return found.model_copy(update={"digest": file_digest(path)}) if path.is_file() else found


def _remote(address: str) -> FileIdentity:
    """Identity of what lies elsewhere; size -1 where nothing tells whether it has changed."""
    from landuse.mosaic.addresses import object_state

    state = object_state(address)
    if state is None:
        return FileIdentity(path=address, size=-1)
    return FileIdentity(path=address, size=state[0], modified=state[1])


def file_digest(path: Path) -> str:
    """``sha256:`` of a whole file."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def library_versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries that shape a result, without importing them."""
    found = {"landuse": __version__, "python": platform.python_version()}
    for name in RECORDED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_record(folder: Path, record: RunRecord) -> RunRecord:
    """Write `run.json` with the versions and the digest of every file below `folder`; return what was written."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != RECORD)
    outputs = {p.relative_to(folder).as_posix(): file_digest(p) for p in files}
    full = record.model_copy(update={"outputs": outputs, "versions": library_versions() | record.versions})
    (folder / RECORD).write_text(json.dumps(full.model_dump(mode="json"), indent=1) + "\n", encoding="utf8")
    return full


def read_record(folder: Path) -> RunRecord:
    """The record of a folder. Raises `SourceNotFoundError` where there is none, `ConfigError` where it is damaged."""
    path = folder / RECORD
    if not path.is_file():
        raise SourceNotFoundError(f"{folder} holds no {RECORD}, so it is not the result of a landuse command.")
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is damaged: it is not the record of a landuse command.") from error


def damaged_files(folder: Path, record: RunRecord) -> Mapping[str, str]:
    """Files of a record that are missing or changed since it was written: name -> ``missing`` or ``changed``."""
    found = {}
    for name, digest in record.outputs.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            found[name] = "missing"
        elif file_digest(path) != digest:
            found[name] = "changed"
    return found
