"""Libraries that others import beside what they are asked for, and that our commands have no use for at their start.

One is put off: rasterio imports boto3 wherever it is installed, which doubles its time (`-X importtime`), and object
stores are read by GDAL here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a library until something of it is used, which imports it."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def put_off(name: str) -> Iterator[None]:
    """A context in which who imports a library gets something that imports it when it is used; absent libraries stay so."""
    if name in sys.modules or importlib.util.find_spec(name) is None:
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
