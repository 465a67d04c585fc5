"""Our own networks in Keras: AlexNet, SqueezeNet and the one that ships. Importing this imports TensorFlow."""

from __future__ import annotations

from typing import Any

from landuse.models.keras_library import keras

Tensor = Any
"""A symbolic tensor of Keras, (n, h, w, C)."""
MOBILE, SQUEEZE, FAR = "mobile_", "squeeze_", "far_"
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels after each of the 13 separable convolutions (Howard et al. 2017, arXiv:1704.04861, table 1)."""
HALVING = (2, 4, 6, 12)
"""Which of them halve the map."""
MIDDLE, LAST_FAR = 9, 11
"""The separable convolution whose map is a feature too, and the last one of the branch that sees half of the pixels."""


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
    """A convolution with batch norm and a rectifier."""
    found = keras.layers.Conv2D(filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv")(source)
    found = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(found)
    return keras.layers.Activation("relu", name=f"{name}_act")(found)


def squeezenet(image: Tensor) -> Tensor:
    """SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, and the authors' release 1.1), as its Keras port has it.

    The last convolution of the original makes the scores of its 1,000 classes; it gives way to global pooling, of 512 features.
    """
    return keras.layers.GlobalAveragePooling2D(name="features")(fires(image))


def fires(image: Tensor, prefix: str = "", padding: str = "valid") -> Tensor:
    """The map of SqueezeNet: a 3 x 3 convolution and eight fire modules, pooled after the first and before modules 4 and 6.

    With padding "same" a map cell covers exactly 16 x 16 pixels, and the map of 224 px has 14 x 14 cells.
    """
    found = keras.layers.Conv2D(64, 3, 2, padding, activation="relu", name=f"{prefix}conv1")(image)
    found = keras.layers.MaxPooling2D(3, 2, padding, name=f"{prefix}pool1")(found)
    for module, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        found = _fire(found, f"{prefix}fire{module}", squeeze)
        if module in (3, 5):
            found = keras.layers.MaxPooling2D(3, 2, padding, name=f"{prefix}pool{module}")(found)
    return found


def _fire(source: Tensor, name: str, squeeze: int) -> Tensor:
    """A fire module: few 1 x 1 filters, then four times as many of 1 x 1 and of 3 x 3 side by side."""
    found = keras.layers.Conv2D(squeeze, 1, activation="relu", name=f"{name}_squeeze1x1")(source)
    small = keras.layers.Conv2D(4 * squeeze, 1, activation="relu", name=f"{name}_expand1x1")(found)
    large = keras.layers.Conv2D(4 * squeeze, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(found)
    return keras.layers.Concatenate(name=f"{name}_concat")([small, large])


def builtin(image: Tensor) -> Tensor:
    """The network that ships, 2,560 features: MobileNetV1 and SqueezeNet 1.1 side by side, near and from twice as far.

    The features are the last map of MobileNetV1 (1,024) and of SqueezeNet 1.1 (512), a middle map of the former (512: texture,
    for coarse surveys), and the eleventh map of a second MobileNetV1 that sees the image at twice the pixel size (512). All
    become one map of stride 32 before the only pooling over the whole image, so that the dense grid can pool any part of it:
    maps of stride 16 are averaged over 2 x 2 cells first. Batch norms are folded into the weights.
    """
    halved = keras.layers.AveragePooling2D(2, 2, "same", name=f"{FAR}image")(image)
    far = separable(halved, FAR, LAST_FAR)[-1]
    near = separable(image, MOBILE, len(WIDTHS))
    middle = keras.layers.AveragePooling2D(2, 2, "same", name=f"{MOBILE}pool{MIDDLE}")(near[MIDDLE])
    squeeze = keras.layers.AveragePooling2D(2, 2, "same", name=f"{SQUEEZE}pool9")(fires(image, SQUEEZE, "same"))
    whole = keras.layers.Concatenate(name="map")([near[-1], squeeze, middle, far])
    return keras.layers.GlobalAveragePooling2D(name="features")(whole)


def separable(image: Tensor, prefix: str, count: int) -> list[Tensor]:
    """Maps of MobileNetV1: of its first convolution, and of each of its `count` separable ones."""
    found = keras.layers.Conv2D(32, 3, 2, "same", name=f"{prefix}conv0")(image)
    maps = [_relu6(found, f"{prefix}conv0")]
    for index, width in enumerate(WIDTHS[:count], start=1):
        name, stride = f"{prefix}conv{index}", 2 if index in HALVING else 1
        found = keras.layers.DepthwiseConv2D(3, stride, "same", name=f"{name}_depthwise")(maps[-1])
        found = keras.layers.Conv2D(width, 1, name=f"{name}_pointwise")(_relu6(found, f"{name}_depthwise"))
        maps.append(_relu6(found, f"{name}_pointwise"))
    return maps


def _relu6(source: Tensor, name: str) -> Tensor:
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(source)
