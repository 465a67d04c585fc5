"""An OpenVINO graph as an ONNX model, by a table of operations; one that is not in the table is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.libraries import Graph, Node

OPSET, IR_VERSION = 20, 9  # of 2023
INT64 = 7  # ONNX's number of the type
OnnxModel = Any  # an onnx.ModelProto; its classes are made when they are imported


@dataclass
class OnnxGraph:
    """The operations of an ONNX graph so far, and the constants that they read; tensors are known by name."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: npt.ArrayLike) -> str:
        """The name of a new constant."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(array), f"constant_{len(self.constants)}"))
        return str(self.constants[-1].name)

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> list[str]:  # noqa: ANN401
        """The names of what a new operation makes."""
        from onnx import helper

        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names


Translator = Callable[[OnnxGraph, Node, list[str]], list[str]]  # from names of tensors read to names of those made


def onnx_model(graph: Graph, image: str, answer: str) -> OnnxModel:
    """The ONNX model of an OpenVINO model of one input and one output, which get these names.

    Raises:
        UsageError: an operation that has no place in the table; it is named.
    """
    from onnx import checker, helper

    written = OnnxGraph()
    names: dict[tuple[str, int], str] = {}
    for node in graph.get_ordered_ops():
        sources = [names[value.get_node().get_name(), value.get_index()] for value in node.input_values()]
        names |= {(node.get_name(), i): name for i, name in enumerate(_translated(written, node, sources, image))}
    result = graph.get_results()[0].input_value(0)
    last = helper.make_node("Identity", [names[result.get_node().get_name(), result.get_index()]], [answer])
    ends = [
        helper.make_tensor_value_info(
            name, _kind(port), [s.get_length() if s.is_static else "n" for s in port.partial_shape]
        )
        for name, port in ((image, graph.input()), (answer, result))
    ]
    read = {name for node in written.nodes for name in node.input}
    constants = [constant for constant in written.constants if constant.name in read]
    whole = helper.make_graph([*written.nodes, last], "landuse", ends[:1], ends[1:], constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def _translated(written: OnnxGraph, node: Node, sources: list[str], image: str) -> list[str]:
    """The outputs of one operation. Raises `UsageError` where the table does not hold it."""
    kind = node.get_type_name()
    if kind in ("Parameter", "Result"):
        return [image]
    if kind in SAME:
        return written.add(SAME[kind], sources)
    if kind not in OTHERS:
        raise _refused(f"has the operation {kind}")
    return OTHERS[kind](written, node, sources)


def _refused(what: str) -> UsageError:
    return UsageError(f"The network {what}, which cannot be written as ONNX: use --format openvino.")


def _kind(port: Node) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(port.get_element_type().to_dtype())))


def _fixed(node: Node, number: int) -> npt.NDArray[np.int64] | None:
    """Whole numbers (n,) of an input that is constant; None of one that is computed."""
    source = node.input_value(number).get_node()
    while source.get_type_name() == "Convert":
        source = source.input_value(0).get_node()
    constant = source.get_type_name() == "Constant"
    return np.asarray(source.get_data(), np.int64).ravel() if constant else None


def _whole(node: Node, number: int) -> npt.NDArray[np.int64]:
    """As `_fixed`. Raises `UsageError` for an input that is computed."""
    if (found := _fixed(node, number)) is None:
        raise _refused(f"computes how its {node.get_type_name()} works")
    return found


def _convolution(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    """Kernels of groups (G, o, i, h, w) are (G * o, i, h, w) there."""
    told, shape = node.get_attributes(), list(node.input_value(1).get_shape())
    image, kernel = sources
    group = shape[0] if node.get_type_name() == "GroupConvolution" else 1
    if len(shape) == 5:
        kernel = written.add("Reshape", [kernel, written.constant(np.array([group * shape[1], *shape[2:]]))])[0]
    pads = [*told["pads_begin"], *told["pads_end"]]
    said = {"strides": told["strides"], "dilations": told["dilations"], "pads": pads, "group": group}
    return written.add("Conv", [image, kernel], **said)


def _pool(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told = node.get_attributes()
    said = {"kernel_shape": told["kernel"], "strides": told["strides"]}
    said |= {"pads": [*told["pads_begin"], *told["pads_end"]], "ceil_mode": int("ceil" in told["rounding_type"])}
    if node.get_type_name() == "MaxPool":
        return written.add("MaxPool", sources, dilations=told.get("dilations") or [1, 1], **said)
    return written.add("AveragePool", sources, count_include_pad=int(not told["exclude-pad"]), **said)


def _by_whole(kind: str) -> Translator:
    """An operation whose second input is whole numbers, which ONNX wants as int64: axes, a shape, repeats."""

    def translate(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
        """The operation, that input made anew."""
        if kind == "Expand" and "explicit" in str(node.get_attributes()["mode"]).lower():
            raise _refused("repeats a tensor along chosen axes")
        said = {"keepdims": int(node.get_attributes()["keep_dims"])} if kind.startswith("Reduce") else {}
        fixed = _fixed(node, 1)
        second = written.add("Cast", sources[1:2], to=INT64)[0] if fixed is None else written.constant(fixed)
        return written.add(kind, [sources[0], second], **said)

    return translate


def _along(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    return written.add(node.get_type_name(), sources, axis=node.get_attributes()["axis"])


def _ends(written: OnnxGraph, told: Mapping[str, float]) -> list[str]:
    return [written.constant(np.float32(told[end])) for end in ("min", "max")]


def _matmul(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told, pair = node.get_attributes(), list(sources)
    for number, turned in enumerate((told["transpose_a"], told["transpose_b"])):
        if turned:
            rank = node.input_value(number).get_partial_shape().rank.get_length()
            pair[number] = written.add("Transpose", [pair[number]], perm=[*range(rank - 2), rank - 1, rank - 2])[0]
    return written.add("MatMul", pair)


def _swish(written: OnnxGraph, _: Node, sources: list[str]) -> list[str]:
    scaled = written.add("Mul", sources) if len(sources) == 2 else sources
    return written.add("Mul", [sources[0], *written.add("Sigmoid", scaled)])


def _mvn(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    told, axes = node.get_attributes(), written.constant(_whole(node, 1))
    centred = written.add("Sub", [sources[0], *written.add("ReduceMean", [sources[0], axes])])
    if not told["normalize_variance"] or "inside" not in str(told["eps_mode"]).lower():
        raise _refused("normalises in an unusual way")
    spread = written.add("ReduceMean", [*written.add("Mul", [*centred, *centred]), axes])
    small = written.constant(np.float32(told["eps"]))
    return written.add("Div", [*centred, *written.add("Sqrt", written.add("Add", [*spread, small]))])


def _pad(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    ends = written.constant(np.concatenate([_whole(node, 1), _whole(node, 2)]))
    mode = node.get_attributes()["pad_mode"]
    if mode not in ("constant", "edge", "reflect"):
        raise _refused(f"pads by {mode}")
    return written.add("Pad", [sources[0], ends, *(sources[3:4] if mode == "constant" else [])], mode=mode)


def _strided_slice(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    """A part of a tensor, forwards along its first axes; axes that are shrunk have one place, and go."""
    told = node.get_attributes()
    begin, end, step = (_whole(node, number) for number in (1, 2, 3))
    if any(told["new_axis_mask"]) or any(told["ellipsis_mask"]) or (step < 1).any():
        raise _refused("takes parts of tensors in an unusual way")
    masks = (told["begin_mask"], told["end_mask"], told["shrink_axis_mask"])
    first, last, gone = (np.array([*mask, *np.zeros(len(begin), int)])[: len(begin)] > 0 for mask in masks)
    begin = np.where(first, 0, begin)
    end = np.where(gone, begin + 1, end)
    end = np.where((last & ~gone) | (gone & (end == 0)), 2**62, end)
    found = written.add("Slice", [sources[0], *map(written.constant, (begin, end, np.arange(len(begin)), step))])
    return written.add("Squeeze", [*found, written.constant(np.flatnonzero(gone))]) if gone.any() else found


def _gelu(node: Node) -> str:
    return str(node.get_attributes()["approximation_mode"]).lower().replace("erf", "none")


def _split(written: OnnxGraph, node: Node, sources: list[str]) -> list[str]:
    axis = int(_whole(node, 1)[0])
    lengths = np.array([part.get_partial_shape()[axis].get_length() for part in node.outputs()])
    return written.add("Split", [sources[0], written.constant(lengths)], len(lengths), axis=axis)


SAME = MappingProxyType(
    {"Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "Maximum": "Max", "Minimum": "Min", "Power": "Pow"}
    | {"Ceiling": "Ceil", "Negative": "Neg", "SoftPlus": "Softplus", "HSwish": "HardSwish", "Select": "Where"}
    | {name: name for name in ("Abs", "Add", "Erf", "Exp", "Floor", "Log", "Relu", "Round", "Sigmoid", "Sqrt", "Tanh")}
)
"""Operations that read the same tensors there and have no attributes."""
_WHOLE = ("Reshape", "Squeeze", "Unsqueeze", "Tile", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2")
OTHERS: Mapping[str, Translator] = MappingProxyType(
    {
        "Constant": lambda written, node, _: [written.constant(node.get_data())],
        "Convert": lambda written, node, sources: written.add("Cast", sources, to=_kind(node.output(0))),
        "Convolution": _convolution,
        "GroupConvolution": _convolution,
        "MaxPool": _pool,
        "AvgPool": _pool,
        "Clamp": lambda written, node, s: written.add("Clip", [*s, *_ends(written, node.get_attributes())]),
        "Concat": _along,
        "Softmax": _along,
        "Gelu": lambda written, node, s: written.add("Gelu", s, approximate=_gelu(node)),
        "HSigmoid": lambda written, _, sources: written.add("HardSigmoid", sources, alpha=1 / 6, beta=0.5),
        "Transpose": lambda written, node, s: written.add("Transpose", s[:1], perm=_whole(node, 1).tolist()),
        "Gather": lambda written, node, s: written.add("Gather", s[:2], axis=int(_whole(node, 2)[0])),
        "MatMul": _matmul,
        "Swish": _swish,
        "MVN": _mvn,
        "SquaredDifference": lambda written, _, s: written.add("Mul", 2 * written.add("Sub", s)),
        "Pad": _pad,
        "ShapeOf": lambda written, node, s: written.add("Cast", written.add("Shape", s), to=_kind(node.output(0))),
        "StridedSlice": _strided_slice,
        "Split": _split,
        "VariadicSplit": _split,
    }
    | {kind: _by_whole(kind) for kind in _WHOLE}
    | {"Broadcast": _by_whole("Expand")}
)
