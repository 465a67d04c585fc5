"""The network that ships: MobileNetV1 and SqueezeNet 1.1 side by side, on one feature map of stride 32."""

from __future__ import annotations

from landuse.models.builder import Builder
from landuse.models.network import Network
from landuse.models.squeezenet import add_fires

MOBILE, SQUEEZE = "mobile_", "squeeze_"
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels after each of the 13 separable convolutions (Howard et al. 2017, arXiv:1704.04861, table 1)."""
HALVING = (2, 4, 6, 12)
"""Which of them halve the map."""


def builtin_network() -> Network:
    """1,536 features: 1,024 of MobileNetV1 and 512 of SqueezeNet 1.1; batch norms are folded into the weights.

    The two maps become one of stride 32 before the only pooling over the whole image, so that the dense grid can pool
    any part of it. SqueezeNet's map has stride 16 and is averaged over 2 x 2 cells first.
    """
    b = Builder()
    mobile = add_separable(b, MOBILE)
    add_fires(b, SQUEEZE, "same")
    squeeze = b.average_pool(f"{SQUEEZE}pool9", 2, 2)
    b.concat("map", (mobile, squeeze))
    b.global_average("features")
    return b.network()


def add_separable(b: Builder, prefix: str) -> str:
    """MobileNetV1 from the image to its last feature map. Returns the map's name."""
    b.at("image").conv(f"{prefix}conv0", 32, 3, stride=2, bias=True)
    b.activation(f"{prefix}conv0_relu", "relu6")
    for index, width in enumerate(WIDTHS, start=1):
        b.depthwise_conv(f"{prefix}conv{index}_depthwise", 3, stride=2 if index in HALVING else 1, bias=True)
        b.activation(f"{prefix}conv{index}_depthwise_relu", "relu6")
        b.conv(f"{prefix}conv{index}_pointwise", width, 1, bias=True)
        b.activation(f"{prefix}conv{index}_pointwise_relu", "relu6")
    return b.last
