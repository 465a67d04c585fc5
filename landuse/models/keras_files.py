"""Files of Keras: weights in HDF5 of Keras 2 (.h5) and of Keras 3 (.weights.h5), and whole networks (.keras).

Files may have been made to do harm: nothing outside a file is read, nothing larger than expected, and no code.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import Architecture
from landuse.models.keras_networks import build, keras_kind, named_layers, variable_name
from landuse.models.libraries import Floats, KerasModel, Shape, Weights, keras
from landuse.models.safe_files import MAX_HDF5, SafeZip, sound_hdf5

if TYPE_CHECKING:
    import h5py

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
MAX_NESTING = 4
PREPARING = ("normalization", "rescaling")
"""Names of layers that prepare images; our networks leave that to `Preprocess`."""
KERAS = ".keras"
MAX_CONFIG = 16_000_000
MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
_KERAS_CLASSES = """
    Functional Sequential Model InputLayer __keras_tensor__ DTypePolicy Conv1D Conv2D DepthwiseConv2D SeparableConv2D
    Conv2DTranspose Dense EinsumDense MaxPooling2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D
    GlobalAveragePooling1D ZeroPadding2D Cropping2D UpSampling2D BatchNormalization LayerNormalization
    GroupNormalization UnitNormalization SpectralNormalization RMSNormalization Normalization Rescaling Resizing
    Activation ReLU LeakyReLU PReLU ELU Softmax Add Subtract Multiply Average Maximum Minimum Concatenate Dot Dropout
    SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout Flatten Reshape Permute RepeatVector Identity Embedding
    Attention AdditiveAttention MultiHeadAttention GroupedQueryAttention GlorotUniform GlorotNormal HeNormal HeUniform
    LecunNormal LecunUniform Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal
    L1 L2 L1L2 MaxNorm MinMaxNorm NonNeg UnitNorm RNN LSTM LSTMCell GRU GRUCell SimpleRNN SimpleRNNCell
    StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D ConvLSTM2D Masking Conv1DTranspose DepthwiseConv1D
    SeparableConv1D Conv3D MaxPooling1D AveragePooling1D MaxPooling3D AveragePooling3D GlobalMaxPooling1D
    GlobalAveragePooling3D GlobalMaxPooling3D ZeroPadding1D Cropping1D UpSampling1D SpatialDropout1D
    ActivityRegularization RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness
    CenterCrop
"""
KERAS_CLASSES = frozenset(_KERAS_CLASSES.split())
"""What a `.keras` file may be made of: layers that compute, and their beginnings. None runs or reads what a file names.

Layers that vary an image while a network learns let it pass otherwise.
"""


@dataclass(frozen=True)
class WeightLayer:
    """A layer of a network with weights.

    Attributes:
        shapes: shape of each weight by its name, in Keras' order.
    """

    name: str
    kind: str
    shapes: Mapping[str, Shape]


@dataclass(frozen=True)
class StoredLayer:
    """A layer with weights in a file.

    Attributes:
        kind: its class, such as "conv2d"; empty where the layout does not say.
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

    Returns:
        float32 arrays, as `keras_networks.variables` names them.

    Raises `ModelFileError`: the file is missing, damaged, or holds other layers than the network.
    """
    if not path.exists():
        raise ModelFileError(f"There is no weights file {path}: check the name.")
    with sound_hdf5(path, str(path)) as file:
        stored = [layer for layer in _stored_layers(file) if not layer.name.startswith(PREPARING)]
        if not stored:
            raise ModelFileError(f"{path} holds no weights in Keras' layout: write them with save_weights of Keras.")
        wanted = weight_layers(architecture)
        weights: Weights = {}
        for layer, found in zip(wanted, _match(wanted, stored, str(path)), strict=True):
            arrays = _arrays_of(file, layer, found, str(path))
            weights |= dict(zip(layer.shapes, arrays, strict=True))
    return weights


def weight_layers(architecture: Architecture) -> list[WeightLayer]:
    """The layers of a network that have weights, in Keras' order. Imports TensorFlow."""
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


def _stored_layers(file: h5py.File) -> list[StoredLayer]:
    """Layers with weights: in order, where the layout keeps one."""
    for root in ("/", "model_weights"):
        names = _texts(file[root], "layer_names") if root in file else []
        if names:
            return [layer for name in names if (layer := _old_layer(file[root], name)).arrays]
    found: list[StoredLayer] = []
    _collect(file, found, MAX_NESTING)
    return found


def _old_layer(root: h5py.Group, name: str) -> StoredLayer:
    """A layer of Keras 2's layout, whose weights are listed in an attribute."""
    arrays = tuple(f"{root.name}/{name}/{weight}" for weight in _texts(root[name], "weight_names"))
    return StoredLayer(plain_name(name), "", 0, arrays)


def _collect(group: h5py.Group, found: list[StoredLayer], nesting: int) -> None:
    """Layers of Keras 3's layout, those of models within models too."""
    for name, layer in ((n, child) for c in CONTAINERS if c in group for n, child in group[c].items()):
        held = layer.get("vars", {})
        arrays = sorted((array for array in held if array.isdecimal()), key=int)
        if arrays:
            kind, number = _class_and_number(name)
            own = _texts(held, "name") or _texts(layer, "name") or [name]
            paths = tuple(f"{held.name}/{array}" for array in arrays)
            found.append(StoredLayer(plain_name(own[0]), kind, number, paths))
        if nesting:
            _collect(layer, found, nesting - 1)


def _texts(group: h5py.Group, attribute: str) -> list[str]:
    """The strings of an attribute, one or many; empty where there is none.

    Keras deals a long list out to attributes with a number after the name.
    """
    dealt = (f"{attribute}{part}" for part in itertools.count())
    names = [attribute] if attribute in group.attrs else itertools.takewhile(group.attrs.__contains__, dealt)
    items = [item for name in names for item in np.atleast_1d(np.asarray(group.attrs[name])).ravel()]
    return [item.decode("utf8", "replace") if isinstance(item, bytes) else str(item) for item in items]


def _class_and_number(group: str) -> tuple[str, int]:
    """("conv2d", 3) of "conv2d_3"; the first of a class has no number."""
    match = re.fullmatch(r"(.*?)(?:_(\d{1,6}))?", group)
    return (match[1], int(match[2] or 0)) if match else (group, 0)


def _match(wanted: list[WeightLayer], stored: list[StoredLayer], name: str) -> list[StoredLayer]:
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


def _arrays_of(file: h5py.File, layer: WeightLayer, found: StoredLayer, name: str) -> list[Floats]:
    """The arrays of a stored layer, float32; refused, before any of them is read, where they are not those of the layer."""
    stored = [file[path] for path in found.arrays[:8]]
    shapes = [tuple(map(int, array.shape)) for array in stored]
    if shapes != list(layer.shapes.values()):
        raise ModelFileError(
            f"{name} does not fit the network: its layer {found.name} has weights {_text(shapes)}, and layer "
            f"{layer.name} of the network takes {_text(list(layer.shapes.values()))}; give weights of the same network."
        )
    if any(array.dtype.kind != "f" for array in stored):
        raise ModelFileError(f"{name}: layer {found.name} holds something that is not an array of floats.")
    arrays = [np.asarray(array[()], np.float32) for array in stored]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelFileError(f"{name}: layer {found.name} holds values that are not finite numbers.")
    return arrays


def _text(shapes: list[Shape]) -> str:
    return ", ".join(" x ".join(map(str, shape)) or "one number" for shape in shapes) or "none"


def check_keras_file(name: str | Path) -> Path:
    """The path of a `.keras` file, after a look at its description and at where its weights lie. TensorFlow is not imported.

    Raises:
        ModelFileError: there is none, or it is damaged, too large, or made of more than Keras' own layers that compute.
    """
    path = Path(name)
    if path.suffix != KERAS or not path.is_file():
        raise ModelFileError(f"There is no model file {str(name)!r}: give a {KERAS} file.")
    with SafeZip(path, MEMBERS) as archive:
        config = archive.read("config.json", MAX_CONFIG)
        weights = archive.read("model.weights.h5", MAX_HDF5)
    _check_classes(config, path)
    with sound_hdf5(io.BytesIO(weights), f"model.weights.h5 in {path}"):
        pass
    return path


def read_keras(path: Path, layer: str | None) -> KerasModel:
    """The network of one image in a `.keras` file, up to a layer or whole. Imports TensorFlow.

    Raises:
        ModelFileError: as `check_keras_file`.
        UsageError: there is no such layer.
    """
    check_keras_file(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        if layer is not None:
            model = keras.Model(model.inputs, model.get_layer(layer).output)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RuntimeError) as error:
        if layer is not None and "No such layer" in str(error):
            raise UsageError(f"{path} has no layer {layer!r} that could make the features.") from error
        raise ModelFileError(f"{path} is not a Functional or Sequential Keras model that can be read.") from error
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] is None:
        raise ModelFileError(f"{path} does not take one image (n, height, width, bands).")
    return model


def _check_classes(config: bytes, path: Path) -> None:
    """Raise unless all objects that a description names are layers that compute.

    How the network was compiled is passed over: Keras does not read it here (`compile=False`).
    """
    try:
        described = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} does not describe a Keras model: save it again.") from error
    waiting = [{**described, "compile_config": None} if isinstance(described, dict) else described]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            name, module = item.get("class_name"), item.get("module")
            own = module is None or re.fullmatch(r"keras(\.(src\.)?[a-z_.]+)?", str(module)) is not None
            if name is not None and not (
                name in KERAS_CLASSES and own and item.get("registered_name") in (None, name, "Functional")
            ):
                raise ModelFileError(
                    f"{path} cannot be used: {str(name)[:60]!r} is not supported, only Keras' own layers that compute "
                    "are; save the network without it, or name an earlier layer as its features."
                )
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
