"""An OpenVINO model from a network and its weights, without TensorFlow.

Tensors are (N, C, H, W) inside, as OpenVINO wants them; images come in as (N, H, W, C) uint8 and are prepared inside
the graph. Batch norm that follows a convolution directly is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landuse.models.arrays import Floats
from landuse.models.heads import LogisticHead
from landuse.models.network import (
    Activation,
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalAveragePool,
    MaxPool,
    Network,
    Node,
    Pad,
)
from landuse.models.openvino_library import ops, ov
from landuse.models.preprocess import Preprocess

Tensor = Any  # openvino.Output; the library has no complete annotations
Ranges = Mapping[str, tuple[float, float]]
"""Least and largest value of tensors, by the name of the node that makes them."""
Affine = tuple[Floats, Floats]
"""Factor and offset of each channel, (C,) each."""


def build_openvino(
    network: Network,
    weights: Mapping[str, Floats],
    preprocess: Preprocess,
    px: int,
    head: LogisticHead | None = None,
    ranges: Ranges | None = None,
) -> ov.Model:
    """A model from uint8 images (n, px, px, C) to, with a head, probabilities (n, K), then features (n, D); float32.

    Without a head it gives the features alone. The batch size n is free. With `ranges` the convolutions that have one
    compute in 8-bit integers; see `quantised`.
    """
    image = ops.parameter([-1, px, px, network.channels], np.uint8, name="image")
    graph = Graph(network, weights, ranges or {})
    features = graph.run({network.input: _prepare(image, preprocess)})[network.output]
    return ov.Model(results_of(features, head), [image], "landuse")


def build_until(
    network: Network, weights: Mapping[str, Floats], preprocess: Preprocess, node: str, ranges: Ranges | None = None
) -> ov.Model:
    """A model from uint8 images (n, H, W, C) of any size to the feature map (n, D, h, w) of a node; float32."""
    image = ops.parameter([-1, -1, -1, network.channels], np.uint8, name="image")
    graph = Graph(network, weights, ranges or {})
    found = graph.run({network.input: _prepare(image, preprocess)}, upto=node)[node]
    return ov.Model([found], [image], "landuse_map")


def build_nodes(
    network: Network, weights: Mapping[str, Floats], preprocess: Preprocess, px: int, names: Sequence[str]
) -> tuple[Tensor, list[Tensor]]:
    """The parameter of uint8 images (n, px, px, C), and the tensors (n, c, h, w) that some nodes make of it."""
    image = ops.parameter([-1, px, px, network.channels], np.uint8, name="image")
    found = Graph(network, weights, {}).run({network.input: _prepare(image, preprocess)})
    return image, [found[name] for name in names]


def build_after(
    network: Network,
    weights: Mapping[str, Floats],
    pool: str,
    box: tuple[int, int, int],
    head: LogisticHead | None,
    lines: Affine | None = None,
) -> ov.Model:
    """A model from a feature map (1, D, h, w) to what the network says of each square of it, in image order.

    Its second input, (1, 1, h, w), is 1 at the positions that count and 0 elsewhere; a square's features are the mean over
    those that do.

    Args:
        network: the whole network.
        weights: of the whole network.
        pool: the node that pools the feature map.
        box: channels D, side of a square in positions, and positions from one square to the next.
        head: makes probabilities (cells, K), which come before the features (cells, d).
        lines: factor and offset of each feature, by which they are brought to those of chips.
    """
    channels, side, step = box
    found = ops.parameter([1, channels, -1, -1], np.float32, name="map")
    counts = ops.parameter([1, 1, -1, -1], np.float32, name="counts")
    sums, numbers = _box_mean(ops.multiply(found, counts), side, step), _box_mean(counts, side, step)
    means = ops.divide(sums, ops.maximum(numbers, np.float32(1e-6)))
    vectors = ops.reshape(ops.transpose(means, np.array([0, 2, 3, 1])), np.array([-1, channels]), False)
    features = Graph(network, weights, {}).run({pool: vectors})[network.output]
    aligned = features if lines is None else ops.add(ops.multiply(features, lines[0][None]), lines[1][None])
    return ov.Model(results_of(aligned, head), [found, counts], "landuse_cells")


def _box_mean(tensor: Tensor, side: int, step: int) -> Tensor:
    """Mean over each square of `side` positions, `step` apart."""
    return ops.avg_pool(tensor, [step] * 2, [0, 0], [0, 0], [side] * 2, True, "floor", "valid")


def results_of(features: Tensor, head: LogisticHead | None) -> list[Tensor]:
    """Probabilities, where there is a head, and features."""
    features.set_friendly_name("features")
    return [features] if head is None else [_build_head(features, head), features]


class Graph:
    """The nodes of a network as OpenVINO operations.

    Args:
        network, weights: what is built.
        ranges: least and largest value of tensors by name; a tensor that has one is rounded to 8 bits where it feeds a
            convolution, whose weights are then too.
    """

    def __init__(self, network: Network, weights: Mapping[str, Floats], ranges: Ranges) -> None:
        self._network, self._weights, self._ranges = network, weights, ranges

    def run(self, tensors: dict[str, Tensor], upto: str | None = None) -> dict[str, Tensor]:
        """Tensors of all nodes that can be computed from those given, or of those up to and with one of them."""
        for node, affine in _folded(self._network, self._weights):
            if node.name in tensors or any(name not in tensors for name in node.inputs):
                continue
            sources = [tensors[name] for name in node.inputs]
            narrow = isinstance(node, Conv | DepthwiseConv) and node.inputs[0] in self._ranges
            made = _build(node, sources, self._weights, Extra(affine, narrow))
            span = self._ranges.get(node.name)
            tensors[node.name] = made if span is None else quantised(made, span)
            if node.name == upto:
                break
        return tensors


@dataclass(frozen=True)
class Extra:
    """What a node takes over: the batch norm that follows it, and whether its weights are rounded to 8 bits."""

    affine: Affine | None
    narrow: bool


def quantised(tensor: Tensor, span: tuple[float, float]) -> Tensor:
    """A tensor rounded to 256 steps between two values, of which 0 is one; what lies outside is clipped.

    OpenVINO turns the convolutions between such tensors into integer arithmetic (Jacob et al. 2018, equation 12).
    """
    low, high = min(span[0], 0.0), max(span[1], 1e-6)
    if low < 0:
        high = max(high, -low * 127 / 128)
        low = -high * 128 / 127
    ends = [np.float32(end).reshape(1, 1, 1, 1) for end in (low, high)]
    return ops.fake_quantize(tensor, *ends, *ends, 256)


def _prepare(image: Tensor, preprocess: Preprocess) -> Tensor:
    factor, offset = preprocess.affine()
    prepared = ops.transpose(ops.convert(image, np.float32), np.array([0, 3, 1, 2]))
    if preprocess.order == "bgr":
        channels = image.get_partial_shape()[3].get_length()
        prepared = ops.gather(prepared, np.arange(channels)[::-1].copy(), np.int64(1))
    prepared = ops.multiply(prepared, factor.reshape(1, -1, 1, 1))
    return ops.add(prepared, offset.reshape(1, -1, 1, 1))


def _build_head(features: Tensor, head: LogisticHead) -> Tensor:
    """Probabilities (n, K) by the head's softmax of an affine function."""
    matrix, offset = head.affine()
    probabilities = ops.softmax(ops.add(ops.matmul(features, matrix, False, False), offset[None]), 1)
    probabilities.set_friendly_name("probabilities")
    return probabilities


def _folded(network: Network, weights: Mapping[str, Floats]) -> list[tuple[Node, Affine | None]]:
    """Each node with the batch norm that it takes over; that batch norm itself becomes the identity."""
    readers: dict[str, list[Node]] = {}
    for node in network.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    affines = {n.name: norm_affine(n, weights) for n in network.nodes if isinstance(n, BatchNorm)}
    found: list[tuple[Node, Affine | None]] = []
    for node in network.nodes:
        after = readers.get(node.name, [])
        takes = isinstance(node, Conv | DepthwiseConv) and node.name != network.output
        if takes and len(after) == 1 and isinstance(after[0], BatchNorm):
            found.append((node, affines.pop(after[0].name)))
        else:
            found.append((node, affines.get(node.name)))
    return found


def norm_affine(node: BatchNorm, weights: Mapping[str, Floats]) -> Affine:
    """Factor and offset that a batch norm amounts to when its statistics are fixed."""
    gamma = weights[f"{node.name}/gamma"].astype(np.float64) if node.scale else 1.0
    factor = gamma / np.sqrt(weights[f"{node.name}/moving_variance"].astype(np.float64) + node.epsilon)
    offset = weights[f"{node.name}/beta"] - weights[f"{node.name}/moving_mean"] * factor
    return factor.astype(np.float32), offset.astype(np.float32)


def _build(node: Node, sources: list[Tensor], weights: Mapping[str, Floats], extra: Extra) -> Tensor:
    """The OpenVINO tensor of a node."""
    first, affine = sources[0], extra.affine
    match node:
        case Conv() | DepthwiseConv():
            return _convolution(node, first, weights, extra)
        case BatchNorm():
            return first if affine is None else _scale(first, affine)
        case Activation():
            return _activation(node, first)
        case MaxPool() | AveragePool():
            return _pool(node, first)
        case Pad():
            begins, ends = np.array([0, 0, node.top, node.left]), np.array([0, 0, node.bottom, node.right])
            return ops.pad(first, begins, ends, "constant", np.float32(0))
        case Add():
            total = first
            for source in sources[1:]:
                total = ops.add(total, source)
            return total
        case Concat():
            return ops.concat(sources, 1)
        case GlobalAveragePool():
            return ops.reduce_mean(first, np.array([2, 3]), False)
        case Dense():
            product = ops.matmul(first, _constant(weights[f"{node.name}/kernel"]), False, False)
            return ops.add(product, weights[f"{node.name}/bias"][None])


def _convolution(node: Conv | DepthwiseConv, source: Tensor, weights: Mapping[str, Floats], extra: Extra) -> Tensor:
    """A convolution with its bias, and with the batch norm that follows it."""
    kernel, bias = weights[f"{node.name}/kernel"], weights.get(f"{node.name}/bias")
    grouped = isinstance(node, DepthwiseConv)
    kernel = kernel.transpose(2, 3, 0, 1)[:, :, None] if grouped else kernel.transpose(3, 2, 0, 1)
    offset = np.zeros(len(kernel), np.float32) if bias is None or not node.bias else bias
    if extra.affine is not None:
        factor, shift = extra.affine
        along = factor.reshape(-1, *[1] * (kernel.ndim - 1))
        kernel = np.multiply(kernel, along, out=np.empty(kernel.shape, np.float32))  # turned and scaled in one pass
        offset = offset * factor + shift
    window = {
        "strides": [node.stride] * 2,
        "pads_begin": [0, 0],
        "pads_end": [0, 0],
        "dilations": [1, 1],
        "auto_pad": _AUTO_PAD[node.padding],
    }
    make = ops.group_convolution if grouped else ops.convolution
    result = make(source, _kernel(kernel, extra.narrow), **window)
    return ops.add(result, _constant(offset.reshape(1, -1, 1, 1))) if offset.any() else result


def _kernel(values: Floats, narrow: bool) -> Tensor:
    """A kernel (out, ...); a `narrow` one in 255 steps, the same to both sides of 0, each output channel by itself."""
    if not narrow:
        return _constant(values)
    largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    scale = (np.maximum(largest, 1e-12) / 127).astype(np.float32)
    whole = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    return ops.multiply(ops.convert(ops.constant(np.ascontiguousarray(whole)), np.float32), _constant(scale))


def _constant(values: Floats) -> Tensor:
    """A constant with these values, copied at once; OpenVINO turns a bare array into a list of numbers first, for seconds."""
    return ops.constant(np.ascontiguousarray(values))


def _pool(node: MaxPool | AveragePool, source: Tensor) -> Tensor:
    strides, kernel, none, auto = [node.stride] * 2, list(node.sides), [0, 0], _AUTO_PAD[node.padding]
    if isinstance(node, AveragePool):
        return ops.avg_pool(source, strides, none, none, kernel, True, "floor", auto)
    return ops.max_pool(source, strides, [1, 1], none, none, kernel, "floor", auto).output(0)


def _activation(node: Activation, source: Tensor) -> Tensor:
    match node.function:
        case "relu":
            return ops.relu(source)
        case "relu6":
            return ops.clamp(source, 0.0, 6.0)
        case "swish":
            return ops.swish(source)
        case "sigmoid":
            return ops.sigmoid(source)
        case "tanh":
            return ops.tanh(source)


def _scale(source: Tensor, affine: Affine) -> Tensor:
    rank = source.get_output_partial_shape(0).rank.get_length() if hasattr(source, "get_output_partial_shape") else 4
    shape = (1, -1, 1, 1) if rank == 4 else (1, -1)
    return ops.add(ops.multiply(source, affine[0].reshape(shape)), affine[1].reshape(shape))


_AUTO_PAD = {"same": "same_upper", "valid": "valid"}
