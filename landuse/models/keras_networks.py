"""Networks in Keras: our own, building each by its name, and their variables. Using it imports TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landuse.errors import ModelFileError
from landuse.models.architectures import Architecture
from landuse.models.libraries import Floats, KerasLayer, KerasModel, Tensor, Weights, keras

LITE_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride, widening and channels of the stages of EfficientNet-Lite0 (Tan and Le 2019, table 1)."""
LITE_ENDS = (2, 3, 4, 5, 6)
"""Stages whose last maps are features: 40 + 80 + 112 + 192 + 320 channels, on strides of 8, 16, 16, 32 and 32 pixels."""
PREPARING = ("InputLayer", "Rescaling", "Normalization")
"""Layers at the start of some networks that prepare the image; here `Preprocess` does."""


def alexnet(image: Tensor) -> Tensor:
    """Five convolutions after Krizhevsky et al. 2012, with batch norm for their response normalisation, 256 features.

    The three dense layers of the original give way to global pooling, so that it takes images of any size.
    """
    found = _conv_norm(image, "conv1", 96, 11, 4)
    found = keras.layers.MaxPooling2D(3, 2, name="pool1")(found)
    found = _conv_norm(found, "conv2", 256, 5)
    found = keras.layers.MaxPooling2D(3, 2, name="pool2")(found)
    for name, width in (("conv3", 384), ("conv4", 384), ("conv5", 256)):
        found = _conv_norm(found, name, width, 3)
    return keras.layers.GlobalAveragePooling2D(name="features")(found)


def _conv_norm(source: Tensor, name: str, filters: int, kernel: int, stride: int = 1) -> Tensor:
    found = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(source)
    found = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(found)
    return keras.layers.Activation("relu", name=f"{name}_act")(found)


def squeezenet(image: Tensor) -> Tensor:
    """SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, and the authors' release 1.1), as its Keras port has it.

    The last convolution of the original makes the scores of its 1,000 classes; it gives way to global pooling, of 512 features.
    """
    return keras.layers.GlobalAveragePooling2D(name="features")(_fires(image))


def _fires(image: Tensor) -> Tensor:
    """The map of SqueezeNet: a 3 x 3 convolution and eight fire modules, pooled after the first and before modules 4 and 6."""
    found = keras.layers.Conv2D(64, 3, 2, "valid", activation="relu", name="conv1")(image)
    found = keras.layers.MaxPooling2D(3, 2, "valid", name="pool1")(found)
    for module, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        found = _fire(found, f"fire{module}", squeeze)
        if module in (3, 5):
            found = keras.layers.MaxPooling2D(3, 2, "valid", name=f"pool{module}")(found)
    return found


def _fire(source: Tensor, name: str, squeeze: int) -> Tensor:
    """A fire module: few 1 x 1 filters, then four times as many of 1 x 1 and of 3 x 3 side by side."""
    found = keras.layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(source)
    small = keras.layers.Conv2D(4 * squeeze, 1, activation="relu", name=f"{name}_expand1x1")(found)
    large = keras.layers.Conv2D(4 * squeeze, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(found)
    return keras.layers.Concatenate(name=f"{name}_concat")([small, large])


def efficientnet_lite0(image: Tensor) -> Tensor:
    """EfficientNet-Lite0 without its last convolution, 744 features: the linear maps at the ends of five stages.

    Coarse maps know objects, fine ones texture, which is what a coarse survey has. All become one map of stride 32 before the
    only pooling over the whole image, so that the dense grid can pool any part of it. Batch norms are folded into the weights.
    """
    found = _relu6(keras.layers.Conv2D(32, 3, 2, "same", name="stem")(image), "stem")
    ends, number, stride = [], 0, 2
    for stage, (blocks, kernel, step, widening, width) in enumerate(LITE_STAGES):
        stride *= step
        for block in range(blocks):
            found = _Inverted(kernel, step if block == 0 else 1, widening, width).of(found, f"block{number}")
            number += 1
        if stage in LITE_ENDS:
            times = 32 // stride
            pooled = keras.layers.AveragePooling2D(times, times, name=f"end{stage}")
            ends.append(found if times == 1 else pooled(found))
    return keras.layers.GlobalAveragePooling2D(name="features")(keras.layers.Concatenate(name="map")(ends))


@dataclass(frozen=True)
class _Inverted:
    """An inverted residual (Sandler et al. 2018): widened, looked at by each channel, brought to few channels."""

    kernel: int
    stride: int
    widening: int
    width: int

    def of(self, source: Tensor, name: str) -> Tensor:
        """The block over a map."""
        found = source
        if self.widening > 1:
            wide = keras.layers.Conv2D(self.widening * source.shape[-1], 1, name=f"{name}_expand")(source)
            found = _relu6(wide, f"{name}_expand")
        deep = keras.layers.DepthwiseConv2D(self.kernel, self.stride, "same", name=f"{name}_depthwise")(found)
        found = keras.layers.Conv2D(self.width, 1, name=f"{name}_project")(_relu6(deep, f"{name}_depthwise"))
        return keras.layers.Add(name=f"{name}_add")([source, found]) if found.shape == source.shape else found


def _relu6(source: Tensor, name: str) -> Tensor:
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(source)


def build(
    architecture: Architecture, px: int | None = None, channels: int = 3, weights: str | None = None
) -> KerasModel:
    """A Keras model from prepared images (n, px, px, C) to features (n, D).

    Args:
        px: pixels of an image's side; None takes images of any size.
        weights: None for random ones, or ``imagenet``, which Keras downloads and checks.
    """
    shape = (px, px, channels)
    if architecture.own:
        image = keras.Input(shape, name="image")
        return keras.Model(image, OWN[architecture.builder](image), name=architecture.name)
    make = getattr(keras.applications, architecture.builder)
    return without_preparation(make(include_top=False, weights=weights, input_shape=shape, pooling="avg"))


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


OWN: dict[str, Callable[[Tensor], Tensor]] = {
    "alexnet": alexnet,
    "squeezenet": squeezenet,
    "efficientnet_lite0": efficientnet_lite0,
}
"""Our own networks, from images to features."""
