"""A Keras model from a network: for training, and for the second runtime. Importing this imports TensorFlow (8 s)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from landuse.models.arrays import Floats, Weights
from landuse.models.network import Network
from landuse.models.nodes import (
    Activation,
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalAveragePool,
    MaxPool,
    Node,
    Pad,
)


def build_keras(network: Network, px: int | None = None) -> keras.Model:
    """A functional Keras model from prepared images (n, px, px, C) to features (n, D); any size where `px` is None."""
    image = keras.Input((px, px, network.channels), name=network.input)
    tensors: dict[str, Any] = {network.input: image}
    for node in network.nodes:
        sources = [tensors[name] for name in node.inputs]
        layer = _layer(node)
        tensors[node.name] = layer(sources if len(sources) > 1 else sources[0])
    return keras.Model(image, tensors[network.output])


def load_weights(model: keras.Model, weights: Mapping[str, Floats]) -> None:
    """Put weights, by name, into a model that `build_keras` made."""
    for name, variable in _variables(model).items():
        variable.assign(weights[name])


def dump_weights(model: keras.Model) -> Weights:
    """The weights of a model that `build_keras` made, float32, by name."""
    return {name: np.asarray(variable, np.float32) for name, variable in _variables(model).items()}


def _variables(model: keras.Model) -> dict[str, Any]:
    return {f"{layer.name}/{variable.name}": variable for layer in model.layers for variable in layer.weights}


def _layer(node: Node) -> Any:  # noqa: ANN401 - keras.layers.Layer is untyped
    """The Keras layer of a node."""
    match node:
        case Conv() | DepthwiseConv() | MaxPool() | AveragePool():
            return _window_layer(node)
        case BatchNorm():
            return keras.layers.BatchNormalization(epsilon=node.epsilon, scale=node.scale, name=node.name)
        case Activation():
            return _activation(node)
        case Pad():
            border = ((node.top, node.bottom), (node.left, node.right))
            return keras.layers.ZeroPadding2D(border, name=node.name)
        case Add():
            return keras.layers.Add(name=node.name)
        case Concat():
            return keras.layers.Concatenate(name=node.name)
        case GlobalAveragePool():
            return keras.layers.GlobalAveragePooling2D(name=node.name)
        case Dense():
            return keras.layers.Dense(node.units, name=node.name)


def _window_layer(node: Conv | DepthwiseConv | MaxPool | AveragePool) -> Any:  # noqa: ANN401
    """The Keras layer of a node that looks at neighbourhoods."""
    common = {"strides": node.stride, "padding": node.padding, "name": node.name}
    match node:
        case Conv():
            return keras.layers.Conv2D(node.filters, node.kernel, use_bias=node.bias, **common)
        case DepthwiseConv():
            return keras.layers.DepthwiseConv2D(node.kernel, use_bias=node.bias, **common)
        case MaxPool():
            return keras.layers.MaxPooling2D(node.kernel, **common)
        case AveragePool():
            return keras.layers.AveragePooling2D(node.kernel, **common)


def _activation(node: Activation) -> Any:  # noqa: ANN401
    functions = {"swish": keras.activations.silu}
    return keras.layers.Activation(functions.get(node.function, node.function), name=node.name)
