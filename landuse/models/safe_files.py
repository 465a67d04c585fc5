"""Reading files that may have been made to do harm: zip files, safetensors and HDF5; nothing larger than expected."""

from __future__ import annotations

import io
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
from landuse.models.libraries import Shape, number_count

if TYPE_CHECKING:
    import h5py

EPOCH = (1980, 1, 1, 0, 0, 0)
HEADER_ROOM = 1_000_000
MAX_HDF5 = 1_664_000_000
MAX_LINKS = 50_000
MAX_TEXT = 20_000_000
"""Bytes of an attribute: the names of 20,000 layers of 1,000 signs."""


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


@contextmanager
def sound_hdf5(source: Path | io.BytesIO, name: str) -> Iterator[h5py.File]:
    """An HDF5 file all of which lies in it and is no more than it can hold; whatever else goes wrong with it is told.

    Raises `ModelFileError`: it is none, is damaged, or leads elsewhere.
    """
    import h5py  # which only files of Keras need

    links: dict[str, object] = {}
    try:
        with h5py.File(source, "r") as file:
            file.visititems_links(lambda name, link: links.__setitem__(name, link) if len(links) < MAX_LINKS else True)
            elsewhere = [link for link, kind in links.items() if not isinstance(kind, h5py.HardLink)]
            if elsewhere or len(links) == MAX_LINKS:
                raise ModelFileError(
                    f"{name}: {(elsewhere or [''])[0][:200]} is a link elsewhere, which is not followed."
                )
            held = [file, *(file[link] for link in links)]
            arrays = [one for one in held if isinstance(one, h5py.Dataset)]
            if any(array.external or array.is_virtual for array in arrays):
                raise ModelFileError(f"{name} keeps weights in another file, which is not read: make one file.")
            texts = [one.attrs.get_id(attribute) for one in held for attribute in one.attrs]
            room = sum(array.nbytes for array in arrays)
            if room > MAX_HDF5 or any(math.prod(text.shape) * text.dtype.itemsize > MAX_TEXT for text in texts):
                raise ModelFileError(f"{name} is damaged, or its weights are too large: get the file again.")
            yield file
    except ModelFileError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{name} is not an HDF5 file, or was cut short or damaged: get it again.") from error
