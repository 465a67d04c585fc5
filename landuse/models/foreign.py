"""Backbones from files of other programs: `.keras`, `.onnx` and SavedModels, translated into our own description.

The foreign graph itself is never stored nor shipped: what a model file holds afterwards is plain data, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landuse.errors import ModelFileError, UsageError
from landuse.models.arrays import Weights
from landuse.models.backbones import Backbone
from landuse.models.network import Network, parse_network
from landuse.models.preprocess import Preprocess

SUFFIXES = (".keras", ".onnx")
SAVED_MODEL = "saved_model.pb"
"""The file by which a folder is known as a TensorFlow SavedModel."""
NodeData = dict[str, Any]
"""A node as JSON data, before it is checked."""


@dataclass(frozen=True)
class Declared:
    """What a foreign file does not say of itself.

    Attributes:
        preprocess: what happens to a uint8 image before the network.
        px: pixels of an image's side; None takes the size that the file states.
        features: name of the layer whose output is the feature vector; None takes the last global pooling, or the
            output where there is none. A feature map is pooled.
    """

    preprocess: Preprocess
    px: int | None = None
    features: str | None = None


def is_foreign(name: str) -> bool:
    """Whether a name is that of a file, or of a SavedModel's folder, which `read_foreign` reads."""
    return Path(name).suffix in SUFFIXES or (Path(name) / SAVED_MODEL).is_file()


def read_foreign(path: Path, declared: Declared) -> tuple[Backbone, Weights]:
    """A backbone and its weights from a file of unknown origin. Nothing in the file is run.

    Args:
        path: a `.keras` file (Functional or Sequential), a `.onnx` file, or the folder of a SavedModel.
        declared: its preprocessing, and what else it does not say.

    Raises:
        UsageError: a file of another kind, or a declaration that does not fit it.
        ModelFileError: the file is damaged, or has a layer that our networks have not; it names the layer.
    """
    if path.suffix == ".keras":
        from landuse.models.keras_file import read_keras_file

        network, weights, px = read_keras_file(path, declared)
    elif path.suffix == ".onnx":
        from landuse.models.onnx_file import read_onnx_file

        network, weights, px = read_onnx_file(path, declared)
    elif (path / SAVED_MODEL).is_file():
        from landuse.models.saved_model import read_saved_model

        network, weights, px = read_saved_model(path, declared)
    else:
        raise UsageError(
            f"{path} is neither of {' and '.join(SUFFIXES)} nor the folder of a SavedModel: export the network as one of them."
        )
    if not declared.preprocess.fits(network.channels):
        raise UsageError(f"The preprocessing declared for {path} does not have the {network.channels} bands it takes.")
    return Backbone(path.stem[:80] or "network", network, declared.preprocess, px), weights


UNSUPPORTED = "unsupported"
"""The op of a node that stands for something our networks have not; `what` says what it is."""


def network_to(nodes: Mapping[str, NodeData], output: str, channels: int, px: int, path: Path) -> Network:
    """The network that leads to a node, with what leads elsewhere left out; a feature map at its end is pooled.

    Raises:
        ModelFileError: for nodes that make no sound network, or stand for something that is not supported.
    """
    kept = _ancestors(nodes, output)
    for node in (nodes[name] for name in nodes if name in kept):
        if node["op"] == UNSUPPORTED:
            raise ModelFileError(
                f"{path} cannot be used as a backbone: {node['what']} is not supported; export the network without it, or "
                "name an earlier layer as its features."
            )
    data: dict[str, Any] = {
        "channels": channels,
        "output": output,
        "nodes": [nodes[name] for name in nodes if name in kept],
    }
    try:
        flat = len(Network.model_validate(data).shapes(px)[output]) == 1
    except ValueError:
        return parse_network(data, px)  # which says what is wrong
    if not flat:
        pool = {"op": "global_average_pool", "name": "pooled_features", "inputs": [output]}
        data |= {"output": "pooled_features", "nodes": [*data["nodes"], pool]}
    return parse_network(data, px)


def choose_output(nodes: Mapping[str, NodeData], last: str, features: str | None, path: Path) -> str:
    """The node whose output is the feature vector."""
    if features is not None:
        if features not in nodes:
            raise UsageError(f"{path} has no layer {features!r} that could make the features.")
        return features
    ancestors = _ancestors(nodes, last)
    pools = [name for name, node in nodes.items() if node["op"] == "global_average_pool" and name in ancestors]
    return pools[-1] if pools else last


def choose_px(stated: Iterable[int | None], declared: Declared, path: Path) -> int:
    """Pixels of an image's side: as declared, else as the file states."""
    sides = set(stated)
    fixed = next(iter(sides)) if len(sides) == 1 else None
    if declared.px is not None and (fixed is None or declared.px == fixed or sides == {None}):
        return declared.px
    if declared.px is None and fixed is not None:
        return fixed
    raise UsageError(
        f"{path} takes images of {' x '.join(str(s or 'any') for s in stated)} pixels: declare a size that it takes."
    )


def _ancestors(nodes: Mapping[str, NodeData], output: str) -> set[str]:
    """A node and all that it is computed from."""
    found: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found.add(name)
            waiting.extend(nodes[name]["inputs"])
    return found
