"""OpenVINO, Keras and TensorFlow, each imported when it is first asked for, and quietly.

`from landuse.models.libraries import ov, ops` imports OpenVINO; `keras` and `tf` import TensorFlow. That takes seconds, and
nothing of inference does it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

TELEMETRY = "openvino_telemetry"


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """The library of a name (PEP 562)."""
    if name in ("ov", "ops"):
        found = _openvino()
    elif name in ("keras", "tf"):
        found = _keras()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update(found)
    return found[name]


def _openvino() -> dict[str, Any]:
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
        from openvino import opset13
    finally:
        if hidden:
            del known[TELEMETRY]
    return {"ov": openvino, "ops": opset13}


def _keras() -> dict[str, Any]:
    """Keras on TensorFlow."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_console():
        import keras
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for CUDA, and complains where there is none
    return {"keras": keras, "tf": tensorflow}


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
