"""Arrays, and OpenVINO, Keras and TensorFlow, each imported quietly when something of it is first asked for.

`from landuse.models.libraries import ov, ops, keras, tf` imports none of them. The first use of `ov` or `ops` imports OpenVINO.
That of `keras` or `tf` imports TensorFlow, which takes seconds; nothing of inference does.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from landuse.errors import BandsError

Images = npt.NDArray[np.uint8]
"""A batch (n, px, px, bands)."""
Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]
"""Weight arrays by name, such as "conv1/kernel"."""
Shape = tuple[int, ...]
Graph = Any
"""An openvino.Model; the library's own annotations are partial, as are those of Keras."""
Node = Any
"""An operation of such a graph (openvino.Node), or one of its outputs (openvino.Output)."""
KerasModel = Any
"""A keras.Model."""
KerasLayer = Any
"""A keras.Layer."""
Tensor = Any
"""A tensor of TensorFlow, or a symbolic one of Keras."""
Kind = Literal["openvino", "tensorflow"]
Precision = Literal["auto", "f32", "bf16", "int8"]


def number_count(shapes: Iterable[Shape]) -> int:
    """Number of values in arrays of these shapes."""
    return sum(math.prod(shape) for shape in shapes)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a batch.

    Attributes:
        probabilities: float32 (n, K), rows sum to 1, columns in legend order.
        features: float32 (n, D), the backbone's pooled features.
    """

    probabilities: Floats
    features: Floats


def check_batch(batch: Images, px: int, bands: int) -> None:
    """Raise `BandsError` unless a batch is uint8 (n, px, px, bands)."""
    if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (px, px, bands):
        raise BandsError(
            f"The model takes uint8 images of {px} x {px} pixels and {bands} bands, not {batch.dtype} {batch.shape[1:]}."
        )


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
