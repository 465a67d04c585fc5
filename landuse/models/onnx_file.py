"""Backbones from ONNX files: OpenVINO reads the graph, and what it finds is written down as one of our networks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openvino as ov
from openvino.passes import ConstantFolding, Manager

from landuse.errors import ModelFileError
from landuse.models.arrays import Weights
from landuse.models.foreign import Declared, choose_output, choose_px, network_to
from landuse.models.network import MAX_PARAMETERS, Network
from landuse.models.onnx_graph import Translation

MAX_BYTES = 4 * MAX_PARAMETERS + 64_000_000
EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")
"""An entry of a tensor's `external_data`, in any encoding of its lengths: its values lie in another file."""


def read_onnx_file(path: Path, declared: Declared) -> tuple[Network, Weights, int]:
    """Network, weights and pixels of an image's side from an ONNX file of one image (n, C, H, W).

    Raises:
        ModelFileError: the file is damaged, keeps its weights elsewhere, or has an operation that is not supported.
        UsageError: the declared size or layer is not one of the file.
    """
    model = _read(path)
    if (
        len(model.inputs) != 1
        or model.inputs[0].partial_shape.rank.is_dynamic
        or len(model.inputs[0].partial_shape) != 4
    ):
        raise ModelFileError(f"{path} cannot be used as a backbone: it does not take one batch of images (n, C, H, W).")
    sides = [None if side.is_dynamic else side.get_length() for side in model.inputs[0].partial_shape]
    channels, px = sides[1] or 3, choose_px(sides[2:], declared, path)
    try:
        model.reshape([1, channels, px, px])
        _fold(model)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} cannot be used for images of {px} x {px} pixels: declare another size."
        ) from error
    translation = Translation()
    for op in model.get_ordered_ops():
        translation.add(op)
    features = declared.features and translation.named.get(declared.features, declared.features)
    output = choose_output(translation.nodes, translation.last, features, path)
    network = network_to(translation.nodes, output, channels, px, path)
    shapes = network.weight_shapes(px)
    weights = {name: translation.weights[name] for name in shapes}
    for name, shape in shapes.items():
        if weights[name].shape != shape or not np.isfinite(weights[name]).all():
            raise ModelFileError(f"{path} cannot be used as a backbone: the weights {name} are not sound.")
    return network, weights, px


def _fold(model: ov.Model) -> None:
    """Compute what depends on constants alone."""
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)


def _read(path: Path) -> ov.Model:
    """The graph, read from memory so that no other file can be named by it."""
    if not path.is_file():
        raise ModelFileError(f"There is no model file {path}: check the name.")
    if path.stat().st_size > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than a backbone can be.")
    data = path.read_bytes()
    if EXTERNAL.search(data):
        raise ModelFileError(f"{path} keeps weights in other files, which are not read: save it as one file.")
    try:
        return ov.Core().read_model(data, b"")
    except RuntimeError as error:
        raise ModelFileError(f"{path} is not an ONNX file that can be read: export it again.") from error
