"""What models take and give: arrays, and predictions of batches of images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
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
