"""Readers of other programs' network files, which may have been made to do harm: what is read, and nothing else.

OpenVINO reads ONNX files and SavedModels, Keras reads `.keras` files. Before either sees a file it is checked here that it
names no other file, holds no code and is of a sensible size.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from landuse.errors import ModelFileError, UsageError
from landuse.models.arrays import Graph
from landuse.models.safe_files import SafeZip

MAX_BYTES = 1_664_000_000
MAX_CONFIG = 16_000_000
MAX_LINKS = 50_000
MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
Message = Any
"""A message of protobuf, such as onnx.ModelProto; its classes are made when they are imported."""
SAVED_MODEL = "saved_model.pb"
"""The file by which a folder is known as a TensorFlow SavedModel."""
MISSING = re.compile(r"(?:no translator found for operation\(s\)|Conversion is failed for): ([\w, -]+)")
"""What OpenVINO says of operations that it does not know."""
_KERAS_CLASSES = """
    Functional Sequential Model InputLayer __keras_tensor__ DTypePolicy Conv1D Conv2D DepthwiseConv2D SeparableConv2D
    Conv2DTranspose Dense EinsumDense MaxPooling2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D
    GlobalAveragePooling1D ZeroPadding2D Cropping2D UpSampling2D BatchNormalization LayerNormalization
    GroupNormalization UnitNormalization SpectralNormalization RMSNormalization Normalization Rescaling Resizing
    Activation ReLU LeakyReLU PReLU ELU Softmax Add Subtract Multiply Average Maximum Minimum Concatenate Dot Dropout
    SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout Flatten Reshape Permute RepeatVector Identity Embedding
    Attention AdditiveAttention MultiHeadAttention GroupedQueryAttention GlorotUniform GlorotNormal HeNormal HeUniform
    LecunNormal LecunUniform Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal
    L1 L2 L1L2 RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness CenterCrop
"""
KERAS_CLASSES = frozenset(_KERAS_CLASSES.split())
"""What a `.keras` file may be made of: layers that compute, and their beginnings. None runs or reads what a file names.

Layers that vary an image while a network learns let it pass otherwise.
"""


def read_onnx(path: Path) -> Graph:
    """The graph of an ONNX file; weights that it keeps beside it are read where they lie in its own folder.

    Raises:
        ModelFileError: the file is damaged, too large, names files elsewhere, or has an operation that OpenVINO has not.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise ModelFileError(f"There is no model file {path}: check the name.")
    _check_size(path, path.stat().st_size)
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except DecodeError as error:
        raise ModelFileError(f"{path} is not an ONNX file that can be read: export it again.") from error
    for tensor in _outside(model):
        _take_in(tensor, path)
    return _read(model.SerializeToString(), path)


def _outside(model: Message) -> Iterator[Message]:
    """The tensors of an ONNX model whose values lie in other files, wherever they stand."""
    waiting = [model]
    while waiting:
        message = waiting.pop()
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            for item in value if hasattr(value, "__len__") and not hasattr(value, "ListFields") else [value]:
                if field.message_type.name == "TensorProto" and (item.external_data or item.data_location):
                    yield item
                waiting.append(item)


def _take_in(tensor: Message, path: Path) -> None:
    """Put the values of a tensor in, from a file that lies in the folder of the model and is not a link out of it."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    name = told.get("location", "")
    file = path.parent / name
    if not name or Path(name).name != name or file.is_symlink() or not file.is_file():
        raise ModelFileError(
            f"{path} keeps weights in {name[:100]!r}, which is not a file in its own folder: put it there, or save it as one "
            "file."
        )
    _check_size(path, file.stat().st_size)
    try:
        first, length = int(told.get("offset", 0)), int(told.get("length", -1))
        with file.open("rb") as stream:
            stream.seek(first)
            tensor.raw_data = stream.read(length)
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{path} does not say rightly where its weights lie: export it again.") from error
    del tensor.external_data[:]
    tensor.data_location = 0


def read_saved_model(path: Path) -> Graph:
    """The graph of a SavedModel; TensorFlow is not imported, and nothing in the folder is run.

    Raises:
        ModelFileError: the folder is damaged, too large, holds links, or has an operation that OpenVINO has not.
    """
    files = [entry for entry in path.rglob("*") if not entry.is_dir() or entry.is_symlink()]
    if any(entry.is_symlink() or not entry.is_file() for entry in files):
        raise ModelFileError(f"{path} holds links, which are not followed: copy the files themselves.")
    _check_size(path, sum(entry.stat().st_size for entry in files))
    return _read(path, path)


def _read(source: bytes | Path, path: Path) -> Graph:
    from landuse.models.openvino import ov

    try:
        graph = ov.Core().read_model(source, b"") if isinstance(source, bytes) else ov.Core().read_model(source)
    except RuntimeError as error:
        unknown = MISSING.search(str(error))
        if unknown:
            name = unknown[1].split(",")[0].strip()
            raise ModelFileError(
                f"{path} cannot be used as a backbone: the operation {name} is not supported; export the network without it."
            ) from error
        raise ModelFileError(f"{path} is not a network that can be read: export it again.") from error
    return folded(graph)


def folded(graph: Graph) -> Graph:
    """The graph itself, what it computes of constants alone made a constant."""
    from openvino import passes

    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(graph)
    return graph


def read_keras(path: Path, layer: str | None, px: int | None) -> Graph:
    """The graph of a `.keras` file up to a layer, or whole. Imports TensorFlow.

    Raises:
        ModelFileError: the file is damaged, too large, or made of more than layers that compute.
        UsageError: there is no such layer, or no size of images is stated or declared.
    """
    with SafeZip(path, MEMBERS) as archive:
        config = archive.read("config.json", MAX_CONFIG)
        weights = archive.read("model.weights.h5", MAX_BYTES)
    _check_classes(config, path)
    _check_weights(weights, path)
    from landuse.models.conversion import graph_of
    from landuse.models.keras_library import keras

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
    return graph_of(model, chosen_px(shape[1:3], px, path), int(shape[3]))


def chosen_px(stated: tuple[int | None, ...], declared: int | None, path: Path) -> int:
    """Pixels of an image's side: as declared, else as the file states. Raises `UsageError` where that is no size."""
    sides = set(stated)
    fixed = next(iter(sides)) if len(sides) == 1 else None
    if declared is not None and (fixed is None or declared == fixed) and sides <= {None, declared}:
        return declared
    if declared is None and fixed is not None:
        return fixed
    raise UsageError(
        f"{path} takes images of {' x '.join(str(s or 'any') for s in stated)} pixels: declare a size that it takes."
    )


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
                    f"{path} cannot be used as a backbone: {str(name)[:60]!r} is not supported; save the network without it, "
                    "or name an earlier layer as its features."
                )
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _check_weights(data: bytes, path: Path) -> None:
    """Raise unless the arrays of an HDF5 file lie in it and are no more than it can hold."""
    links: dict[str, object] = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            file.visititems_links(lambda name, link: links.__setitem__(name, link) if len(links) < MAX_LINKS else True)
            elsewhere = [name for name, link in links.items() if not isinstance(link, h5py.HardLink)]
            if elsewhere or len(links) == MAX_LINKS:
                raise ModelFileError(
                    f"{path}: {(elsewhere or [''])[0][:200]} is a link elsewhere, which is not followed."
                )
            arrays = [file[name] for name in links if isinstance(file[name], h5py.Dataset)]
            outside = any(array.external or array.is_virtual for array in arrays)
            if outside or sum(array.nbytes for array in arrays) > MAX_BYTES:
                raise ModelFileError(f"{path} keeps weights in another file, or they are too large: save it again.")
    except ModelFileError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelFileError(f"model.weights.h5 in {path} is damaged: get the file again.") from error


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than a backbone can be.")
