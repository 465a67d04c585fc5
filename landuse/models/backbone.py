"""A trained backbone: from uint8 images to feature vectors, as a graph that OpenVINO reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import Preprocess
from landuse.models.graph_file import CONSTANT, halved, open_graph, pack_graph
from landuse.models.libraries import Floats, Graph, Weights, ops, ov
from landuse.models.safe_files import load_arrays

Order = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A graph with its weights, in half precision, and its preprocessing inside.

    Attributes:
        xml: OpenVINO's description, from images uint8 (n, px, px, C) to features float32 (n, D).
        weights: safetensors of the graph's constants, and of the variables of Keras that are none.
        channels: C.
        features: D.
        architecture: the name by which Keras builds the network, None where it cannot.
        orders: for variables that are constants of the graph, the order of axes that makes them so.
        batch: images that the graph takes at once, None where it takes any number.
    """

    xml: bytes
    weights: bytes
    px: int
    channels: int
    features: int
    preprocess: Preprocess
    architecture: str | None = None
    orders: Mapping[str, Order] = field(default_factory=dict)
    batch: int | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that shapes its features."""
        found = hashlib.sha256(self.xml)
        found.update(self.weights)
        return found.hexdigest()

    def graph(self, where: str = "The backbone") -> Graph:
        """A new OpenVINO model.

        Raises:
            ModelFileError: the graph is not sound, or not what the backbone says of itself.
        """
        image = (self.px, self.px, self.channels)
        model = open_graph(self.xml, self.weights, (self.batch, *image), where)
        found = [
            f"{p.get_element_type().get_type_name()} {p.get_partial_shape()}" for p in (model.input(), model.output())
        ]
        count = "?" if self.batch is None else self.batch
        if found != [f"u8 [{count},{self.px},{self.px},{self.channels}]", f"f32 [{count},{self.features}]"]:
            raise ModelFileError(
                f"{where} is a graph from {found[0]} to {found[1]}, not what the model file says of it."
            )
        return model

    def built_by(self, name: str) -> str:
        """The name by which Keras builds the network. Raises `UsageError` where there is none; it calls the model `name`."""
        if self.architecture is None:
            raise UsageError(
                f"The network of model {name} came from a file, and Keras has no name to build it by: only OpenVINO runs it, "
                "and it cannot be fine-tuned; use --runtime openvino, or train with a backbone that `landuse models` lists."
            )
        return self.architecture

    def variables(self, name: str) -> Weights:
        """The variables of the Keras network, float32, by their names. Raises as `built_by`."""
        self.built_by(name)
        arrays = load_arrays(self.weights, f"The weights of model {name}")
        return {
            key: _in_order(array, self.orders.get(key), name).astype(np.float32)
            for key, array in arrays.items()
            if not key.startswith(CONSTANT)
        }


def _in_order(array: npt.NDArray[Any], order: Order | None, name: str) -> npt.NDArray[Any]:
    if order is None:
        return array
    if sorted(order) != list(range(array.ndim)):
        raise ModelFileError(
            f"Model {name} names an order of axes that its weights do not have: get the model file again."
        )
    return array.transpose(np.argsort(order))


def backbone_of(
    graph: Graph,
    preprocess: Preprocess,
    variables: Mapping[str, Floats] | None = None,
    architecture: str | None = None,
) -> Backbone:
    """The backbone of an OpenVINO model from prepared images (n, px, px, C) to features (n, D)."""
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
