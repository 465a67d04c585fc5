"""Sums and products of tensors with constants and with each other, and batch norms, as nodes of our networks."""

from __future__ import annotations

import numpy as np

from landuse.models.arrays import Floats
from landuse.models.foreign_constants import Operation, UnsupportedError, constant, input_constant, per_channel
from landuse.models.translation import Translation

EPSILON = 1e-3
_NONE = np.zeros(0, np.float32)


def arithmetic(op: Operation, into: Translation) -> None:
    """A sum of tensors; or, with a constant, a bias or a factor and offset of each channel."""
    kind, sources = op.get_type_name(), into.sources(op)
    constants = [value for value in (input_constant(op, 0), input_constant(op, 1)) if value is not None]
    if not constants:
        _of_two(op, into, kind, sources)
        return
    width = op.get_output_shape(0)[1] if len(op.get_output_shape(0)) > 1 else 0
    values = per_channel(constants[0], len(op.get_output_shape(0)), width)
    if input_constant(op, 0) is not None and kind in ("Subtract", "Divide"):
        raise UnsupportedError(" from a constant")
    if kind == "Add" and _takes_bias(op, into, sources[0]):
        into.nodes[sources[0]] |= {} if into.nodes[sources[0]]["op"] == "dense" else {"bias": True}
        into.weights[f"{sources[0]}/bias"] = values
        into.same(op)
        return
    if kind == "Add" and _takes_offset(op, into, sources[0]):
        into.weights[f"{sources[0]}/beta"] = values
        into.same(op)
        return
    if kind == "Multiply" and (values == 1).all():
        into.same(op)
        return
    factor, offset = np.ones(width, np.float32), np.zeros(width, np.float32)
    if kind in ("Multiply", "Divide"):
        factor = values if kind == "Multiply" else 1 / values
    else:
        offset = values if kind == "Add" else -values
    _affine(op, into, factor, offset)


def _of_two(op: Operation, into: Translation, kind: str, sources: list[str]) -> None:
    """A sum of tensors, or x * sigmoid(x)."""
    gates = [s for s in sources if into.nodes.get(s, {}).get("function") == "sigmoid"]
    if kind == "Add" and len(sources) == 2:
        into.node(op, "add", sources)
    elif (
        kind == "Multiply"
        and len(gates) == 1
        and into.nodes[gates[0]]["inputs"] == [s for s in sources if s not in gates]
    ):
        into.node(op, "activation", into.nodes[gates[0]]["inputs"], function="swish")
    else:
        raise UnsupportedError(" of two tensors")


def _takes_bias(op: Operation, into: Translation, source: str) -> bool:
    """Whether a constant can become the bias of the layer before, which nothing else reads."""
    kind = into.nodes.get(source, {}).get("op")
    return (
        kind in ("conv", "depthwise_conv", "dense")
        and into.alone(op)
        and not into.weights.get(f"{source}/bias", _NONE).any()
    )


def _takes_offset(op: Operation, into: Translation, source: str) -> bool:
    """Whether a constant can become the offset of the factor before, which nothing else reads."""
    kind = into.nodes.get(source, {}).get("op")
    return kind == "batch_norm" and into.alone(op) and not into.weights[f"{source}/beta"].any()


def _affine(op: Operation, into: Translation, factor: Floats, offset: Floats) -> None:
    """Factor and offset of each channel, as a batch norm with fixed statistics."""
    name = into.node(op, "batch_norm", into.sources(op), epsilon=EPSILON)
    zeros = np.zeros_like(factor)
    parts = {"gamma": factor, "beta": offset, "moving_mean": zeros, "moving_variance": zeros + (1 - EPSILON)}
    into.weights |= {f"{name}/{part}": array.astype(np.float32) for part, array in parts.items()}


def batch_norm(op: Operation, into: Translation) -> None:
    """Batch normalisation by its running statistics."""
    kinds = [value.get_source_output().get_node() for value in op.inputs()]
    arrays = [array for array in map(constant, kinds) if array is not None]
    if len(arrays) != 4:
        raise UnsupportedError(" with statistics of the batch")
    name = into.node(op, "batch_norm", into.sources(op), epsilon=float(op.get_attributes()["epsilon"]))
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    into.weights |= {f"{name}/{part}": array for part, array in zip(parts, arrays, strict=True)}
