"""What this process finds around it: tables of PROJ and GDAL, libraries that others import without need, and its memory."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

# A shell that has sourced QGIS, GRASS or conda points PROJ_LIB at another version's proj.db, with which our PROJ knows no CRS.
FOREIGN = {"PROJ_LIB": "proj_data", "PROJ_DATA": "proj_data", "GDAL_DATA": "gdal_data", "GDAL_DRIVER_PATH": "gdal_data"}
"""Variables, and the folder of rasterio's wheel that stands in for what they name."""


def keep_to_own_data(environ: MutableMapping[str, str] = os.environ) -> None:
    """Forget the variables that lead PROJ and GDAL to another installation; before rasterio or pyproj is imported.

    Nothing is forgotten where rasterio has no tables of its own (as in conda): there they are the ones to use.
    """
    spec = find_spec("rasterio")
    home = Path(spec.origin).parent if spec is not None and spec.origin else None
    for name, folder in FOREIGN.items():
        if home is not None and (home / folder).is_dir():
            environ.pop(name, None)


def foreign_data(environ: MutableMapping[str, str] = os.environ) -> str:
    """Of a message: which variables point elsewhere; empty where none does."""
    found = [f"{name}={environ[name]}" for name in FOREIGN if environ.get(name)]
    return f" {' and '.join(found)} may lead to another version's tables: unset them first." if found else ""


def give_memory_back() -> None:
    """Give the system what was freed between what is still in use; glibc would keep it, and a long run would grow by it."""
    import ctypes

    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # musl has none
        libc.malloc_trim(0)


class Later(ModuleType):
    """Stands for a library until something of it is used, which imports it; its version is known without."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name == "__version__":
            return version(self.__name__)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def put_off(name: str) -> Iterator[None]:
    """A context in which who imports a library gets something that imports it when it is used; absent libraries stay so."""
    if name in sys.modules or find_spec(name) is None:
        yield
        return
    with _known_as(name, Later(name)):
        yield


@contextmanager
def _known_as(name: str, module: ModuleType) -> Iterator[None]:
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
