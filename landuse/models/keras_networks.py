"""Backbones by name in Keras: building them, and their variables by stable names. Importing this imports TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from landuse.errors import ModelFileError, UsageError
from landuse.models import own_networks
from landuse.models.architectures import ARCHITECTURES, Architecture
from landuse.models.arrays import Floats, KerasLayer, KerasModel, Weights
from landuse.models.backbone import Backbone
from landuse.models.keras_library import keras

IMAGENET = "imagenet"
PREPARING = ("InputLayer", "Rescaling", "Normalization")
"""Layers at the start of some networks that prepare the image; here `Preprocess` does."""


def build(
    architecture: Architecture, px: int | None = None, channels: int = 3, weights: str | None = None
) -> KerasModel:
    """A Keras model from prepared images (n, px, px, C) to features (n, D).

    Args:
        architecture: what is built.
        px: pixels of an image's side; None takes images of any size.
        channels: bands of an image.
        weights: None for random ones, or ``imagenet``, which Keras downloads and checks.
    """
    shape = (px, px, channels)
    if architecture.own:
        image = keras.Input(shape, name="image")
        return keras.Model(image, getattr(own_networks, architecture.builder)(image), name=architecture.name)
    make = getattr(keras.applications, architecture.builder)
    return without_preparation(make(include_top=False, weights=weights, input_shape=shape, pooling="avg"))


def imagenet_weights(architecture: Architecture) -> Weights:
    """The weights that Keras publishes for a network: from Keras' cache, or downloaded into it and checked by their digest.

    Raises:
        UsageError: it publishes none.
        ModelFileError: they cannot be had.
    """
    if architecture.own:
        raise UsageError(f"Keras has no ImageNet weights of {architecture.name}: give a file with --weights FILE.")
    try:
        return arrays(build(architecture, architecture.px, weights=IMAGENET))
    except Exception as error:
        cause = " ".join(str(error).split())[:160]
        raise ModelFileError(
            f"The ImageNet weights of {architecture.name} cannot be had ({cause}): fetch them where there is a network, and "
            "give the file with --weights FILE."
        ) from error


def without_preparation(model: KerasModel) -> KerasModel:
    """The model from the first layer on that does not prepare the image."""
    first = next(layer for layer in model.layers if type(layer).__name__ not in PREPARING)
    known = {type(layer).__name__ for layer in model.layers[: model.layers.index(first)]}
    return model if known == {"InputLayer"} else keras.Model(first.input, model.output, name=model.name)


def variables(model: KerasModel) -> dict[str, Any]:
    """The variables of a flat model by "layer/variable"; of layers that Keras numbers, by their order in the model."""
    return {
        f"{name}/{variable_name(variable)}": variable
        for name, layer in named_layers(model)
        for variable in layer.weights
        if np.issubdtype(np.dtype(variable.dtype), np.floating)
    }


def variable_name(variable: Any) -> str:  # noqa: ANN401 - a keras.Variable
    """The name of a variable within its layer; Keras counts those without one over all models."""
    return re.sub(r"^variable_\d+$", "variable", str(variable.path.rpartition("/")[2]))


def named_layers(model: KerasModel) -> Iterator[tuple[str, KerasLayer]]:
    """Each layer with a name that is the same in every process: Keras counts those without one over all models."""
    counts: dict[str, int] = {}
    for layer in model.layers:
        kind = keras_kind(layer)
        if re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            counts[kind] = counts.get(kind, -1) + 1
            yield f"{kind}_{counts[kind]}", layer
        else:
            yield layer.name, layer


def keras_kind(layer: KerasLayer) -> str:
    """What Keras calls layers of a class in files, such as "conv2d"."""
    return str(keras.src.utils.naming.to_snake_case(type(layer).__name__))


def assign(model: KerasModel, weights: Mapping[str, Floats], where: str) -> None:
    """Put arrays into a model by the names of `variables`. Raises `ModelFileError` where names or shapes are others."""
    known = variables(model)
    odd = sorted(known.keys() ^ weights.keys())
    if odd:
        raise ModelFileError(f"{where} does not fit its network: see the array {odd[0][:100]!r}.")
    for name, variable in known.items():
        if weights[name].shape != tuple(variable.shape):
            raise ModelFileError(
                f"{where}: array {name} has the shape {weights[name].shape}, not {tuple(variable.shape)}."
            )
        variable.assign(weights[name])


def arrays(model: KerasModel) -> Weights:
    """The values of `variables`, float32."""
    return {name: np.asarray(variable, np.float32) for name, variable in variables(model).items()}


def built(backbone: Backbone, name: str) -> KerasModel:
    """The Keras model of a trained backbone, from prepared images; messages call the model `name`.

    Raises:
        UsageError: Keras does not build this network.
        ModelFileError: the weights are not those of the network.
    """
    weights = backbone.variables(name)
    model = build(ARCHITECTURES[str(backbone.architecture)], backbone.px, backbone.channels)
    assign(model, weights, f"Model {name}")
    return model


def initial_weights(architecture: Architecture, seed: int = 0) -> Weights:
    """Random weights, float32: He-normal kernels (He et al. 2015), neutral batch norm, zero biases."""
    rng = np.random.default_rng(seed)
    return {name: _initial(rng, name, array) for name, array in arrays(build(architecture, architecture.px)).items()}


def _initial(rng: np.random.Generator, name: str, array: Floats) -> Floats:
    """He-normal values of a kernel; what Keras begins with for all else."""
    if array.ndim < 2:
        return array
    fan_in = int(np.prod(array.shape[:2])) if "depthwise" in name else int(np.prod(array.shape[:-1]))
    return np.asarray(rng.standard_normal(array.shape) * np.sqrt(2 / fan_in), np.float32)
