"""Operations that OpenVINO finds in an ONNX file or a SavedModel, one after another, as nodes of our networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landuse.models.foreign_arithmetic import arithmetic, batch_norm
from landuse.models.foreign_constants import Operation, UnsupportedError, constant, input_constant, needed_constant
from landuse.models.foreign_windows import convolution, pad, pool
from landuse.models.translation import Translation


def translate(op: Operation, into: Translation) -> None:
    """Translate an operation; one that is not supported becomes a node that says so."""
    kind = op.get_type_name()
    if kind == "Parameter":
        into.begin(op)
    elif kind == "Result":
        into.end(op)
    elif constant(op) is None:
        try:
            _TRANSLATORS.get(kind, _refuse)(op, into)
        except UnsupportedError as error:
            into.refuse(op, str(error))


def activation(op: Operation, into: Translation) -> None:
    """A function of each value."""
    kind, attributes = op.get_type_name(), op.get_attributes()
    if kind == "Clamp" and (attributes["min"], attributes["max"]) != (0, 6):
        raise UnsupportedError(" between other bounds than 0 and 6")
    if kind == "Swish" and len(op.inputs()) > 1 and (needed_constant(op, 1) != 1).any():
        raise UnsupportedError(" with a factor")
    names = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Clamp": "relu6", "Swish": "swish"}
    into.node(op, "activation", into.sources(op), function=names[kind])


def clip(op: Operation, into: Translation) -> None:
    """Max(x, 0), and min(x, 6) of what is not negative: the two halves of a Clip."""
    constants = [value for value in (input_constant(op, 0), input_constant(op, 1)) if value is not None]
    sources = into.sources(op)
    bound = float(constants[0].ravel()[0]) if constants and constants[0].size == 1 else None
    if op.get_type_name() == "Maximum" and bound == 0:
        into.node(op, "activation", sources, function="relu")
    elif op.get_type_name() == "Minimum" and bound == 6 and into.never_negative(sources[0]):
        into.node(op, "activation", sources, function="relu6")
    else:
        raise UnsupportedError(" with other bounds than 0 and 6")


def mean(op: Operation, into: Translation) -> None:
    """The mean of a whole map."""
    if (
        sorted(axis % 4 for axis in needed_constant(op, 1).astype(int).ravel()) != [2, 3]
        or len(op.get_input_shape(0)) != 4
    ):
        raise UnsupportedError(" over other axes than height and width")
    into.node(op, "global_average_pool", into.sources(op))


def reshape(op: Operation, into: Translation) -> None:
    """A vector stays one; a map of one pixel becomes one."""
    before, after = list(op.get_input_shape(0)), list(op.get_output_shape(0))
    source = into.sources(op)[0]
    if len([n for n in before[1:] if n != 1]) > 1 or before[1] not in after:
        raise UnsupportedError(" of a feature map")
    if into.nodes.get(source, {}).get("op") in ("global_average_pool", "dense") or len(before) < 4:
        into.same(op)
    else:
        into.node(op, "global_average_pool", [source])


def transpose(op: Operation, into: Translation) -> None:
    """What turns a TensorFlow image or its final map is left out: our tensors are channels last for whoever reads them."""
    order, source = needed_constant(op, 1).astype(int).tolist(), op.input_value(0).get_node()
    readers = {reader.get_node().get_type_name() for reader in op.output(0).get_target_inputs()}
    turns_image = source.get_type_name() == "Parameter" and order == [0, 3, 1, 2]
    if order != sorted(order) and not (into.channels_last and (turns_image or readers == {"Result"})):
        raise UnsupportedError(f" into the order {order}")
    into.same(op)


def convert(op: Operation, into: Translation) -> None:
    """An image of whole numbers becomes one of fractions."""
    if op.input_value(0).get_node().get_type_name() != "Parameter":
        raise UnsupportedError
    into.same(op)


def matmul(op: Operation, into: Translation) -> None:
    """A fully connected layer, whose bias may follow."""
    matrix, attributes = needed_constant(op, 1), op.get_attributes()
    if matrix.ndim != 2 or attributes["transpose_a"] or len(op.get_output_shape(0)) != 2:
        raise UnsupportedError(" of another form than vector by matrix")
    matrix = matrix.T if attributes["transpose_b"] else matrix
    name = into.node(op, "dense", into.sources(op), units=matrix.shape[1])
    into.weights |= {
        f"{name}/kernel": np.ascontiguousarray(matrix),
        f"{name}/bias": np.zeros(matrix.shape[1], np.float32),
    }


def concat(op: Operation, into: Translation) -> None:
    """Tensors channel after channel."""
    if op.get_attributes()["axis"] not in (1, 1 - len(op.get_output_shape(0))) or len(into.sources(op)) < 2:
        raise UnsupportedError(" along another axis than that of the channels")
    into.node(op, "concat", into.sources(op))


def _refuse(op: Operation, into: Translation) -> None:
    raise UnsupportedError


_TRANSLATORS: dict[str, Callable[[Operation, Translation], None]] = {
    **dict.fromkeys(("Convolution", "GroupConvolution"), convolution),
    **dict.fromkeys(("MaxPool", "AvgPool"), pool),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Divide"), arithmetic),
    **dict.fromkeys(("Relu", "Sigmoid", "Tanh", "Clamp", "Swish"), activation),
    **dict.fromkeys(("Maximum", "Minimum"), clip),
    **dict.fromkeys(("Reshape", "Squeeze"), reshape),
    "BatchNormInference": batch_norm,
    "Transpose": transpose,
    "Convert": convert,
    "ReduceMean": mean,
    "MatMul": matmul,
    "Concat": concat,
    "Pad": pad,
}
