"""An OpenVINO model from a network and its weights, without TensorFlow.

Tensors are (N, C, H, W) inside, as OpenVINO wants them; images come in as (N, H, W, C) uint8 and are prepared inside
the graph. Batch norm that follows a convolution directly is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

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
from landuse.models.preprocess import Preprocess

Tensor = Any  # openvino.Output; the library has no complete annotations


def build_openvino(
    network: Network,
    weights: Mapping[str, Floats],
    preprocess: Preprocess,
    px: int,
    head: LogisticHead | None = None,
) -> ov.Model:
    """A model from uint8 images (n, px, px, C) to, with a head, probabilities (n, K), then features (n, D); float32.

    Without a head it gives the features alone. The batch size n is free.
    """
    image = ops.parameter([-1, px, px, network.channels], np.uint8, name="image")
    tensors: dict[str, Tensor] = {network.input: _prepare(image, preprocess)}
    for node, affine in _folded(network, weights):
        sources = [tensors[name] for name in node.inputs]
        tensors[node.name] = _build(node, sources, weights, affine)
    features = tensors[network.output]
    features.set_friendly_name("features")
    results = [features] if head is None else [_build_head(features, head), features]
    return ov.Model(results, [image], "landuse")


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


Affine = tuple[Floats, Floats]
"""Factor and offset of each channel, (C,) each."""


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


def _build(node: Node, sources: list[Tensor], weights: Mapping[str, Floats], affine: Affine | None) -> Tensor:
    """The OpenVINO tensor of a node."""
    first = sources[0]
    match node:
        case Conv() | DepthwiseConv():
            return _convolution(node, first, weights, affine)
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


def _convolution(
    node: Conv | DepthwiseConv, source: Tensor, weights: Mapping[str, Floats], affine: Affine | None
) -> Tensor:
    """A convolution with its bias, and with the batch norm that follows it."""
    kernel, bias = weights[f"{node.name}/kernel"], weights.get(f"{node.name}/bias")
    outputs = kernel.shape[2] if isinstance(node, DepthwiseConv) else kernel.shape[3]
    offset = np.zeros(outputs, np.float32) if bias is None or not node.bias else bias
    if affine is not None:
        axis = (1, 1, -1, 1) if isinstance(node, DepthwiseConv) else (1, 1, 1, -1)
        kernel, offset = kernel * affine[0].reshape(axis), offset * affine[0] + affine[1]
    window = {
        "strides": [node.stride] * 2,
        "pads_begin": [0, 0],
        "pads_end": [0, 0],
        "dilations": [1, 1],
        "auto_pad": _AUTO_PAD[node.padding],
    }
    if isinstance(node, DepthwiseConv):
        grouped = kernel.transpose(2, 3, 0, 1)[:, :, None]
        result = ops.group_convolution(source, _constant(grouped), **window)
    else:
        result = ops.convolution(source, _constant(kernel.transpose(3, 2, 0, 1)), **window)
    return ops.add(result, _constant(offset.reshape(1, -1, 1, 1))) if offset.any() else result


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
