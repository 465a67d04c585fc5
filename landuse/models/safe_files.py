"""Reading files that may have been made to do harm: zip files, safetensors and HDF5; nothing larger than expected."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from landuse.errors import ModelFileError
from landuse.models.libraries import Floats, Shape, number_count

if TYPE_CHECKING:
    import h5py

EPOCH = (1980, 1, 1, 0, 0, 0)
HEADER_ROOM = 1_000_000
MAX_CHILDREN = 20_000
MAX_TEXT = 1_000


class SafeZip:
    """A zip file of known members, and of some that may be missing. As a context manager it closes the file.

    All trouble is a `ModelFileError`. `size` is that of the whole file, bytes.
    """

    def __init__(self, path: Path, members: frozenset[str], optional: frozenset[str] = frozenset()) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise ModelFileError(f"There is no model file {path}: check the name.") from error
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise ModelFileError(f"{path} is not a model file, or was cut short: get it again.") from error
        self.size = path.stat().st_size
        names = [info.filename for info in self._zip.infolist()]
        if len(names) != len(set(names)) or set(names) - optional != members:
            self._zip.close()
            odd = sorted((set(names) - optional) ^ members)[:3] or ["a member that stands twice"]
            raise ModelFileError(f"{path} does not hold what a model file holds: see {', '.join(odd)!r}.")

    def __enter__(self) -> SafeZip:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def holds(self, member: str) -> bool:
        """Whether an optional member is there."""
        return member in self._zip.namelist()

    def read(self, member: str, limit: int) -> bytes:
        """The bytes of a member, refused above `limit` bytes before they are unpacked."""
        info = self._zip.getinfo(member)
        plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 1
        if info.file_size > limit or not plain:
            raise ModelFileError(f"{member} in {self._path} is larger than it can be, or packed in an unknown way.")
        try:
            with self._zip.open(info) as stream:
                data = stream.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise ModelFileError(f"{member} in {self._path} is damaged: get the file again.") from error
        if len(data) > limit:
            raise ModelFileError(f"{member} in {self._path} is larger than it says.")
        return data


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write members, the same bytes every time, under a temporary name that then becomes `path`."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(staging, "w") as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name, EPOCH)
                info.external_attr = 0o644 << 16
                packed = zipfile.ZIP_STORED if name.endswith(".safetensors") else zipfile.ZIP_DEFLATED
                archive.writestr(info, data, packed)
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def arrays_room(shapes: Mapping[str, Shape]) -> int:
    """The most bytes that safetensors of these shapes can have."""
    return 4 * number_count(shapes.values()) + HEADER_ROOM


def load_arrays(data: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name, of any shape and type. Raises `ModelFileError` where the data are damaged."""
    try:
        arrays: dict[str, npt.NDArray[Any]] = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"{where} is damaged: get the model file again.") from error
    return arrays


def check_finite(data: bytes, where: str) -> None:
    """Raise `ModelFileError` where safetensors are damaged, or hold values that are not finite numbers."""
    for name, array in load_arrays(data, where).items():
        if array.dtype.kind == "f" and array.size > 1 and not np.isfinite(array).all():  # single ones mask attention
            raise ModelFileError(f"{where}: array {name[:100]} holds values that are not finite numbers.")


def read_arrays(
    data: bytes, shapes: Mapping[str, Shape], where: str, integers: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Arrays of exactly these names and shapes, as float32; int32 those of the names `integers`.

    Raises `ModelFileError`: for any others, and for values that are not finite.
    """
    arrays = load_arrays(data, where)
    if arrays.keys() != shapes.keys():
        odd = sorted(arrays.keys() ^ shapes.keys())[0]
        raise ModelFileError(f"{where} does not fit its network: see the array {odd[:100]!r}.")
    for name, array in arrays.items():
        whole = name in integers
        if array.shape != shapes[name] or array.dtype not in ((np.int32,) if whole else (np.float16, np.float32)):
            wanted = "int32" if whole else "float"
            raise ModelFileError(f"{where}: array {name} is {array.dtype} {array.shape}, not {wanted} {shapes[name]}.")
        if not np.isfinite(array).all():
            raise ModelFileError(f"{where}: array {name} holds values that are not finite numbers.")
    return {name: array if name in integers else array.astype(np.float32, copy=False) for name, array in arrays.items()}


class SafeHdf5:
    """An HDF5 file of floats. As a context manager it closes the file. All trouble is a `ModelFileError`.

    Only hard links are followed, so that no group or dataset of another file is read in place of the one asked for.
    """

    def __init__(self, path: Path) -> None:
        import h5py  # which only files of Keras need

        self.name = str(path)
        try:
            self._file = h5py.File(path, "r")
        except FileNotFoundError as error:
            raise ModelFileError(f"There is no weights file {path}: check the name.") from error
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFileError(f"{path} is not an HDF5 file, or was cut short: get it again.") from error

    def __enter__(self) -> SafeHdf5:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def children(self, path: str) -> list[str]:
        """Names of what a group holds; empty where there is no such group."""
        import h5py  # which only files of Keras need

        with self._sound():
            group = self._at(path)
            names = list(group) if isinstance(group, h5py.Group) and len(group) <= MAX_CHILDREN else []
        return [str(name) for name in names]

    def texts(self, path: str, attribute: str) -> list[str]:
        """The strings of an attribute, one or many; empty where there is none.

        Keras deals a long list out to attributes with a number after the name.
        """
        with self._sound():
            group = self._at(path)
            if group is None:
                return []
            if attribute in group.attrs:
                return self._attribute(group, attribute)
            found: list[str] = []
            part = 0
            while f"{attribute}{part}" in group.attrs:
                found += self._attribute(group, f"{attribute}{part}")
                part += 1
            return found

    def shape(self, path: str) -> Shape:
        """Shape of a dataset."""
        with self._sound():
            return tuple(int(side) for side in self._dataset(path).shape)

    def read(self, path: str) -> Floats:
        """A dataset as float32; look at its `shape` first. Its values must be finite numbers."""
        with self._sound():
            array = np.asarray(self._dataset(path)[()], np.float32)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{self.name}: {path} holds values that are not finite numbers.")
        return array

    def _attribute(self, group: h5py.Group | h5py.Dataset, name: str) -> list[str]:
        """The strings of an attribute, refused before room is made for them where it claims to be absurdly large."""
        identity = group.attrs.get_id(name)
        if math.prod(identity.shape) > MAX_CHILDREN or identity.dtype.itemsize > MAX_TEXT:
            raise ModelFileError(f"{self.name} is damaged: get the file again.")
        return _strings(group.attrs[name])

    def _dataset(self, path: str) -> h5py.Dataset:
        import h5py  # which only files of Keras need

        found = self._at(path)
        if not isinstance(found, h5py.Dataset) or found.dtype.kind != "f":
            raise ModelFileError(f"{self.name}: {path[:200]} is not an array of floats.")
        if found.external or found.is_virtual:
            raise ModelFileError(f"{self.name}: {path[:200]} lies in another file, which is not read: make one file.")
        return found

    def _at(self, path: str) -> h5py.Group | h5py.Dataset | None:
        """What lies at a path of hard links; None where there is nothing."""
        import h5py  # which only files of Keras need

        found: h5py.Group | h5py.Dataset = self._file
        for part in path.split("/"):
            if part in ("", "."):
                continue
            link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise ModelFileError(f"{self.name}: {path[:200]} is a link elsewhere, which is not followed.")
            found = found[part]
        return found

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except ModelFileError:
            raise
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise ModelFileError(f"{self.name} is damaged: get the file again.") from error


def _strings(value: object) -> list[str]:
    """Strings of an attribute, which HDF5 gives as bytes or text, one or many."""
    items = np.atleast_1d(np.asarray(value)).ravel()
    return [item.decode("utf8", "replace") if isinstance(item, bytes) else str(item) for item in items]
