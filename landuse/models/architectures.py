"""Backbones by name: those of keras.applications, and three of our own; and how each prepares an image.

A line each: what it is called here and there, pixels of an image's side, how an image is prepared, length of its features.
Nothing heavy is imported here; `landuse.models.keras_networks` builds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from landuse.errors import UsageError

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]


class Preprocess(BaseModel):
    """x -> (x * scale - mean) / std, after the channels were put in order. It becomes part of the inference graph.

    Attributes:
        order: "rgb" keeps the order of the bands, "bgr" reverses it.
        scale: factor on the 0 to 255 values.
        mean: one value, or one a channel, in the new order.
        std: one value, or one a channel, in the new order; never 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Literal["rgb", "bgr"] = "rgb"
    scale: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    mean: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=64)] = (0.0,)
    std: Annotated[tuple[Annotated[float, Field(gt=0, le=1e6)], ...], Field(min_length=1, max_length=64)] = (1.0,)

    @model_validator(mode="after")
    def _same_length(self) -> Preprocess:
        if len({len(self.mean), len(self.std)} - {1}) > 1:
            raise ValueError("mean and std have different lengths")
        return self

    def fits(self, channels: int) -> bool:
        """Whether it can be applied to images of so many channels."""
        return {len(self.mean), len(self.std)} <= {1, channels}

    def affine(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Factor and offset, each (1,) or (C,): x -> x * factor + offset, in the new channel order."""
        std = np.asarray(self.std, np.float64)
        factor, offset = self.scale / std, -np.asarray(self.mean, np.float64) / std
        return factor.astype(np.float32), offset.astype(np.float32)

    def apply(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The prepared images, float32 of the same shape (..., C). The graphs do the same."""
        ordered = images[..., ::-1] if self.order == "bgr" else images
        factor, offset = self.affine()
        return ordered.astype(np.float32) * factor + offset


@dataclass(frozen=True)
class Architecture:
    """A network that Keras builds from a name.

    Attributes:
        builder: what it is called in `keras.applications`, or a function of `OWN` of `landuse.models.keras_networks`.
        own: whether it is one of ours, without published weights.
    """

    name: str
    builder: str
    px: int
    preprocess: Preprocess
    features: int
    own: bool = False


SIGNED = Preprocess(mean=(127.5,), std=(127.5,))
"""-1 to 1, red first: our own backbones."""

LITE = Preprocess(mean=(127.0,), std=(128.0,))
"""-1 to 1 around 127, red first: EfficientNet-Lite."""

HALVED = Preprocess(mean=(128.0,), std=(128.0,))
"""-1 to 1 around 128, red first: EfficientNetV2 S, M and L in Keras applications."""

CAFFE = Preprocess(order="bgr", mean=(103.939, 116.779, 123.68))
"""Blue first, ImageNet means taken off: ResNet50 and VGG in Keras applications."""

TORCH = Preprocess(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""0 to 1, red first, ImageNet means and deviations: torchvision."""

PREPROCESSING = MappingProxyType({"caffe": CAFFE, "tf": SIGNED, "torch": TORCH, "none": Preprocess()})
"""The usual ways of preparing an image, by the names that Keras applications gives them; ``none`` leaves 0 to 255."""

_LINES = (
    Architecture("builtin", "efficientnet_lite0", 224, LITE, 744, own=True),
    Architecture("alexnet", "alexnet", 224, SIGNED, 256, own=True),
    Architecture("squeezenet", "squeezenet", 227, CAFFE, 512, own=True),
    Architecture("resnet50", "ResNet50", 224, CAFFE, 2048),
    Architecture("resnet101", "ResNet101", 224, CAFFE, 2048),
    Architecture("resnet152", "ResNet152", 224, CAFFE, 2048),
    Architecture("resnet50v2", "ResNet50V2", 224, SIGNED, 2048),
    Architecture("resnet101v2", "ResNet101V2", 224, SIGNED, 2048),
    Architecture("resnet152v2", "ResNet152V2", 224, SIGNED, 2048),
    Architecture("vgg16", "VGG16", 224, CAFFE, 512),
    Architecture("vgg19", "VGG19", 224, CAFFE, 512),
    Architecture("inceptionv3", "InceptionV3", 299, SIGNED, 2048),
    Architecture("inceptionresnetv2", "InceptionResNetV2", 299, SIGNED, 1536),
    Architecture("xception", "Xception", 299, SIGNED, 2048),
    Architecture("efficientnetb0", "EfficientNetB0", 224, TORCH, 1280),
    Architecture("efficientnetb1", "EfficientNetB1", 240, TORCH, 1280),
    Architecture("efficientnetb2", "EfficientNetB2", 260, TORCH, 1408),
    Architecture("efficientnetb3", "EfficientNetB3", 300, TORCH, 1536),
    Architecture("efficientnetb4", "EfficientNetB4", 380, TORCH, 1792),
    Architecture("efficientnetb5", "EfficientNetB5", 456, TORCH, 2048),
    Architecture("efficientnetb6", "EfficientNetB6", 528, TORCH, 2304),
    Architecture("efficientnetb7", "EfficientNetB7", 600, TORCH, 2560),
    Architecture("efficientnetv2b0", "EfficientNetV2B0", 224, TORCH, 1280),
    Architecture("efficientnetv2b1", "EfficientNetV2B1", 240, TORCH, 1280),
    Architecture("efficientnetv2b2", "EfficientNetV2B2", 260, TORCH, 1408),
    Architecture("efficientnetv2b3", "EfficientNetV2B3", 300, TORCH, 1536),
    Architecture("efficientnetv2s", "EfficientNetV2S", 384, HALVED, 1280),
    Architecture("efficientnetv2m", "EfficientNetV2M", 480, HALVED, 1280),
    Architecture("efficientnetv2l", "EfficientNetV2L", 480, HALVED, 1280),
    Architecture("convnexttiny", "ConvNeXtTiny", 224, TORCH, 768),
    Architecture("convnextsmall", "ConvNeXtSmall", 224, TORCH, 768),
    Architecture("convnextbase", "ConvNeXtBase", 224, TORCH, 1024),
    Architecture("convnextlarge", "ConvNeXtLarge", 224, TORCH, 1536),
    Architecture("convnextxlarge", "ConvNeXtXLarge", 224, TORCH, 2048),
    Architecture("densenet121", "DenseNet121", 224, TORCH, 1024),
    Architecture("densenet169", "DenseNet169", 224, TORCH, 1664),
    Architecture("densenet201", "DenseNet201", 224, TORCH, 1920),
    Architecture("mobilenet", "MobileNet", 224, SIGNED, 1024),
    Architecture("mobilenetv2", "MobileNetV2", 224, SIGNED, 1280),
    Architecture("mobilenetv3small", "MobileNetV3Small", 224, SIGNED, 576),
    Architecture("mobilenetv3large", "MobileNetV3Large", 224, SIGNED, 960),
    Architecture("nasnetmobile", "NASNetMobile", 224, SIGNED, 1056),
    Architecture("nasnetlarge", "NASNetLarge", 331, SIGNED, 4032),
)
ARCHITECTURES = {line.name: line for line in _LINES}


def find_architecture(name: str) -> Architecture:
    """A network by its name. Raises `UsageError` for a name that is not there."""
    if name not in ARCHITECTURES:
        raise UsageError(f"No backbone {name!r}: choose one of {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]
