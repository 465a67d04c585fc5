"""From a network in Keras or in OpenVINO to a backbone: preprocessing goes into the graph, weights become half precision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landuse.models.architectures import ARCHITECTURES, Architecture, Preprocess
from landuse.models.arrays import Floats, Graph, KerasModel
from landuse.models.backbone import Backbone
from landuse.models.graph_file import half, halved, pack_graph


def named_backbone(
    architecture: Architecture, weights: Mapping[str, Floats], px: int | None = None, channels: int = 3
) -> Backbone:
    """The backbone of a network that Keras builds, with these variables. Imports TensorFlow.

    Args:
        architecture: the network.
        weights: its variables, by the names of `keras_networks.variables`.
        px: pixels of an image's side; None takes those of the architecture.
        channels: bands of an image.

    Raises:
        ModelFileError: the variables are not those of the network.
    """
    from landuse.models.keras_networks import assign, build

    rounded = {name: half(array).astype(np.float32) for name, array in weights.items()}
    side = px or architecture.px
    model = build(architecture, side, channels)
    assign(model, rounded, f"The weights of {architecture.name}")
    graph = graph_of(model, side, channels)
    return backbone_of(graph, architecture.preprocess, rounded, architecture.name)


def retrained(backbone: Backbone, weights: Mapping[str, Floats]) -> Backbone:
    """The backbone with other variables."""
    architecture = ARCHITECTURES[str(backbone.architecture)]
    return named_backbone(architecture, weights, backbone.px, backbone.channels)


def graph_of(model: KerasModel, px: int, channels: int) -> Graph:
    """The OpenVINO model of a Keras model of one image (n, px, px, C), its variables frozen to constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from landuse.models.keras_library import tf
    from landuse.models.openvino import ov

    signature = [tf.TensorSpec((None, px, px, channels), tf.float32)]
    traced = tf.function(lambda image: model(image, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function()).graph.as_graph_def()
    with tempfile.TemporaryDirectory(prefix="landuse-") as folder:
        path = Path(folder) / "graph.pb"
        path.write_bytes(frozen.SerializeToString())
        return ov.Core().read_model(path)


def backbone_of(
    graph: Graph,
    preprocess: Preprocess,
    variables: Mapping[str, Floats] | None = None,
    architecture: str | None = None,
) -> Backbone:
    """The backbone of an OpenVINO model from prepared images (n, px, px, C) to features (n, D).

    Args:
        graph: the model, which is changed.
        preprocess: what becomes its beginning.
        variables: of the Keras network that it was made of.
        architecture: the name of that network.
    """
    graph = halved(prepared(graph, preprocess))
    batch, px, _, channels = graph.input().get_partial_shape()
    features = graph.output().get_partial_shape()[1].get_length()
    xml, weights, orders = pack_graph(graph, variables or {})
    return Backbone(
        xml=xml,
        weights=weights,
        px=px.get_length(),
        channels=channels.get_length(),
        features=features,
        preprocess=preprocess,
        architecture=architecture,
        orders=orders,
        batch=batch.get_length() if batch.is_static else None,
    )


def prepared(graph: Graph, preprocess: Preprocess) -> Graph:
    """The model with uint8 images for its input, and what is done to them in front of it."""
    from landuse.models.openvino import ops, ov

    parameter = graph.get_parameters()[0]
    shape = parameter.get_partial_shape()
    image = ops.parameter(shape, np.uint8, name="image")
    found = ops.convert(image, np.float32)
    if preprocess.order == "bgr":
        found = ops.gather(found, np.arange(shape[3].get_length())[::-1].copy(), np.int64(3))
    factor, offset = preprocess.affine()
    found = ops.add(ops.multiply(found, factor.reshape(1, 1, 1, -1)), offset.reshape(1, 1, 1, -1))
    parameter.output(0).replace(found.output(0))
    return ov.Model(graph.outputs, [image], "landuse")
