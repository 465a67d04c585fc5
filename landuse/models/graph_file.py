"""Graphs in model files: OpenVINO's own description and one safetensors file, whose arrays are the graph's constants.

What a stranger wrote is checked before OpenVINO sees it: only operations that compute, constants inside the file, and sizes
that a backbone can have.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, tostring

import defusedxml.ElementTree
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from landuse.errors import ModelFileError
from landuse.models.libraries import Floats, Graph, ops, ov

MAX_XML = 32_000_000
MAX_NODES = 30_000
MAX_TENSOR = 2**28
"""Numbers of one tensor of one image: what a VGG needs at 1024 pixels, four times over."""
LEAST_HALVED = 1024
"""Numbers from which on an array is kept in half precision: kernels are, biases and batch norms are not."""
CONSTANT = "constant/"
"""Begins the names of constants that are no variable of Keras."""
_COMPUTING = """
    Abs Add AvgPool BatchNormInference BatchToSpace Broadcast Ceiling Clamp Concat Const Convert Convolution Cos
    DepthToSpace Divide Einsum Elu Equal Erf Exp FakeQuantize Floor FloorMod Gather Gelu Greater GreaterEqual
    GroupConvolution GroupNormalization HSigmoid HSwish HardSigmoid LRN Less LessEqual Log MVN MatMul MaxPool Maximum
    Minimum Mish Multiply Negative NormalizeL2 NotEqual PReLU Pad Parameter Power Range ReLU ReduceL2 ReduceMax
    ReduceMean ReduceProd ReduceSum Reshape Result ScaledDotProductAttention Select Selu ShapeOf Sigmoid Sign Sin
    Slice SoftMax SoftPlus SpaceToBatch SpaceToDepth Split Sqrt SquaredDifference Squeeze StridedSlice Subtract Swish
    Tanh Tile Transpose Unsqueeze VariadicSplit
"""
COMPUTING = frozenset(_COMPUTING.split())
"""The operations that a backbone may have. None reads, writes, repeats a body or keeps a state."""
WIDTHS = {"f32": 4, "f16": 2, "i64": 8, "i32": 4, "i8": 1, "u8": 1, "boolean": 1}
"""Bytes of the types that constants may have."""


def half(array: Floats) -> npt.NDArray[Any]:
    """An array as it is stored: a large one in half precision where its values have a place there.

    Vectors stay as they are, also those that lie along one axis of several: a batch norm scales whole maps by them.
    """
    wide = array.size >= LEAST_HALVED and sum(side > 1 for side in array.shape) > 1
    fits = wide and np.abs(array).max() <= np.finfo(np.float16).max
    return array.astype(np.float16 if fits else np.float32)


def halved(model: Graph) -> Graph:
    """The model itself, its constants as they are stored."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant" and node.get_element_type().get_type_name() == "f32":
            values = half(node.get_data())
            if values.dtype == np.float16:
                node.output(0).replace(ops.convert(ops.constant(values), "f32").output(0))
    model.validate_nodes_and_infer_types()
    return model


def pack_graph(model: Graph, variables: Mapping[str, Floats]) -> tuple[bytes, bytes, dict[str, tuple[int, ...]]]:
    """A model as XML and as safetensors that hold its constants, the same bytes for the same model.

    Args:
        variables: of Keras, by name; one that is a constant of the model too is stored once, in the constant's shape.

    Returns:
        XML, safetensors, and for variables that are constants the order of axes that makes them so.
    """
    root, data = _serialised(model)
    places: dict[tuple[int, int], list[Element]] = {}
    for element in root.iterfind("layers/layer[@type='Const']/data"):
        places.setdefault((int(element.attrib["offset"]), int(element.attrib["size"])), []).append(element)
    constants = {place: _array(data, elements[0]) for place, elements in places.items()}
    same = _same(constants, variables)
    stored: dict[str, npt.NDArray[Any]] = {}
    names: dict[tuple[int, int], str] = {}
    for number, (place, array) in enumerate(constants.items()):
        name, order = same.get(place, (f"{CONSTANT}{number:05d}", None))
        names[place] = name
        stored[name] = array if order is None else array.reshape(np.array(variables[name].shape)[list(order)])
    stored |= {name: half(array) for name, array in variables.items() if name not in stored}
    weights: bytes = save({name: np.ascontiguousarray(array) for name, array in stored.items()})
    header = _header(weights)
    for place, elements in places.items():
        first, last = header[names[place]]
        for element in elements:
            element.set("offset", str(first))
            element.set("size", str(last - first))
    return tostring(root), weights, dict(same.values())


def _serialised(model: Graph) -> tuple[Element, bytes]:
    """A model as OpenVINO writes it, without what differs from one process to the next."""
    for number, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name().lower()}_{number}")
    with tempfile.TemporaryDirectory(prefix="landuse-") as folder:
        xml, data = Path(folder) / "graph.xml", Path(folder) / "graph.bin"
        ov.serialize(model, xml, data)
        root = defusedxml.ElementTree.fromstring(xml.read_bytes())
        content = data.read_bytes()
    root.set("name", "landuse")
    for parent in list(root.iter()):
        for name in ("names", "output_names"):
            parent.attrib.pop(name, None)
        for child in parent.findall("rt_info"):
            parent.remove(child)
    return root, content


def _array(data: bytes, element: Element) -> npt.NDArray[Any]:
    kinds = {"boolean": np.bool_, "i64": np.int64, "i32": np.int32, "f16": np.float16, "f32": np.float32}
    kind = kinds.get(element.attrib["element_type"], np.uint8)
    first = int(element.attrib["offset"])
    found: npt.NDArray[Any] = np.frombuffer(data[first : first + int(element.attrib["size"])], kind)
    return found.reshape(_shape(element.attrib.get("shape", "")))


def _same(
    constants: Mapping[Any, npt.NDArray[Any]], variables: Mapping[str, Floats]
) -> dict[Any, tuple[str, tuple[int, ...]]]:
    orders = {4: ((3, 2, 0, 1), (2, 3, 0, 1), (0, 1, 2, 3)), 2: ((0, 1), (1, 0)), 1: ((0,),)}
    waiting: dict[bytes, list[tuple[str, tuple[int, ...]]]] = {}
    for name, array in variables.items():
        for order in orders.get(array.ndim, ()):
            turned = half(array).transpose(order)
            waiting.setdefault(turned.tobytes(), []).append((name, order))
    found: dict[Any, tuple[str, tuple[int, ...]]] = {}
    taken: set[str] = set()
    for place, array in constants.items():
        for name, order in waiting.get(array.tobytes(), []):
            if name not in taken and array.dtype == half(variables[name]).dtype:
                found[place] = (name, order)
                taken.add(name)
                break
    return found


def _header(weights: bytes) -> dict[str, tuple[int, int]]:
    start = 8 + int.from_bytes(weights[:8], "little")
    described = json.loads(weights[8:start])
    return {n: (start + d["data_offsets"][0], start + d["data_offsets"][1]) for n, d in described.items()}


def check_graph(xml: bytes, room: int, where: str) -> None:
    """Raise `ModelFileError` unless a description of unknown origin is that of a backbone.

    Args:
        room: bytes of the file in which its constants lie.
    """
    try:
        root = defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    except (defusedxml.ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError) as error:
        raise ModelFileError(f"{where} is not sound XML: get the model file again.") from error
    layers = root.findall("layers/layer")
    if root.tag != "net" or {child.tag for child in root} != {"layers", "edges"} or not 0 < len(layers) <= MAX_NODES:
        raise ModelFileError(f"{where} is not a graph of at most {MAX_NODES:,} operations.")
    for layer in layers:
        try:
            _check_layer(layer, room)
        except (ValueError, KeyError) as error:
            name = layer.attrib.get("type", "")[:40]
            raise ModelFileError(f"{where} has an operation {name!r} that a backbone has not: {error}.") from error
    kinds = [layer.attrib["type"] for layer in layers]
    if kinds.count("Parameter") != 1 or kinds.count("Result") != 1:
        raise ModelFileError(f"{where} does not have one input and one output.")


def _check_layer(layer: Element, room: int) -> None:
    """Raise `ValueError` or `KeyError` for an operation that is not one of those that compute, or too large."""
    if layer.attrib["type"] not in COMPUTING or not layer.attrib.get("version", "").startswith("opset"):
        raise ValueError("it is not one that only computes")
    if {child.tag for child in layer} - {"data", "input", "output"}:
        raise ValueError("it holds more than its data and its ports")
    for port in layer.iterfind("*/port"):
        if math.prod(max(1, int(dim.text or "")) for dim in port.iterfind("dim")) > MAX_TENSOR:
            raise ValueError("its tensors are too large")
    if layer.attrib["type"] == "Const":
        data = layer.find("data")
        told = {} if data is None else data.attrib
        first, size, shape = int(told["offset"]), int(told["size"]), _shape(told.get("shape", ""))
        if min(first, size, *shape, 0) < 0 or first + size > room:
            raise ValueError("its values lie outside the file of weights")
        if math.prod(shape) * WIDTHS[told["element_type"]] != size:
            raise ValueError("its shape is not that of its values")


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(side) for side in text.split(",") if side.strip())


def open_graph(xml: bytes, weights: bytes, shape: tuple[int | None, int, int, int], where: str) -> Graph:
    """An OpenVINO model of a checked description.

    Args:
        shape: number of images, None for any, and their height, width and bands.

    Raises:
        ModelFileError: it is not sound, does not take such images, or has a tensor that is too large.
    """
    try:
        model = ov.Core().read_model(xml, weights)
        model.reshape([shape[0] or 1, *shape[1:]])
        check_shapes(model, where)
        model.reshape([shape[0] or -1, *shape[1:]])
    except RuntimeError as error:
        raise ModelFileError(f"{where} is not a graph that can be read: get the model file again.") from error
    return model


def check_shapes(model: Graph, where: str) -> None:
    """Raise `ModelFileError` where a tensor of a model is larger than one of a backbone can be, or of no known size."""
    for node in model.get_ops():
        for output in node.outputs():
            shape = output.get_partial_shape()
            if shape.is_dynamic or math.prod(d.get_length() for d in shape) > MAX_TENSOR:
                raise ModelFileError(f"{where} has a tensor of the shape {shape}, which a backbone has not.")
