"""Bringing a network to 8 bits after its training, by ranges measured on images (Jacob et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from landuse.errors import UsageError
from landuse.models.arrays import Floats, Images
from landuse.models.openvino import ops, ov
from landuse.models.quantised import Quantisation, fed

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

PIECE = 8
"""Images that are measured at once."""


@dataclass
class Extremes:
    """Least and largest values of tensors, image by image.

    Attributes:
        names: of the nodes that make the tensors.
        low, high: float32 (n, tensors), in pieces.
    """

    names: tuple[str, ...]
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)

    def ranges(self, share: float) -> dict[str, tuple[float, float]]:
        """A range for each tensor: from the mean of the images' extremes (share 0) to the outermost of them (share 1)."""
        low, high = np.concatenate(self.low), np.concatenate(self.high)
        lows = low.mean(axis=0) * (1 - share) + low.min(axis=0) * share
        highs = high.mean(axis=0) * (1 - share) + high.max(axis=0) * share
        return {
            name: (float(a), float(b)) for name, a, b in zip(self.names, lows.tolist(), highs.tolist(), strict=True)
        }


def measure(bundle: Bundle, batches: Iterable[Images]) -> Extremes:
    """Extremes of all tensors that are rounded, over images uint8 (n, px, px, bands), in float32.

    Raises:
        UsageError: the network has no convolution that could compute in 8 bits.
    """
    graph = bundle.backbone.graph(f"Model {bundle.name}")
    tensors = fed(graph)
    if not tensors:
        raise UsageError(f"Model {bundle.name} has no convolutions that 8 bits would speed up: use it as it is.")
    axes = np.array([1, 2, 3])
    results = [
        reduce(tensor, axes, False) for tensor in tensors.values() for reduce in (ops.reduce_min, ops.reduce_max)
    ]
    compiled = ov.Core().compile_model(
        ov.Model(results, graph.get_parameters(), "landuse_extremes"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found = Extremes(tuple(tensors))
    for batch in batches:
        for first in range(0, len(batch), PIECE):
            answers = compiled([batch[first : first + PIECE]])
            values = np.stack([answers[i] for i in range(len(results))], axis=1)
            found.low.append(values[:, 0::2].copy())
            found.high.append(values[:, 1::2].copy())
    return found


def with_ranges(bundle: Bundle, ranges: dict[str, tuple[float, float]], known: Quantisation | None = None) -> Bundle:
    """The model with ranges, so that it can be run in 8 bits; what is `known` of them otherwise goes along."""
    plain = known or Quantisation(ranges={}, agreement=0.0, chips=1, held_back=1, against="f32")
    return replace(bundle, quantisation=plain.model_copy(update={"ranges": ranges}))
