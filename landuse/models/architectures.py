"""Backbones by name: those of keras.applications, and three of our own.

A line each: what it is called here and there, pixels of an image's side, how an image is prepared, length of its features.
Nothing heavy is imported here; `landuse.models.keras_networks` builds them.
"""

from __future__ import annotations

from dataclasses import dataclass

from landuse.errors import UsageError
from landuse.models.preprocess import CAFFE, HALVED, LITE, SIGNED, TORCH, Preprocess


@dataclass(frozen=True)
class Architecture:
    """A network that Keras builds from a name.

    Attributes:
        name: what it is called here.
        builder: what it is called in `keras.applications`, or a function of `landuse.models.own_networks`.
        px: pixels of an image's side.
        preprocess: what happens to a uint8 image first.
        features: length of its feature vector.
        own: whether it is one of ours, without published weights.
    """

    name: str
    builder: str
    px: int
    preprocess: Preprocess
    features: int
    own: bool = False


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
