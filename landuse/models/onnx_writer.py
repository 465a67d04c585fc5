"""An OpenVINO graph as an ONNX model: a table of operations, and what each is called there.

The table holds what the networks of Keras and those of other programs are made of. Any other operation is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.arrays import Graph, Node

OPSET = 20
IR_VERSION = 9
"""Of 2023: what readers of opset 20 know."""
OnnxModel = Any
"""An onnx.ModelProto; its classes are made when they are imported."""
Array = npt.NDArray[Any]
DTYPES = MappingProxyType(
    {"f32": "float32", "f16": "float16", "i64": "int64", "i32": "int32", "u8": "uint8", "i8": "int8", "boolean": "bool"}
)


@dataclass
class OnnxGraph:
    """An ONNX graph while it is written; tensors are known by name.

    Attributes:
        nodes: operations so far.
        constants: values that they read.
        names: of each tensor, by the name of the OpenVINO operation that makes it and the number of its output.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    names: dict[tuple[str, int], str] = field(default_factory=dict)

    def constant(self, array: Array) -> str:
        """The name of a new constant."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401
        """The name of what a new operation makes."""
        return self.add_many(kind, inputs, 1, **attributes)[0]

    def add_many(self, kind: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:  # noqa: ANN401
        """The names of what a new operation with several outputs makes."""
        from onnx import helper

        outputs = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=f"{kind}_{len(self.nodes)}", **attributes))
        return outputs


Translator = Callable[[OnnxGraph, Node, list[str]], list[str]]
"""Adds an operation that reads these tensors; gives the names of what it makes."""


def onnx_model(graph: Graph, inputs: list[str], outputs: list[str]) -> OnnxModel:
    """The ONNX model of an OpenVINO model.

    Args:
        graph: the model.
        inputs: what its inputs are to be called.
        outputs: what its outputs are to be called.

    Raises:
        UsageError: an operation that has no place in the table; it is named.
    """
    from onnx import checker, helper

    written = OnnxGraph()
    called = {node.get_name(): name for node, name in zip(graph.get_parameters(), inputs, strict=True)}
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Result":
            continue
        sources = [written.names[v.get_node().get_name(), v.get_index()] for v in node.input_values()]
        made = [called[node.get_name()]] if node.get_name() in called else _translated(written, node, sources)
        written.names |= {(node.get_name(), i): name for i, name in enumerate(made)}
    for result, name in zip(graph.get_results(), outputs, strict=True):
        source = result.input_value(0)
        last = helper.make_node("Identity", [written.names[source.get_node().get_name(), source.get_index()]], [name])
        written.nodes.append(last)
    whole = helper.make_graph(
        written.nodes,
        "landuse",
        [_described(name, node.output(0)) for node, name in zip(graph.get_parameters(), inputs, strict=True)],
        [_described(name, node.input_value(0)) for node, name in zip(graph.get_results(), outputs, strict=True)],
        written.constants,
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def _described(name: str, output: Node) -> Any:  # noqa: ANN401  # an onnx.ValueInfoProto
    from onnx import helper

    sides = [d.get_length() if d.is_static else "batch" for d in output.get_partial_shape()]
    return helper.make_tensor_value_info(name, _kind(output.get_element_type().get_type_name()), sides)


def _kind(name: str) -> int:
    """ONNX's number of an element type."""
    from onnx import helper

    if name not in DTYPES:
        raise UsageError(
            f"The network has numbers of type {name}, which cannot be written as ONNX: use another format."
        )
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(DTYPES[name])))


def _translated(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    """The outputs of one operation. Raises `UsageError` where the table does not hold it."""
    kind = node.get_type_name()
    if kind in SAME:
        return [written.add(SAME[kind], sources)]
    if kind not in OTHERS:
        raise UsageError(
            f"The network has the operation {kind}, which cannot be written as ONNX: use --format openvino or savedmodel."
        )
    return OTHERS[kind](written, node, sources)


def _values(node: Node, number: int) -> Array:
    """The values of an input that is constant. Raises `UsageError` for one that is not."""
    source = node.input_value(number).get_node()
    while source.get_type_name() == "Convert":
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant":
        raise UsageError(
            f"The network computes how its {node.get_type_name()} works, which cannot be written as ONNX: use another format."
        )
    found: Array = source.get_data()
    return found


def _whole(node: Node, number: int) -> Array:
    """Whole numbers of an input that is constant, int64 (n,)."""
    return _values(node, number).astype(np.int64).ravel()


def _pads(told: dict[str, Any]) -> list[int]:
    return [*told["pads_begin"], *told["pads_end"]]


def _constant(written: OnnxGraph, node: Node, _: list[str]) -> list[str]:
    return [written.constant(node.get_data())]


def _convert(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    return [written.add("Cast", sources, to=_kind(node.get_output_element_type(0).get_type_name()))]


def _convolution(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told = node.get_attributes()
    shape = list(node.input_value(1).get_shape())
    image, kernel = sources
    group = shape[0] if node.get_type_name() == "GroupConvolution" else 1
    if node.get_type_name() == "GroupConvolution":
        flat = np.array([shape[0] * shape[1], *shape[2:]], np.int64)
        kernel = written.add("Reshape", [kernel, written.constant(flat)])
    said = {"strides": told["strides"], "dilations": told["dilations"], "pads": _pads(told), "group": group}
    return [written.add("Conv", [image, kernel], **said)]


def _pool(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told = node.get_attributes()
    said = {"kernel_shape": told["kernel"], "strides": told["strides"], "pads": _pads(told)}
    said["ceil_mode"] = int("ceil" in told["rounding_type"])
    if node.get_type_name() == "MaxPool":
        return [written.add("MaxPool", sources, dilations=told.get("dilations") or [1, 1], **said)]
    return [written.add("AveragePool", sources, count_include_pad=int(not told["exclude-pad"]), **said)]


def _reduction(kind: str) -> Translator:
    def translate(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
        """A reduction over axes that are its second input."""
        axes = written.constant(_whole(node, 1))
        return [written.add(kind, [sources[0], axes], keepdims=int(node.get_attributes()["keep_dims"]))]

    return translate


def _with_whole(kind: str) -> Translator:
    """An operation whose further input is of whole numbers, which ONNX wants as int64."""

    def translate(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
        """The operation, that input made anew."""
        return [written.add(kind, [sources[0], written.constant(_whole(node, 1))])]

    return translate


def _clamp(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    ends = [written.constant(np.array(node.get_attributes()[end], np.float32)) for end in ("min", "max")]
    return [written.add("Clip", [*sources, *ends])]


def _gather(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    return [written.add("Gather", sources[:2], axis=int(_whole(node, 2)[0]))]


def _matmul(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told = node.get_attributes()
    pair = list(sources)
    for number, turned in enumerate((told["transpose_a"], told["transpose_b"])):
        if turned:
            rank = node.input_value(number).get_partial_shape().rank.get_length()
            order = [*range(rank - 2), rank - 1, rank - 2]
            pair[number] = written.add("Transpose", [pair[number]], perm=order)
    return [written.add("MatMul", pair)]


def _swish(written: OnnxGraph, _: Node, sources: list[str]) -> list[str]:
    scaled = written.add("Mul", sources) if len(sources) == 2 else sources[0]
    return [written.add("Mul", [sources[0], written.add("Sigmoid", [scaled])])]


def _mvn(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    """Mean off, then divided by the deviation, along some axes."""
    told, axes = node.get_attributes(), written.constant(_whole(node, 1))
    centred = written.add("Sub", [sources[0], written.add("ReduceMean", [sources[0], axes])])
    if not told["normalize_variance"]:
        return [centred]
    small, inside = written.constant(np.array(told["eps"], np.float32)), "inside" in told["eps_mode"].lower()
    spread = written.add("ReduceMean", [written.add("Mul", [centred, centred]), axes])
    spread = written.add("Add", [spread, small]) if inside else spread
    spread = written.add("Sqrt", [spread])
    return [written.add("Div", [centred, spread if inside else written.add("Add", [spread, small])])]


def _squared_difference(written: OnnxGraph, _: Node, sources: list[str]) -> list[str]:
    difference = written.add("Sub", sources)
    return [written.add("Mul", [difference, difference])]


def _pad(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    ends = written.constant(np.concatenate([_whole(node, 1), _whole(node, 2)]))
    mode = node.get_attributes()["pad_mode"]
    if mode not in ("constant", "edge", "reflect"):
        raise UsageError(f"The network pads by {mode}, which cannot be written as ONNX: use another format.")
    return [written.add("Pad", [sources[0], ends, *(sources[3:4] if mode == "constant" else [])], mode=mode)]


def _split(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    axis, count = int(_whole(node, 1)[0]), len(node.outputs())
    if node.get_type_name() == "VariadicSplit":
        return written.add_many("Split", [sources[0], written.constant(_whole(node, 2))], count, axis=axis)
    return written.add_many("Split", sources[:1], count, axis=axis, num_outputs=count)


def _said(kind: str, **names: str) -> Translator:
    """An operation with attributes that are called otherwise there: ONNX's name = OpenVINO's."""

    def translate(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
        """The operation with its attributes."""
        told = node.get_attributes()
        return [written.add(kind, sources, **{ours: told[theirs] for ours, theirs in names.items()})]

    return translate


SAME = MappingProxyType(
    {"Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "Maximum": "Max", "Minimum": "Min", "Power": "Pow"}
    | {"Ceiling": "Ceil", "Negative": "Neg", "SoftPlus": "Softplus", "HSwish": "HardSwish", "Select": "Where"}
    | {"Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "Less": "Less", "LessEqual": "LessOrEqual"}
    | {name: name for name in ("Abs", "Add", "Cos", "Equal", "Erf", "Exp", "Floor", "Log", "Mish", "Relu", "Round")}
    | {name: name for name in ("Sigmoid", "Sign", "Sin", "Sqrt", "Tanh")}
)
"""Operations that read the same tensors there and have no attributes."""
OTHERS: MappingProxyType[str, Translator] = MappingProxyType(
    {
        "Constant": _constant,
        "Convert": _convert,
        "Convolution": _convolution,
        "GroupConvolution": _convolution,
        "MaxPool": _pool,
        "AvgPool": _pool,
        "Clamp": _clamp,
        "Concat": _said("Concat", axis="axis"),
        "Softmax": _said("Softmax", axis="axis"),
        "Elu": _said("Elu", alpha="alpha"),
        "Einsum": _said("Einsum", equation="equation"),
        "Transpose": lambda written, node, sources: [
            written.add("Transpose", sources[:1], perm=_whole(node, 1).tolist())
        ],
        "Gelu": lambda written, node, sources: [
            written.add("Gelu", sources, approximate=_GELU[node.get_attributes()["approximation_mode"].lower()])
        ],
        "HSigmoid": lambda written, _, sources: [written.add("HardSigmoid", sources, alpha=1 / 6, beta=0.5)],
        "Gather": _gather,
        "MatMul": _matmul,
        "Swish": _swish,
        "MVN": _mvn,
        "SquaredDifference": _squared_difference,
        "Pad": _pad,
        "Split": _split,
        "VariadicSplit": _split,
        "Reshape": _with_whole("Reshape"),
        "Squeeze": _with_whole("Squeeze"),
        "Unsqueeze": _with_whole("Unsqueeze"),
        "Tile": _with_whole("Tile"),
        "ReduceMean": _reduction("ReduceMean"),
        "ReduceSum": _reduction("ReduceSum"),
        "ReduceMax": _reduction("ReduceMax"),
        "ReduceMin": _reduction("ReduceMin"),
        "ReduceProd": _reduction("ReduceProd"),
        "ReduceL2": _reduction("ReduceL2"),
    }
)
_GELU = MappingProxyType({"erf": "none", "tanh": "tanh"})
