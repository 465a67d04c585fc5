"""8-bit form of a network: what a model file says of it, and the graph that it makes.

Ranges are measured after training on images (Jacob et al. 2018); OpenVINO turns convolutions between rounded tensors into
integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from landuse.errors import UsageError
from landuse.models.libraries import Floats, Graph, Images, Node, ops, ov

Ranges = Mapping[str, tuple[float, float]]
"""Least and largest value of tensors, by the name of the operation that makes them."""
CONVOLUTIONS = {"Convolution": (1, 2, 3), "GroupConvolution": (2, 3, 4)}
"""Operations whose weights are rounded, and the axes of a kernel that make one number of the output."""
LEAST_AGREEMENT = 0.99
"""Least share of held-back chips that must get the same label in 8 bits."""
MOST_RANGES = 2_000
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
PIECE = 8
"""Images that are measured at once."""


class Quantisation(BaseModel):
    """How a network computes in 8-bit integers.

    Attributes:
        ranges: least and largest value of each tensor that is rounded, by the name of the node that makes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranges: Annotated[dict[str, tuple[Finite, Finite]], Field(max_length=MOST_RANGES)]
    agreement: Annotated[float, Field(ge=0, le=1)]
    chips: Annotated[int, Field(ge=1)]
    held_back: Annotated[int, Field(ge=1)]
    against: Annotated[str, Field(max_length=8)]
    digest: Annotated[str, Field(max_length=128)] = ""


def fed(model: Graph) -> dict[str, Node]:
    """The tensors that feed a convolution, by name: those are rounded. The image itself is not; it has few channels."""
    bands = model.input().get_partial_shape()[3].get_length()
    found: dict[str, Node] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() in CONVOLUTIONS:
            source = node.input_value(0)
            if source.get_partial_shape()[1].get_length() != bands:
                found[source.get_node().get_friendly_name()] = source
    return found


def rounded(model: Graph, ranges: Ranges) -> Graph:
    """The model itself, whose convolutions that read a tensor with a range compute in 8-bit integers."""
    readers = [node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS]
    tensors = {name: tensor for name, tensor in fed(model).items() if name in ranges}
    for node in readers:
        if node.input_value(0).get_node().get_friendly_name() in tensors:
            _round_kernel(node)
    for name, tensor in tensors.items():
        targets = tensor.get_target_inputs()
        low, high = span_of(ranges[name])
        ends = [np.float32(end).reshape(1, 1, 1, 1) for end in (low, high)]
        narrow = ops.fake_quantize(tensor, *ends, *ends, 256)
        for target in targets:
            target.replace_source_output(narrow.output(0))
    model.validate_nodes_and_infer_types()
    return model


def span_of(span: tuple[float, float]) -> tuple[float, float]:
    """A range of 256 steps of which 0 is one; what lies outside is clipped."""
    low, high = min(span[0], 0.0), max(span[1], 1e-6)
    if low < 0:
        high = max(high, -low * 127 / 128)
        low = -high * 128 / 127
    return low, high


def _round_kernel(node: Node) -> None:
    """Bring a kernel to 255 steps, the same to both sides of 0, each output channel by itself."""
    held = node.input_value(1).get_node()
    while held.get_type_name() != "Constant":
        held = held.input_value(0).get_node()
    values: Floats = held.get_data().astype(np.float32)
    largest = np.abs(values).max(axis=CONVOLUTIONS[node.get_type_name()], keepdims=True)
    scale = (np.maximum(largest, 1e-12) / 127).astype(np.float32)
    whole = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    kernel = ops.multiply(ops.convert(ops.constant(np.ascontiguousarray(whole)), np.float32), ops.constant(scale))
    node.input(1).replace_source_output(kernel.output(0))


@dataclass
class Extremes:
    """Least and largest values of tensors, image by image.

    Attributes:
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


def measure(graph: Graph, name: str, batches: Iterable[Images]) -> Extremes:
    """Extremes of all tensors of a model's graph that are rounded, over images uint8 (n, px, px, bands), in float32.

    Raises:
        UsageError: the network has no convolution that could compute in 8 bits.
    """
    tensors = fed(graph)
    if not tensors:
        raise UsageError(f"Model {name} has no convolutions that 8 bits would speed up: use it as it is.")
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


def unmeasured(ranges: dict[str, tuple[float, float]]) -> Quantisation:
    """Ranges by which a model can be run in 8 bits, before it is known how well its answers agree."""
    return Quantisation(ranges=ranges, agreement=0.0, chips=1, held_back=1, against="f32")
