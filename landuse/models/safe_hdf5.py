"""Reading HDF5 files that may have been made to do harm: nothing outside the file, nothing larger than expected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import h5py
import numpy as np

from landuse.errors import ModelFileError
from landuse.models.arrays import Floats, Shape

MAX_CHILDREN = 20_000
MAX_TEXT = 1_000


class SafeHdf5:
    """An HDF5 file of floats. As a context manager it closes the file. All trouble is a `ModelFileError`.

    Only hard links are followed, so that no group or dataset of another file is read in place of the one asked for.

    Args:
        source: the file, or its bytes as a stream.
        name: what messages call it.
    """

    def __init__(self, source: Path | BinaryIO, name: str) -> None:
        self.name = name
        try:
            self._file = h5py.File(source, "r")
        except FileNotFoundError as error:
            raise ModelFileError(f"There is no weights file {name}: check the name.") from error
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFileError(f"{name} is not an HDF5 file, or was cut short: get it again.") from error

    def __enter__(self) -> SafeHdf5:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def children(self, path: str) -> list[str]:
        """Names of what a group holds; empty where there is no such group."""
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
        found = self._at(path)
        if not isinstance(found, h5py.Dataset) or found.dtype.kind != "f":
            raise ModelFileError(f"{self.name}: {path[:200]} is not an array of floats.")
        if found.external or found.is_virtual:
            raise ModelFileError(f"{self.name}: {path[:200]} lies in another file, which is not read: make one file.")
        return found

    def _at(self, path: str) -> h5py.Group | h5py.Dataset | None:
        """What lies at a path of hard links; None where there is nothing."""
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
        """Whatever the library says of a damaged file becomes one sentence."""
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
