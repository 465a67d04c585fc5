"""Weights in Keras' layouts: HDF5 of `save_weights` and `save` of Keras 2 (.h5) and of Keras 3 (.weights.h5).

Files may have been made to do harm: nothing outside the file is read, nothing larger than expected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import h5py
import numpy as np

from landuse.errors import ModelFileError
from landuse.models.architectures import Architecture
from landuse.models.arrays import Floats, Shape, Weights

MAX_CHILDREN = 20_000
MAX_TEXT = 1_000
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
MAX_NESTING = 4
PREPARING = ("normalization", "rescaling")
"""Names of layers that prepare images; our networks leave that to `Preprocess`."""


class SafeHdf5:
    """An HDF5 file of floats. As a context manager it closes the file. All trouble is a `ModelFileError`.

    Only hard links are followed, so that no group or dataset of another file is read in place of the one asked for.

    Args:
        source: the file, or its bytes as a stream.
        name: what messages call it.
    """

    def __init__(self, source: Path | BinaryIO, name: str) -> None:
        self.name = name
        try:
            self._file = h5py.File(source, "r")
        except FileNotFoundError as error:
            raise ModelFileError(f"There is no weights file {name}: check the name.") from error
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFileError(f"{name} is not an HDF5 file, or was cut short: get it again.") from error

    def __enter__(self) -> SafeHdf5:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def children(self, path: str) -> list[str]:
        """Names of what a group holds; empty where there is no such group."""
        with self._sound():
            group = self._at(path)
            names = list(group) if isinstance(group, h5py.Group) and len(group) <= MAX_CHILDREN else []
        return [str(name) for name in names]

    def texts(self, path: str, attribute: str) -> list[str]:
        """The strings of an attribute, one or many; empty where there is none.

        Keras deals a long list out to attributes with a number after the name.
        """
        with self._sound():
            group = self._at(path)
            if group is None:
                return []
            if attribute in group.attrs:
                return self._attribute(group, attribute)
            found: list[str] = []
            part = 0
            while f"{attribute}{part}" in group.attrs:
                found += self._attribute(group, f"{attribute}{part}")
                part += 1
            return found

    def shape(self, path: str) -> Shape:
        """Shape of a dataset."""
        with self._sound():
            return tuple(int(side) for side in self._dataset(path).shape)

    def read(self, path: str) -> Floats:
        """A dataset as float32; look at its `shape` first. Its values must be finite numbers."""
        with self._sound():
            array = np.asarray(self._dataset(path)[()], np.float32)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{self.name}: {path} holds values that are not finite numbers.")
        return array

    def _attribute(self, group: h5py.Group | h5py.Dataset, name: str) -> list[str]:
        """The strings of an attribute, refused before room is made for them where it claims to be absurdly large."""
        identity = group.attrs.get_id(name)
        if math.prod(identity.shape) > MAX_CHILDREN or identity.dtype.itemsize > MAX_TEXT:
            raise ModelFileError(f"{self.name} is damaged: get the file again.")
        return _strings(group.attrs[name])

    def _dataset(self, path: str) -> h5py.Dataset:
        found = self._at(path)
        if not isinstance(found, h5py.Dataset) or found.dtype.kind != "f":
            raise ModelFileError(f"{self.name}: {path[:200]} is not an array of floats.")
        if found.external or found.is_virtual:
            raise ModelFileError(f"{self.name}: {path[:200]} lies in another file, which is not read: make one file.")
        return found

    def _at(self, path: str) -> h5py.Group | h5py.Dataset | None:
        """What lies at a path of hard links; None where there is nothing."""
        found: h5py.Group | h5py.Dataset = self._file
        for part in path.split("/"):
            if part in ("", "."):
                continue
            link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise ModelFileError(f"{self.name}: {path[:200]} is a link elsewhere, which is not followed.")
            found = found[part]
        return found

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Whatever the library says of a damaged file becomes one sentence."""
        try:
            yield
        except ModelFileError:
            raise
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise ModelFileError(f"{self.name} is damaged: get the file again.") from error


def _strings(value: object) -> list[str]:
    """Strings of an attribute, which HDF5 gives as bytes or text, one or many."""
    items = np.atleast_1d(np.asarray(value)).ravel()
    return [item.decode("utf8", "replace") if isinstance(item, bytes) else str(item) for item in items]


@dataclass(frozen=True)
class WeightLayer:
    """A layer of a network with weights.

    Attributes:
        name: its name.
        kind: its class as Keras writes it in files, such as "conv2d".
        shapes: shape of each weight by its name, in Keras' order.
    """

    name: str
    kind: str
    shapes: Mapping[str, Shape]


@dataclass(frozen=True)
class StoredLayer:
    """A layer with weights in a file.

    Attributes:
        name: its name, as our networks would have it.
        kind: its class, such as "conv2d"; empty where the layout does not say.
        number: its place among those of its class.
        arrays: paths of its datasets in the file, in Keras' order.
    """

    name: str
    kind: str
    number: int
    arrays: tuple[str, ...]


def load_keras_weights(path: Path, architecture: Architecture) -> Weights:
    """The weights of a network from a file that Keras wrote. Nothing in the file is run, nor are other files read.

    Layers are found by name where the file has all names of the network; by Keras' order of layers otherwise. A
    classifier at the end of the file is left out.

    Args:
        path: an HDF5 file (.h5, .weights.h5).
        architecture: the network that the weights are for.

    Returns:
        float32 arrays, as `keras_networks.variables` names them.

    Raises:
        ModelFileError: the file is missing, damaged, or holds other layers than the network.
    """
    with SafeHdf5(path, str(path)) as file:
        stored = [layer for layer in _stored_layers(file) if not layer.name.startswith(PREPARING)]
        if not stored:
            raise ModelFileError(f"{path} holds no weights in Keras' layout: write them with save_weights of Keras.")
        wanted = weight_layers(architecture)
        weights: Weights = {}
        for layer, found in zip(wanted, _match(wanted, stored, str(path)), strict=True):
            arrays = _check_shapes(file, layer, found)
            weights |= {key: file.read(array) for key, array in zip(layer.shapes, arrays, strict=True)}
    return weights


def weight_layers(architecture: Architecture) -> list[WeightLayer]:
    """The layers of a network that have weights, in Keras' order. Imports TensorFlow."""
    from landuse.models.keras_networks import build, keras_kind, named_layers, variable_name

    found = []
    for name, layer in named_layers(build(architecture, architecture.px)):
        ordered = [*layer.trainable_weights, *layer.non_trainable_weights]
        shapes = {f"{name}/{variable_name(v)}": tuple(map(int, v.shape)) for v in ordered}
        if shapes:
            found.append(WeightLayer(plain_name(name), keras_kind(layer), shapes))
    return found


def plain_name(name: str) -> str:
    """A layer's name with only such signs as the names of our nodes have."""
    return re.sub(r"[^A-Za-z0-9_.\-]", "_", name)[:80]


def _stored_layers(file: SafeHdf5) -> list[StoredLayer]:
    """Layers with weights: in order, where the layout keeps one."""
    for root in ("", "model_weights"):
        names = file.texts(root, "layer_names")
        if names:
            return [layer for name in names if (layer := _old_layer(file, root, name)).arrays]
    found: list[StoredLayer] = []
    _collect(file, "", found, MAX_NESTING)
    return found


def _old_layer(file: SafeHdf5, root: str, name: str) -> StoredLayer:
    """A layer of Keras 2's layout, whose weights are listed in an attribute."""
    group = f"{root}/{name}"
    arrays = tuple(f"{group}/{weight}" for weight in file.texts(group, "weight_names"))
    return StoredLayer(plain_name(name), "", 0, arrays)


def _collect(file: SafeHdf5, path: str, found: list[StoredLayer], nesting: int) -> None:
    """Layers of Keras 3's layout, those of models within models too."""
    for container in CONTAINERS:
        for child in file.children(f"{path}/{container}"):
            group = f"{path}/{container}/{child}"
            arrays = sorted((a for a in file.children(f"{group}/vars") if a.isdecimal()), key=int)
            kind, number = _class_and_number(child)
            names = file.texts(f"{group}/vars", "name") or file.texts(group, "name") or [child]
            if arrays:
                paths = tuple(f"{group}/vars/{array}" for array in arrays)
                found.append(StoredLayer(plain_name(names[0]), kind, number, paths))
            if nesting:
                _collect(file, group, found, nesting - 1)


def _class_and_number(group: str) -> tuple[str, int]:
    """("conv2d", 3) of "conv2d_3"; the first of a class has no number."""
    match = re.fullmatch(r"(.*?)(?:_(\d{1,6}))?", group)
    return (match[1], int(match[2] or 0)) if match else (group, 0)


def _match(wanted: list[WeightLayer], stored: list[StoredLayer], name: str) -> list[StoredLayer]:
    """The stored layer of each layer wanted."""
    by_name = {layer.name: layer for layer in reversed(stored)}
    if all(layer.name in by_name for layer in wanted):
        return [by_name[layer.name] for layer in wanted]
    found = _by_class(wanted, stored) if any(layer.kind for layer in stored) else stored[: len(wanted)]
    if len(found) < len(wanted):
        missing = next((layer.name for layer in wanted if layer.name not in by_name), wanted[-1].name)
        raise ModelFileError(
            f"{name} does not fit the network: it holds {len(stored)} layers with weights, the network has {len(wanted)}"
            f", among them {missing}; give weights of the same network."
        )
    return found


def _by_class(wanted: list[WeightLayer], stored: list[StoredLayer]) -> list[StoredLayer]:
    """Layers of each class in turn, the n-th for the n-th; fewer than wanted where a class runs out."""
    queues: dict[str, list[StoredLayer]] = {}
    for layer in sorted(stored, key=lambda layer: layer.number, reverse=True):
        queues.setdefault(layer.kind, []).append(layer)
    return [queues[layer.kind].pop() for layer in wanted if queues.get(layer.kind)]


def _check_shapes(file: SafeHdf5, layer: WeightLayer, found: StoredLayer) -> tuple[str, ...]:
    """The arrays of a stored layer; refused, before any of them is read, where they are not those of the layer."""
    arrays = found.arrays[:8]
    shapes = [file.shape(path) for path in arrays]
    if shapes != list(layer.shapes.values()):
        raise ModelFileError(
            f"{file.name} does not fit the network: its layer {found.name} has weights {_text(shapes)}, and layer "
            f"{layer.name} of the network takes {_text(list(layer.shapes.values()))}; give weights of the same network."
        )
    return arrays


def _text(shapes: list[Shape]) -> str:
    return ", ".join(" x ".join(map(str, shape)) or "one number" for shape in shapes) or "none"
