"""Backbones from ONNX files: OpenVINO reads the graph, and what it finds is written down as one of our networks."""

from __future__ import annotations

import re
from pathlib import Path

from landuse.errors import ModelFileError
from landuse.models.arrays import Weights
from landuse.models.foreign import Declared
from landuse.models.foreign_graph import read_graph
from landuse.models.network import MAX_PARAMETERS, Network
from landuse.models.openvino_library import ov

MAX_BYTES = 4 * MAX_PARAMETERS + 64_000_000
EXTERNAL = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")
"""An entry of a tensor's `external_data`, in any encoding of its lengths: its values lie in another file."""


def read_onnx_file(path: Path, declared: Declared) -> tuple[Network, Weights, int]:
    """Network, weights and pixels of an image's side from an ONNX file of one image (n, C, H, W).

    Raises:
        ModelFileError: the file is damaged, keeps its weights elsewhere, or has an operation that is not supported.
        UsageError: the declared size or layer is not one of the file.
    """
    return read_graph(_read(path), declared, path)


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
