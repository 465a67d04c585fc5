"""The network that ships: MobileNetV1 and SqueezeNet 1.1 side by side, near and from twice as far, on one map of stride 32."""

from __future__ import annotations

from landuse.models.arrays import Weights
from landuse.models.builder import Builder
from landuse.models.network import Network
from landuse.models.squeezenet import add_fires

MOBILE, SQUEEZE, FAR = "mobile_", "squeeze_", "far_"
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels after each of the 13 separable convolutions (Howard et al. 2017, arXiv:1704.04861, table 1)."""
HALVING = (2, 4, 6, 12)
"""Which of them halve the map."""
MIDDLE, LAST_FAR = 9, 11
"""The separable convolution whose map is a feature too, and the last one of the branch that sees half of the pixels."""


def builtin_network() -> Network:
    """2,560 features; batch norms are folded into the weights.

    They are the last map of MobileNetV1 (1,024) and of SqueezeNet 1.1 (512), a middle map of the former (512: texture, for
    coarse surveys), and the eleventh map of a second MobileNetV1 that sees the image at twice the pixel size (512). All
    become one map of stride 32 before the only pooling over the whole image, so that the dense grid can pool any part of
    it: maps of stride 16 are averaged over 2 x 2 cells first. `docs/backbone.md` has what each part adds.
    """
    b = Builder()
    b.average_pool(f"{FAR}image", 2, 2)
    far = add_separable(b, FAR, LAST_FAR)
    mobile = add_separable(b.at("image"), MOBILE, len(WIDTHS))
    middle = b.at(f"{MOBILE}conv{MIDDLE}_pointwise_relu").average_pool(f"{MOBILE}pool{MIDDLE}", 2, 2)
    add_fires(b, SQUEEZE, "same")
    squeeze = b.average_pool(f"{SQUEEZE}pool9", 2, 2)
    b.concat("map", (mobile, squeeze, middle, far))
    b.global_average("features")
    return b.network()


def add_separable(b: Builder, prefix: str, count: int) -> str:
    """MobileNetV1 from the last node, an image, to the map of its separable convolution `count`. Returns the map's name."""
    b.conv(f"{prefix}conv0", 32, 3, stride=2, bias=True)
    b.activation(f"{prefix}conv0_relu", "relu6")
    for index, width in enumerate(WIDTHS[:count], start=1):
        b.depthwise_conv(f"{prefix}conv{index}_depthwise", 3, stride=2 if index in HALVING else 1, bias=True)
        b.activation(f"{prefix}conv{index}_depthwise_relu", "relu6")
        b.conv(f"{prefix}conv{index}_pointwise", width, 1, bias=True)
        b.activation(f"{prefix}conv{index}_pointwise_relu", "relu6")
    return b.last


def with_far(weights: Weights) -> Weights:
    """Weights of the two near branches, and those of the first copied to the branch that sees from further away."""
    names = [f"{MOBILE}conv{index}" for index in range(LAST_FAR + 1)]
    copied = {
        f"{FAR}{name.removeprefix(MOBILE)}": array
        for name, array in weights.items()
        if name.partition("/")[0].removesuffix("_depthwise").removesuffix("_pointwise") in names
    }
    return weights | copied
