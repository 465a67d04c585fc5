"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, and the authors' release 1.1), as its Keras port has it."""

from __future__ import annotations

from landuse.models.builder import Builder
from landuse.models.network import Network
from landuse.models.nodes import Padding


def squeezenet() -> Network:
    """A 3 x 3 convolution and eight fire modules, pooled after the first and before modules 4 and 6; 512 features.

    The last convolution of the original makes the scores of its 1,000 classes; it gives way to global pooling.
    """
    b = Builder()
    add_fires(b)
    b.global_average("features")
    return b.network()


def add_fires(b: Builder, prefix: str = "", padding: Padding = "valid") -> str:
    """All layers up to the last feature map, from the image on. Returns the map's name.

    With padding "same" a map cell covers exactly 16 x 16 pixels, and the map of 224 px has 14 x 14 cells.
    """
    b.at("image").conv(f"{prefix}conv1", 64, 3, stride=2, padding=padding, bias=True)
    b.activation(f"{prefix}relu_conv1")
    b.max_pool(f"{prefix}pool1", 3, 2, padding)
    for module, squeeze in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        _fire(b, f"{prefix}fire{module}", squeeze)
        if module in (3, 5):
            b.max_pool(f"{prefix}pool{module}", 3, 2, padding)
    return b.last


def _fire(b: Builder, name: str, squeeze: int) -> None:
    """A fire module: few 1 x 1 filters, then four times as many of 1 x 1 and of 3 x 3 side by side."""
    b.conv(f"{name}_squeeze1x1", squeeze, 1, padding="valid", bias=True)
    start = b.activation(f"{name}_relu_squeeze1x1")
    b.conv(f"{name}_expand1x1", 4 * squeeze, 1, padding="valid", bias=True)
    small = b.activation(f"{name}_relu_expand1x1")
    b.at(start).conv(f"{name}_expand3x3", 4 * squeeze, 3, bias=True)
    large = b.activation(f"{name}_relu_expand3x3")
    b.concat(f"{name}_concat", (small, large))
