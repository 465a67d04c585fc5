"""A graph that OpenVINO has read from a file of another program, written down as one of our networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landuse.errors import ModelFileError
from landuse.models.arrays import Weights
from landuse.models.foreign import Declared, choose_output, choose_px, network_to
from landuse.models.foreign_operations import translate
from landuse.models.network import Network
from landuse.models.openvino_library import ov, passes
from landuse.models.translation import Translation


def read_graph(
    model: ov.Model, declared: Declared, path: Path, *, channels_last: bool = False
) -> tuple[Network, Weights, int]:
    """Network, weights and pixels of an image's side of a graph of one image.

    Args:
        model: the graph; it is changed.
        declared: preprocessing, size and layer, as far as they are declared.
        path: its file, for errors.
        channels_last: whether it takes images (n, H, W, C), as TensorFlow does, and not (n, C, H, W).

    Raises:
        ModelFileError: it takes something else, or has an operation that is not supported.
        UsageError: the declared size or layer is not one of the graph.
    """
    channels, px = _input_size(model, declared, path, channels_last)
    try:
        model.reshape([1, px, px, channels] if channels_last else [1, channels, px, px])
        _fold(model)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} cannot be used for images of {px} x {px} pixels: declare another size."
        ) from error
    translation = Translation(channels_last=channels_last)
    for op in model.get_ordered_ops():
        translate(op, translation)
    features = declared.features and translation.named.get(declared.features, declared.features)
    output = choose_output(translation.nodes, translation.last, features, path)
    network = network_to(translation.nodes, output, channels, px, path)
    shapes = network.weight_shapes(px)
    weights = {name: translation.weights[name] for name in shapes}
    for name, shape in shapes.items():
        if weights[name].shape != shape or not np.isfinite(weights[name]).all():
            raise ModelFileError(f"{path} cannot be used as a backbone: the weights {name} are not sound.")
    return network, weights, px


def _input_size(model: ov.Model, declared: Declared, path: Path, channels_last: bool) -> tuple[int, int]:
    """Bands, and pixels of an image's side."""
    inputs = [value.partial_shape for value in model.inputs]
    if len(inputs) != 1 or inputs[0].rank.is_dynamic or len(inputs[0]) != 4:
        layout = "(n, H, W, C)" if channels_last else "(n, C, H, W)"
        raise ModelFileError(f"{path} cannot be used as a backbone: it does not take one batch of images {layout}.")
    sides = [None if side.is_dynamic else side.get_length() for side in inputs[0]]
    channels, stated = (sides[3], sides[1:3]) if channels_last else (sides[1], sides[2:])
    return channels or 3, choose_px(stated, declared, path)


def _fold(model: ov.Model) -> None:
    """Compute what depends on constants alone."""
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
