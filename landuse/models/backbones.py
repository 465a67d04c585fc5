"""Backbones by name: how each is built, how its input is prepared, and how many pixels it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from landuse.errors import UsageError
from landuse.models.arrays import Weights
from landuse.models.builder import Builder
from landuse.models.builtin import builtin_network
from landuse.models.inception import inception_v3
from landuse.models.network import Network
from landuse.models.preprocess import CAFFE, SIGNED, Preprocess
from landuse.models.squeezenet import squeezenet
from landuse.models.xception import xception


@dataclass(frozen=True)
class Backbone:
    """A network with its input convention.

    Attributes:
        name: what the registry calls it.
        network: the graph from image to feature vector (D,).
        preprocess: what happens to a uint8 image first.
        px: pixels of an image's side.
    """

    name: str
    network: Network
    preprocess: Preprocess
    px: int = 224

    @property
    def feature_count(self) -> int:
        """Length D of the feature vector."""
        return self.network.feature_count(self.px)


def builtin() -> Backbone:
    """The backbone that ships: three branches on one feature map, 2,560 features, 5.5 million weights."""
    return Backbone("builtin", builtin_network(), SIGNED)


def alexnet() -> Backbone:
    """Five convolutions after Krizhevsky et al. 2012, with batch norm for their response normalisation, 256 features.

    The three dense layers of the original give way to global pooling, so that it takes images of any size.
    """
    b = Builder()
    b.conv_norm("conv1", 96, 11, stride=4)
    b.max_pool("pool1", 3, 2, "valid")
    b.conv_norm("conv2", 256, 5)
    b.max_pool("pool2", 3, 2, "valid")
    for name, width in (("conv3", 384), ("conv4", 384), ("conv5", 256)):
        b.conv_norm(name, width, 3)
    b.global_average("features")
    return Backbone("alexnet", b.network(), SIGNED)


def resnet50() -> Backbone:
    """ResNet50 exactly as Keras applications has it (He et al. 2016, stride in the first 1 x 1), 2,048 features."""
    b = Builder()
    b.pad("conv1_pad", 3)
    b.conv("conv1_conv", 64, 7, stride=2, padding="valid", bias=True)
    b.norm("conv1_bn", 1.001e-5)
    b.activation("conv1_relu")
    b.pad("pool1_pad", 1)
    b.max_pool("pool1_pool", 3, 2, "valid")
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=2):
        for block in range(1, blocks + 1):
            _bottleneck(b, f"conv{stage}_block{block}", width, 2 if stage > 2 and block == 1 else 1, block == 1)
    b.global_average("avg_pool")
    return Backbone("resnet50", b.network(), CAFFE)


def _bottleneck(b: Builder, name: str, width: int, stride: int, projects: bool) -> None:
    start = b.last
    if projects:
        b.conv(f"{name}_0_conv", 4 * width, 1, stride=stride, padding="valid", bias=True)
        shortcut = b.norm(f"{name}_0_bn", 1.001e-5)
    else:
        shortcut = start
    b.at(start).conv(f"{name}_1_conv", width, 1, stride=stride, padding="valid", bias=True)
    b.norm(f"{name}_1_bn", 1.001e-5)
    b.activation(f"{name}_1_relu")
    b.conv(f"{name}_2_conv", width, 3, bias=True)
    b.norm(f"{name}_2_bn", 1.001e-5)
    b.activation(f"{name}_2_relu")
    b.conv(f"{name}_3_conv", 4 * width, 1, padding="valid", bias=True)
    body = b.norm(f"{name}_3_bn", 1.001e-5)
    b.add(f"{name}_add", (shortcut, body))
    b.activation(f"{name}_out")


def _vgg(name: str, convs: tuple[int, ...]) -> Backbone:
    """VGG as Keras applications has it (Simonyan and Zisserman 2015), pooled to 512 features."""
    b = Builder()
    for block, (count, width) in enumerate(zip(convs, (64, 128, 256, 512, 512), strict=True), start=1):
        for index in range(1, count + 1):
            b.conv(f"block{block}_conv{index}", width, 3, bias=True)
            b.activation(f"block{block}_relu{index}")
        b.max_pool(f"block{block}_pool", 2, 2, "valid")
    b.global_average("avg_pool")
    return Backbone(name, b.network(), CAFFE)


BACKBONES: Mapping[str, Callable[[], Backbone]] = MappingProxyType(
    {
        "builtin": builtin,
        "alexnet": alexnet,
        "squeezenet": lambda: Backbone("squeezenet", squeezenet(), CAFFE, 227),
        "resnet50": resnet50,
        "inceptionv3": lambda: Backbone("inceptionv3", inception_v3(), SIGNED, 299),
        "xception": lambda: Backbone("xception", xception(), SIGNED, 299),
        "vgg16": lambda: _vgg("vgg16", (2, 2, 3, 3, 3)),
        "vgg19": lambda: _vgg("vgg19", (2, 2, 4, 4, 4)),
    }
)


def load_backbone(name: str) -> Backbone:
    """A backbone by its registry name. Raises `UsageError` for a name that is not there."""
    if name not in BACKBONES:
        raise UsageError(f"No backbone {name!r}: choose one of {', '.join(BACKBONES)}.")
    return BACKBONES[name]()


def initial_weights(backbone: Backbone, seed: int = 0) -> Weights:
    """Random weights, float32: He-normal kernels (He et al. 2015), neutral batch norm, zero biases."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in backbone.network.weight_shapes(backbone.px).items():
        part = name.rpartition("/")[2]
        if part == "kernel":
            fan_in = int(np.prod(shape[:2])) if shape[-1] == 1 and len(shape) == 4 else int(np.prod(shape[:-1]))
            weights[name] = (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
        else:
            ones = part in ("gamma", "moving_variance")
            weights[name] = np.full(shape, 1.0 if ones else 0.0, np.float32)
    return weights
