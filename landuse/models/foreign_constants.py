"""Constants that operations of a graph of OpenVINO read: weights, axes, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from landuse.models.arrays import Floats

Operation = Any  # openvino.Node; the library has no complete annotations


class UnsupportedError(Exception):
    """An operation that our networks have not; the message says what."""


def constant(op: Operation) -> Floats | None:
    """The values of a constant, float32; None for anything else."""
    if op.get_type_name() == "Convert":
        op = op.input_value(0).get_node()
    return np.asarray(op.data, np.float32) if op.get_type_name() == "Constant" else None


def input_constant(op: Operation, index: int) -> Floats | None:
    """The constant that an operation reads at a place; None where it reads something else there."""
    return constant(op.input_value(index).get_node())


def needed_constant(op: Operation, index: int) -> Floats:
    """The constant that an operation reads at a place. Raises `UnsupportedError` where it reads something else there."""
    values = input_constant(op, index)
    if values is None:
        raise UnsupportedError(" with weights that are computed")
    return values


def per_channel(values: Floats, rank: int, width: int) -> Floats:
    """A constant as one value a channel, (width,). Raises `UnsupportedError` where it is something else."""
    shape = (1,) * (rank - values.ndim) + values.shape
    if rank not in (2, 4) or any(n != 1 for axis, n in enumerate(shape) if axis != 1) or shape[1] not in (1, width):
        raise UnsupportedError(" with other values than one a channel")
    return np.ascontiguousarray(np.broadcast_to(values.ravel(), (width,)), np.float32)
