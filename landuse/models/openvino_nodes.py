"""One node of a network as an operation of OpenVINO. Tensors are (N, C, H, W), as OpenVINO wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landuse.models.arrays import Floats
from landuse.models.nodes import (
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
    Node,
    Pad,
)
from landuse.models.openvino_library import ops

Tensor = Any  # openvino.Output; the library has no complete annotations
Affine = tuple[Floats, Floats]
"""Factor and offset of each channel, (C,) each."""


@dataclass(frozen=True)
class Extra:
    """What a node takes over: the batch norm that follows it, and whether its weights are rounded to 8 bits."""

    affine: Affine | None
    narrow: bool


def tensor_of(node: Node, sources: list[Tensor], weights: Mapping[str, Floats], extra: Extra) -> Tensor:
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
