"""Names for the arrays that models take and give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

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


def number_count(shapes: Iterable[Shape]) -> int:
    """Number of values in arrays of these shapes."""
    return sum(math.prod(shape) for shape in shapes)
