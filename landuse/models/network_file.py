"""Backbones from files of other programs: `.onnx`, `.keras` and SavedModels, brought to images and feature vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import Preprocess
from landuse.models.arrays import Graph, Node
from landuse.models.backbone import Backbone
from landuse.models.conversion import backbone_of
from landuse.models.graph_file import COMPUTING
from landuse.models.network_readers import SAVED_MODEL, chosen_px, read_keras, read_onnx, read_saved_model

SUFFIXES = (".keras", ".onnx")
MAX_BANDS = 64


@dataclass(frozen=True)
class Declared:
    """What a network's file does not say of itself.

    Attributes:
        preprocess: what happens to a uint8 image before the network.
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
        declared: its preprocessing, and what else it does not say.

    Raises:
        UsageError: a file of another kind, or a declaration that does not fit it.
        ModelFileError: the file is damaged, or has an operation that backbones have not; it names it.
    """
    from landuse.models.openvino import ov

    layer = declared.features
    if path.suffix == ".keras":
        graph, layer = read_keras(path, layer, declared.px), None
    elif path.suffix == ".onnx":
        graph = read_onnx(path)
    elif (path / SAVED_MODEL).is_file():
        graph = read_saved_model(path)
    else:
        raise UsageError(
            f"{path} is neither of {' and '.join(SUFFIXES)} nor the folder of a SavedModel: export the network as one of them."
        )
    channels = _take_images(graph, path, declared.px)
    if not declared.preprocess.fits(channels):
        raise UsageError(f"The preprocessing declared for {path} does not have the {channels} bands it takes.")
    graph = ov.Model([vector_of(graph, _chosen(graph, layer, path))], graph.get_parameters(), "landuse")
    check_operations(graph, path)
    return backbone_of(with_free_batch(graph, path), declared.preprocess)


def _take_images(graph: Graph, path: Path, declared: int | None) -> int:
    """Give a graph an input of images (n, px, px, C), whatever order of axes it has. Returns C."""
    from landuse.models.openvino import ops

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


def _chosen(graph: Graph, layer: str | None, path: Path) -> Graph:
    """The output that makes the features."""
    ordered = graph.get_ordered_ops()
    if layer is not None:
        named = [o for n in ordered for o in n.outputs() if layer in (n.get_friendly_name(), *o.get_names())]
        if not named:
            raise UsageError(f"{path} has no layer {layer!r} that could make the features.")
        return named[-1]
    pools = [node for node in ordered if _is_pool(node) and narrows(graph, node)]
    tokens = [node for node in ordered if _takes_token(node) and narrows(graph, node)]
    found = pools or tokens
    return found[-1].output(0) if found else graph.get_results()[0].input_value(0)


def _rank(output: Node) -> int:
    rank = output.get_partial_shape().rank
    return int(rank.get_length()) if rank.is_static else -1


def _is_pool(node: Node) -> bool:
    """Whether an operation is the mean of whole maps."""
    if node.get_type_name() != "ReduceMean" or _rank(node.input_value(0)) != 4:
        return False
    axes = node.input_value(1).get_node()
    return axes.get_type_name() == "Constant" and {int(a) % 4 for a in axes.get_data().ravel()} in ({2, 3}, {1, 2})


def _takes_token(node: Node) -> bool:
    """Whether an operation makes a vector of a sequence: a token of it, or their mean."""
    kinds = ("Gather", "Squeeze", "Reshape", "StridedSlice", "ReduceMean")
    return node.get_type_name() in kinds and _rank(node.input_value(0)) == 3 and _rank(node.output(0)) == 2


def narrows(graph: Graph, node: Node) -> bool:
    """Whether all that a graph says of its image goes through an operation."""
    reached = {graph.get_parameters()[0].get_friendly_name()}
    for other in graph.get_ordered_ops():
        if other.get_friendly_name() != node.get_friendly_name() and any(
            value.get_node().get_friendly_name() in reached for value in other.input_values()
        ):
            reached.add(other.get_friendly_name())
    return graph.get_results()[0].get_friendly_name() not in reached


def vector_of(graph: Graph, output: Node) -> Graph:
    """An output as vectors (n, D): a map is pooled; of tokens the class token is taken where there is one, else their mean."""
    from landuse.models.openvino import ops

    shape = output.get_partial_shape()
    sides = [d.get_length() if d.is_static else 0 for d in shape]
    if len(sides) == 4:
        spatial = [2, 3] if sides[2] == sides[3] else [1, 2]
        return ops.reduce_mean(output, np.array(spatial), False).output(0)
    if len(sides) == 3 and math.isqrt(max(0, sides[1] - 1)) ** 2 == sides[1] - 1 and sides[1] > 1:
        return ops.gather(output, np.int64(0), np.int64(1)).output(0)
    if len(sides) == 3:
        return ops.reduce_mean(output, np.array([1]), False).output(0)
    return output


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
    """Whether an image gets the same vector in company as alone: graphs made for one image may mix those of a batch."""
    from landuse.models.openvino import ov

    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pair = np.random.default_rng(0).uniform(0, 1, (2, *image)).astype(np.float32)
    both, alone = compiled([pair])[0].copy(), compiled([pair[1:]])[0].copy()
    return bool(np.allclose(both[1:], alone, rtol=1e-3, atol=1e-3 * max(1e-6, float(np.abs(alone).max()))))
