"""Results as parts: one Parquet file a block, whole or absent, found again by a key of all that shaped it."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from landuse.engine.runner import Patience
from landuse.errors import EngineError

# Arrow's own allocator holds back tens of megabytes of what was freed, more the longer a run is; the system's does not.
pa.set_memory_pool(pa.system_memory_pool())

_PREFIX, _SUFFIX, _PARTIAL = "part-", ".parquet", ".partial"
_OBJECT_STORES = ("s3", "gcs", "abfs")  # an upload there appears whole when it ends, and cannot be renamed
_FOOTER_READERS = 8
_FOOTER_BYTES = 1 << 16  # a part has one row group and few columns: its footer takes some kilobytes
_LEFT_OVER_S = 600  # a part is written in one go, within seconds


def part_key(**fields: Any) -> str:  # noqa: ANN401
    """The digest of everything that shapes a part's contents.

    Args:
        fields: what JSON can hold, and numpy scalars; tuples count as lists. Order does not matter.

    Returns:
        SHA-256 of the fields as canonical JSON, 64 hex digits.

    Raises:
        TypeError: a value that JSON cannot hold.
        ValueError: NaN or infinity, which would not equal themselves.

    Example:
        >>> part_key(model="ab12", block="b0_0") == part_key(block="b0_0", model="ab12")
        True
    """
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class PartStore:
    """A folder of parts: a local path, or an address of s3, gs or hdfs.

    Picklable: a worker opens the same folder by its address, whatever folder it works in itself.
    """

    folder: str
    _opened: tuple[Any, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        folder = str(self.folder)
        object.__setattr__(self, "folder", folder if "://" in folder else str(Path(folder).absolute()))
        object.__setattr__(self, "_opened", _open(self.folder))

    def __reduce__(self) -> tuple[type[PartStore], tuple[str]]:
        return PartStore, (self.folder,)

    def path(self, key: str) -> str:
        """Where the part of `key` lies, as the file system spells it."""
        return f"{self._opened[1]}/{_PREFIX}{key}{_SUFFIX}"

    def exists(self, key: str) -> bool:
        """Whether there is a whole part of `key`; a damaged one counts as absent. Raises `EngineError` as `read` does."""
        return self._whole(self.path(key))

    def write(self, key: str, table: pa.Table) -> None:
        """Write the part of `key`, which appears whole or not at all, even where this process is killed.

        A remote store that does not answer is waited for.

        Raises:
            OSError: it cannot be written (a full disk, no permission).
        """
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_page_checksum=True)
        data = sink.getvalue()
        Patience.of([self.folder]).tried(lambda: self._put(self.path(key), data))

    def read(self, key: str) -> pa.Table:
        """The part of `key`.

        Raises:
            FileNotFoundError: there is none.
            EngineError: it is damaged, and is removed, so that the next run makes it anew; or it cannot be reached for long,
                and stays.
        """
        path = self.path(key)
        data = self._bytes(path)
        try:
            return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read()
        except (pa.ArrowException, OSError) as error:  # of bytes in memory: they are wrong
            self._opened[0].delete_file(path)
            raise EngineError(f"Result {path} was damaged and is removed; run the same command again.") from error

    def check_arrived(self, key: str) -> None:
        """Raise `EngineError` unless a part that a worker says it wrote is here too."""
        if not self.exists(key):
            raise EngineError(
                f"A worker wrote a result to {self.folder}, but on this machine it is not there; give with --parts an address "
                "that all machines share, such as s3://bucket/folder or a network disk."
            )

    def clear(self) -> None:
        """Remove the folder with all its parts; nothing happens where there is none."""
        system, folder = self._opened
        if system.get_file_info(folder).type == fs.FileType.Directory:
            system.delete_dir(folder)

    def existing(self) -> set[str]:
        """The keys of all whole parts. What a killed run left half written is removed."""
        system, folder = self._opened
        paths = []
        for info in self._patiently(lambda: system.get_file_info(fs.FileSelector(folder, allow_not_found=True))):
            name = info.base_name
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
                paths.append(info.path)
            elif name.endswith(_PARTIAL) and time.time() - info.mtime.timestamp() > _LEFT_OVER_S:
                system.delete_file(info.path)
        with ThreadPoolExecutor(_FOOTER_READERS) as pool:
            whole = pool.map(self._whole, paths)
        return {_key(path) for path, good in zip(paths, whole, strict=True) if good}

    def _whole(self, path: str) -> bool:
        """Whether `path` ends in a Parquet footer, which is written last."""
        try:
            pq.read_metadata(pa.BufferReader(self._bytes(path, _FOOTER_BYTES)))
        except (pa.ArrowException, OSError):  # there is none, or its bytes are wrong
            return False
        return True

    def _bytes(self, path: str, last: int | None = None) -> pa.Buffer:
        """The bytes of a file, or the last ones. Raises `FileNotFoundError`, and `EngineError` where it cannot be reached."""

        def read() -> pa.Buffer:
            """Read them once."""
            with self._opened[0].open_input_file(path) as file:
                if last is not None:
                    file.seek(max(0, file.size() - last))
                return file.read_buffer()

        return self._patiently(read)

    def _patiently(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        """What a call to the store gives, after some waiting where it does not answer."""
        try:
            return Patience.of([self.folder]).tried(call)
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise EngineError(
                f"The results in {self.folder} cannot be read now ({reason}); they stay: run the same command again later."
            ) from error

    def _put(self, path: str, data: pa.Buffer) -> None:
        system, folder = self._opened
        if system.type_name in _OBJECT_STORES:
            with system.open_output_stream(path) as stream:
                stream.write(data)
            return
        partial = f"{folder}/.{uuid.uuid4().hex}{_PARTIAL}"
        system.create_dir(folder, recursive=True)
        try:
            with system.open_output_stream(partial) as stream:
                stream.write(data)
            _settle_on_disk(system, partial)
            system.move(partial, path)
        except OSError:
            if system.get_file_info(partial).type != fs.FileType.NotFound:
                system.delete_file(partial)
            raise
        _settle_on_disk(system, folder)


def parts_beside(out: Path) -> Path:
    """The folder beside an output where its parts lie while a run lasts."""
    return out.parent / f".{out.name}.parts"


def own_address(base: str, out: Path) -> str:
    """A folder below the address `base` for the parts of one output alone, the same in each run of the same command."""
    path = str(Path(out).absolute())
    name = quote(Path(out).name) if "://" in base else Path(out).name
    return f"{base.rstrip('/')}/{name}-{hashlib.sha256(path.encode()).hexdigest()[:8]}.parts"


def _open(folder: str) -> tuple[Any, str]:
    if "://" in folder:
        system, path = fs.FileSystem.from_uri(folder)
    else:
        system, path = fs.LocalFileSystem(), folder
    return system, path.rstrip("/")


def _settle_on_disk(system: fs.FileSystem, path: str) -> None:
    """Have the operating system write a local file or folder down, so that a rename cannot outlive its contents."""
    if system.type_name != "local" or os.name == "nt":  # Windows opens no folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _key(path: str) -> str:
    return path.rsplit("/", 1)[-1].removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be part of a key")
