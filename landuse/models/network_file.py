"""Backbones from files of other programs: `.onnx`, `.keras` and SavedModels, brought to images and feature vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import Preprocess
from landuse.models.backbone import Backbone, backbone_of
from landuse.models.graph_file import COMPUTING
from landuse.models.keras_backbone import graph_of
from landuse.models.keras_files import read_keras
from landuse.models.libraries import Graph, ops, ov
from landuse.models.pooling import chosen_output, vector_of

SUFFIXES = (".keras", ".onnx")
MAX_BANDS = 64
MAX_BYTES = 1_664_000_000
Message = Any
"""A message of protobuf, such as onnx.ModelProto; its classes are made when they are imported."""
SAVED_MODEL = "saved_model.pb"
"""The file by which a folder is known as a TensorFlow SavedModel."""
MISSING = re.compile(
    r"(?:no translator found for operation\(s\)|Conversion is failed for|No conversion rule found for operations): ([\w., -]+)"
)
"""What OpenVINO says of operations that it does not know."""


@dataclass(frozen=True)
class Declared:
    """What a network's file does not say of itself.

    Attributes:
        px: pixels of an image's side; None takes the size that the file states.
        features: name of the layer whose output is the feature vector; None takes the last global pooling, the class token or
            the mean of tokens, or the output where there is none of them. A feature map is pooled.
    """

    preprocess: Preprocess
    px: int | None = None
    features: str | None = None


def is_network_file(name: str) -> bool:
    """Whether a name is that of a file, or of a SavedModel's folder, which `read_network` reads."""
    return Path(name).suffix in SUFFIXES or (Path(name) / SAVED_MODEL).is_file()


def read_network(path: Path, declared: Declared) -> Backbone:
    """A backbone from a file of unknown origin. Nothing in the file is run.

    Args:
        path: a `.keras` file (Functional or Sequential), a `.onnx` file, or the folder of a SavedModel.

    Raises:
        UsageError: a file of another kind, or a declaration that does not fit it.
        ModelFileError: the file is damaged, or has an operation that backbones have not; it names it.
    """
    layer = declared.features
    if path.suffix == ".keras":
        model = read_keras(path, layer)
        graph, layer = (
            graph_of(model, chosen_px(model.input_shape[1:3], declared.px, path), int(model.input_shape[3])),
            None,
        )
    elif path.suffix == ".onnx":
        graph = read_onnx(path)
    elif (path / SAVED_MODEL).is_file():
        graph = read_saved_model(path)
    else:
        raise UsageError(
            f"{path} is neither of {' and '.join(SUFFIXES)} nor the folder of a SavedModel: export the network as one of them."
        )
    whole = bool(graph.inputs) and graph.inputs[0].get_element_type().is_integral()
    if whole and declared.preprocess != Preprocess(order=declared.preprocess.order):
        raise UsageError(
            f"{path} takes whole numbers, so it prepares images itself: give --preprocess none, which leaves 0 to 255."
        )
    channels = _take_images(graph, path, declared.px)
    if not declared.preprocess.fits(channels):
        raise UsageError(f"The preprocessing declared for {path} does not have the {channels} bands it takes.")
    vector = vector_of(graph, chosen_output(graph, layer, path))
    if vector.get_element_type() != ov.Type.f32:
        vector = ops.convert(vector, np.float32).output(0)
    graph = ov.Model([vector], graph.get_parameters(), "landuse")
    check_operations(graph, path)
    return backbone_of(with_free_batch(graph, path), declared.preprocess)


def chosen_px(stated: tuple[int | None, ...], declared: int | None, path: Path) -> int:
    """Pixels of an image's side: as declared, else as the file states. Raises `UsageError` where that is no size."""
    sides = set(stated)
    fixed = next(iter(sides)) if len(sides) == 1 else None
    if declared is not None and (fixed is None or declared == fixed) and sides <= {None, declared}:
        return declared
    if declared is None and fixed is not None:
        return fixed
    raise UsageError(
        f"{path} takes images of {' x '.join(str(s or 'any') for s in stated)} pixels: declare a size that it takes."
    )


def _take_images(graph: Graph, path: Path, declared: int | None) -> int:
    """Give a graph an input of images (n, px, px, C), whatever order of axes it has. Returns C."""
    if len(graph.inputs) != 1 or graph.input().get_partial_shape().rank.get_length() != 4:
        raise ModelFileError(f"{path} does not take one image: export it with one input of four axes.")
    parameter = graph.get_parameters()[0]
    sides = [d.get_length() if d.is_static else None for d in parameter.get_partial_shape()]
    first = path.suffix == ".onnx" and _is_bands(sides[1]) and not (_is_bands(sides[3]) and sides[1] == sides[2])
    channels = sides[1] if first else sides[3]
    if not _is_bands(channels) or channels is None:
        raise ModelFileError(f"{path} does not say how many bands it takes: export it with a fixed number of them.")
    px = chosen_px(tuple(sides[2:] if first else sides[1:3]), declared, path)
    batch = -1 if sides[0] is None else sides[0]
    image = ops.parameter([batch, px, px, channels], np.float32, name="image")
    found = ops.transpose(image, np.array([0, 3, 1, 2])) if first else image
    if parameter.get_element_type().get_type_name() != "f32":
        found = ops.convert(found, parameter.get_element_type().get_type_name())
    parameter.output(0).replace(found.output(0))
    graph.add_parameters([image])
    graph.remove_parameter(parameter)
    try:
        graph.validate_nodes_and_infer_types()
    except RuntimeError as error:
        raise UsageError(f"{path} does not take images of {px} pixels: declare a size that it takes.") from error
    return int(channels)


def _is_bands(side: int | None) -> bool:
    return side is not None and 1 <= side <= MAX_BANDS


def check_operations(graph: Graph, path: Path) -> None:
    """Raise `ModelFileError` where a graph has an operation that backbones have not."""
    known = COMPUTING | {"Constant", "Relu", "PRelu", "Softmax"}  # as OpenVINO names them in memory
    odd = sorted({node.get_type_name() for node in graph.get_ordered_ops()} - known)
    if odd:
        raise ModelFileError(
            f"{path} cannot be used as a backbone: the operation {odd[0]} is not supported; export the network without it, or "
            "name an earlier layer as its features."
        )


def with_free_batch(graph: Graph, path: Path) -> Graph:
    """The graph for any number of images where it can be, else for the number that it was made for.

    Raises:
        ModelFileError: it does not make a vector of each image.
    """
    stated, *image = (d.get_length() if d.is_static else -1 for d in graph.input().get_partial_shape())
    free = graph.clone()
    try:
        free.reshape([-1, *image])
        if _makes_vectors(free, -1) and _tells_apart(free, image):
            return free
    except RuntimeError:
        pass  # it was written for a number of images, and runs for that
    try:
        graph.reshape([max(1, stated), *image])
    except RuntimeError as error:
        raise UsageError(f"{path} does not take images of {image[0]} pixels: declare a size that it takes.") from error
    if not _makes_vectors(graph, max(1, stated)):
        raise ModelFileError(
            f"{path} does not make one vector of each image: name a layer that does with --feature-layer."
        )
    return graph


def _makes_vectors(graph: Graph, count: int) -> bool:
    shape = graph.output().get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 2 or shape[1].is_dynamic:
        return False
    return (shape[0].get_length() if shape[0].is_static else -1) == count


def _tells_apart(graph: Graph, image: list[int]) -> bool:
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pair = np.random.default_rng(0).uniform(0, 1, (2, *image)).astype(np.float32)
    both, alone = compiled([pair])[0].copy(), compiled([pair[1:]])[0].copy()
    return bool(np.allclose(both[1:], alone, rtol=1e-3, atol=1e-3 * max(1e-6, float(np.abs(alone).max()))))


def read_onnx(path: Path) -> Graph:
    """The graph of an ONNX file; weights that it keeps beside it are read where they lie in its own folder.

    Raises:
        ModelFileError: the file is damaged, too large, names files elsewhere, or has an operation that OpenVINO has not.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise ModelFileError(f"There is no model file {path}: check the name.")
    _check_size(path, path.stat().st_size)
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except DecodeError as error:
        raise ModelFileError(f"{path} is not an ONNX file that can be read: export it again.") from error
    for tensor in _outside(model):
        _take_in(tensor, path)
    return _read(model.SerializeToString(), path)


def _outside(model: Message) -> Iterator[Message]:
    waiting = [model]
    while waiting:
        message = waiting.pop()
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            for item in value if hasattr(value, "__len__") and not hasattr(value, "ListFields") else [value]:
                if field.message_type.name == "TensorProto" and (item.external_data or item.data_location):
                    yield item
                waiting.append(item)


def _take_in(tensor: Message, path: Path) -> None:
    told = {entry.key: entry.value for entry in tensor.external_data}
    name = told.get("location", "")
    file = path.parent / name
    if not name or Path(name).name != name or file.is_symlink() or not file.is_file():
        raise ModelFileError(
            f"{path} keeps weights in {name[:100]!r}, which is not a file in its own folder: put it there, or save it as one "
            "file."
        )
    _check_size(path, file.stat().st_size)
    try:
        first, length = int(told.get("offset", 0)), int(told.get("length", -1))
        with file.open("rb") as stream:
            stream.seek(first)
            tensor.raw_data = stream.read(length)
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{path} does not say rightly where its weights lie: export it again.") from error
    del tensor.external_data[:]
    tensor.data_location = 0


def read_saved_model(path: Path) -> Graph:
    """The graph of a SavedModel; TensorFlow is not imported, and nothing in the folder is run.

    Raises:
        ModelFileError: the folder is damaged, too large, holds links, or has an operation that OpenVINO has not.
    """
    files = [entry for entry in path.rglob("*") if not entry.is_dir() or entry.is_symlink()]
    if any(entry.is_symlink() or not entry.is_file() for entry in files):
        raise ModelFileError(f"{path} holds links, which are not followed: copy the files themselves.")
    _check_size(path, sum(entry.stat().st_size for entry in files))
    return _read(path, path)


def _read(source: bytes | Path, path: Path) -> Graph:
    try:
        graph = ov.Core().read_model(source, b"") if isinstance(source, bytes) else ov.Core().read_model(source)
    except RuntimeError as error:
        unknown = MISSING.search(str(error))
        if unknown:
            name = unknown[1].split(",")[0].strip()
            raise ModelFileError(
                f"{path} cannot be used as a backbone: the operation {name} is not supported; export the network without it."
            ) from error
        raise ModelFileError(f"{path} is not a network that can be read: export it again.") from error
    return folded(graph)


def folded(graph: Graph) -> Graph:
    """The graph itself, what it computes of constants alone made a constant."""
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(graph)
    return graph


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than a backbone can be.")
