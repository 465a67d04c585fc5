"""OpenVINO, Keras and TensorFlow, each imported quietly when something of it is first asked for.

`from landuse.models.libraries import ov, ops, keras, tf` imports none of them. The first use of `ov` or `ops` imports OpenVINO.
That of `keras` or `tf` imports TensorFlow, which takes seconds; nothing of inference does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

TELEMETRY = "openvino_telemetry"


class _Library:
    """A library that is imported when something of it is first asked for."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self._load = load

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._load(), name)


@cache
def _openvino() -> ModuleType:
    """OpenVINO without its reports: importing it sends a message to its makers, by a process of its own, from every worker.

    It does without where it finds no `openvino_telemetry`, which is all that is hidden from it here, and only while it is
    imported. Its own switch is no setting of a process: it writes into the home of the user.
    """
    known: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None marks what is not to be found
    hidden = TELEMETRY not in known
    if hidden:
        known[TELEMETRY] = None
    try:
        import openvino
    finally:
        if hidden:
            del known[TELEMETRY]
    return openvino  # type: ignore[no-any-return]


@cache
def _operations() -> ModuleType:
    _openvino()
    from openvino import opset13

    return opset13  # type: ignore[no-any-return]


@cache
def _tensorflow() -> ModuleType:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_console():
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for CUDA, and complains where there is none
    return tensorflow  # type: ignore[no-any-return]


@cache
def _keras() -> ModuleType:
    _tensorflow()
    import keras

    return keras  # type: ignore[no-any-return]


@contextmanager
def quiet_console() -> Iterator[None]:
    """What is written to the error stream below Python goes nowhere: TensorFlow tells of CUDA before it can be told not to.

    Exceptions are raised as ever.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


ov: Any = _Library(_openvino)
ops: Any = _Library(_operations)
tf: Any = _Library(_tensorflow)
keras: Any = _Library(_keras)
