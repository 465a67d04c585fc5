"""Backbones from TensorFlow SavedModels: OpenVINO reads the folder, TensorFlow is not imported, and nothing in it is run."""

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
MISSING = re.compile(r"no translator found for operation\(s\): ([\w, ]+)")
"""What OpenVINO says of operations that it does not know."""


def read_saved_model(path: Path, declared: Declared) -> tuple[Network, Weights, int]:
    """Network, weights and pixels of an image's side from a SavedModel whose signature takes one image (n, H, W, C).

    Raises:
        ModelFileError: the folder is damaged, or has an operation that is not supported.
        UsageError: the declared size or layer is not one of the folder.
    """
    _check_files(path)
    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        unknown = MISSING.search(str(error))
        if unknown:
            name = unknown[1].split(",")[0].strip()
            raise ModelFileError(
                f"{path} cannot be used as a backbone: the operation {name} is not supported; export the network without it."
            ) from error
        raise ModelFileError(f"{path} is not a SavedModel that can be read: export it again.") from error
    return read_graph(model, declared, path, channels_last=True)


def _check_files(path: Path) -> None:
    """Raise unless the folder's files are its own and of a sensible size."""
    files = [entry for entry in path.rglob("*") if not entry.is_dir() or entry.is_symlink()]
    if any(entry.is_symlink() or not entry.is_file() for entry in files):
        raise ModelFileError(f"{path} holds links, which are not followed: copy the files themselves.")
    if sum(entry.stat().st_size for entry in files) > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than a backbone can be.")
