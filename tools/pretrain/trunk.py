"""The trunk of EfficientNet-Lite0 as published, as variables of our network: batch norms folded into the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from landuse.models.libraries import Floats, Weights

EPSILON = 1e-3
STEPS = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)
"""Ours, theirs, and its batch norm. The first block has nothing to expand, so its norms count from the depthwise one on."""


def read_trunk(path: Path) -> Weights:
    """Variables by the names of `landuse.models.keras_networks.efficientnet_lite0`, float32.

    Args:
        path: safetensors with PyTorch's names (`_blocks.N._expand_conv.weight`, OIHW), as efficientnet_lite_pytorch has them.
    """
    arrays = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    found = _folded(arrays, "stem", ("_conv_stem", "_bn0"))
    for number in range(1 + max(int(name.split(".")[1]) for name in arrays if name.startswith("_blocks."))):
        block = f"_blocks.{number}."
        for ours, theirs, norm in STEPS:
            if f"{block}{theirs}.weight" in arrays:
                found |= _folded(arrays, f"block{number}_{ours}", (block + theirs, block + norm))
    return found


def _folded(arrays: Mapping[str, Floats], name: str, theirs: tuple[str, str]) -> Weights:
    """Kernel and bias of a convolution and the norm behind it."""
    convolution, norm = theirs
    scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + EPSILON)
    kernel = (arrays[f"{convolution}.weight"] * scale[:, None, None, None]).transpose(2, 3, 1, 0)
    deep = name.endswith("depthwise")
    ready = kernel.transpose(0, 1, 3, 2) if deep else kernel
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
    return {f"{name}/kernel": np.ascontiguousarray(ready), f"{name}/bias": bias}
