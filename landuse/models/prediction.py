"""What every runtime gives: predictions of batches of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from landuse.errors import BandsError
from landuse.models.arrays import Floats, Images

Kind = Literal["openvino", "tensorflow"]
Precision = Literal["auto", "f32", "bf16", "int8"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of a batch.

    Attributes:
        probabilities: float32 (n, K), rows sum to 1, columns in legend order.
        features: float32 (n, D), the backbone's pooled features.
    """

    probabilities: Floats
    features: Floats


class Runtime(Protocol):
    """A model that is ready to run.

    Attributes:
        kind: "openvino" or "tensorflow".
        precision: what it computes in, "f32", "bf16" or "int8".
    """

    @property
    def kind(self) -> Kind:
        """Which interpreter it is."""

    @property
    def precision(self) -> Literal["f32", "bf16", "int8"]:
        """What it computes in."""

    def predict(self, batch: Images) -> Prediction:
        """Probabilities and features of uint8 images (n, px, px, bands); n may be 0."""

    def predict_stream(self, batches: Iterator[Images]) -> Iterator[Prediction]:
        """A prediction for each batch, in order; the next batches are read while earlier ones are computed."""


def check_batch(batch: Images, px: int, bands: int) -> None:
    """Raise `BandsError` unless a batch is uint8 (n, px, px, bands)."""
    if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (px, px, bands):
        raise BandsError(
            f"The model takes uint8 images of {px} x {px} pixels and {bands} bands, not {batch.dtype} {batch.shape[1:]}."
        )
