"""A backbone in Keras: its weights, its way into a model file, and the second runtime. Using it imports TensorFlow."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import numpy as np

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import ARCHITECTURES, Architecture
from landuse.models.backbone import Backbone, backbone_of
from landuse.models.graph_file import half
from landuse.models.heads import in_graph
from landuse.models.keras_networks import arrays, assign, build, named_layers, variable_name
from landuse.models.libraries import (
    Floats,
    Graph,
    Images,
    KerasModel,
    Kind,
    Precision,
    Prediction,
    Tensor,
    Weights,
    check_batch,
    keras,
    ov,
    tf,
)

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

IMAGENET = "imagenet"
PIECE = 32
"""Images of one call, so that memory stays small whatever the batch."""


def imagenet_weights(architecture: Architecture) -> Weights:
    """The weights that Keras publishes for a network: from Keras' cache, or downloaded into it and checked by their digest.

    Raises:
        UsageError: it publishes none.
        ModelFileError: they cannot be had.
    """
    if architecture.own:
        raise UsageError(f"Keras has no ImageNet weights of {architecture.name}: give a file with --weights FILE.")
    with _Fetching(architecture.name):
        return arrays(build(architecture, architecture.px, weights=IMAGENET))


class _Fetching:
    """Weights being fetched; what Keras raises where they cannot be had becomes a `ModelFileError`.

    That is `OSError`, `ValueError` for a file that it cannot use, and the bare `Exception` that its `get_file` raises in place
    of urllib's errors. A context manager, since that last one cannot be caught by its name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        in_place = kind is Exception and error is not None and isinstance(error.__context__, OSError)
        if isinstance(error, OSError | ValueError) or in_place:
            cause = " ".join(str(error).split())[:160]
            raise ModelFileError(
                f"The ImageNet weights of {self._name} cannot be had ({cause}): fetch them where there is a network, and give "
                "the file with --weights FILE."
            ) from error


def built(backbone: Backbone, name: str) -> KerasModel:
    """The Keras model of a trained backbone, from prepared images; messages call the model `name`.

    Raises:
        UsageError: Keras does not build this network.
        ModelFileError: the weights are not those of the network.
    """
    weights = backbone.variables(name)
    model = build(ARCHITECTURES[str(backbone.architecture)], backbone.px, backbone.channels)
    assign(model, weights, f"Model {name}")
    return model


def initial_weights(architecture: Architecture, seed: int = 0) -> Weights:
    """Random weights, float32: He-normal kernels (He et al. 2015), and what Keras begins with for all else."""
    rng, model = np.random.default_rng(seed), build(architecture, architecture.px)
    inputs = fans_in(model)
    return {
        name: np.asarray(rng.standard_normal(array.shape) * np.sqrt(2 / inputs[name]), np.float32)
        if name in inputs
        else array
        for name, array in arrays(model).items()
    }


def fans_in(model: KerasModel) -> dict[str, int]:
    """For each kernel of a model, how many numbers make one of its outputs; a depthwise one looks at its own channel alone."""
    found: dict[str, int] = {}
    for layer_name, layer in named_layers(model):
        for variable in layer.weights:
            name, shape = variable_name(variable), tuple(map(int, variable.shape))
            alone = isinstance(layer, keras.layers.DepthwiseConv2D) or "depthwise" in name
            if len(shape) > 1:
                found[f"{layer_name}/{name}"] = math.prod(shape[:2] if alone else shape[:-1])
    return found


def named_backbone(
    architecture: Architecture, weights: Mapping[str, Floats], px: int | None = None, channels: int = 3
) -> Backbone:
    """The backbone of a network that Keras builds, with these variables. Imports TensorFlow.

    Args:
        px: pixels of an image's side; None takes those of the architecture.

    Raises:
        ModelFileError: the variables are not those of the network.
    """
    rounded = {name: half(array).astype(np.float32) for name, array in weights.items()}
    side = px or architecture.px
    model = build(architecture, side, channels)
    assign(model, rounded, f"The weights of {architecture.name}")
    graph = graph_of(model, side, channels)
    return backbone_of(graph, architecture.preprocess, rounded, architecture.name)


def retrained(backbone: Backbone, weights: Mapping[str, Floats]) -> Backbone:
    """The backbone with other variables."""
    architecture = ARCHITECTURES[str(backbone.architecture)]
    return named_backbone(architecture, weights, backbone.px, backbone.channels)


def graph_of(model: KerasModel, px: int, channels: int) -> Graph:
    """The OpenVINO model of a Keras model of one image (n, px, px, C), its variables frozen to constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((None, px, px, channels), tf.float32)]
    traced = tf.function(lambda image: model(image, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function()).graph.as_graph_def()
    with tempfile.TemporaryDirectory(prefix="landuse-") as folder:
        path = Path(folder) / "graph.pb"
        path.write_bytes(frozen.SerializeToString())
        return ov.Core().read_model(path)


class KerasRuntime:
    """A Keras model with its preprocessing and its head inside, in float32."""

    kind: Kind = "tensorflow"
    precision: Literal["f32", "bf16"] = "f32"

    def __init__(self, bundle: Bundle, precision: Precision = "auto") -> None:
        if precision == "bf16":
            raise UsageError("The TensorFlow runtime computes in float32: use precision auto or f32.")
        self._px, self._bands = bundle.chip_px, bundle.backbone.channels
        self._class_count, self._feature_count = bundle.head.class_count, bundle.head.feature_count
        self._model, self._head = build_whole(bundle), None if in_graph(bundle.head) is not None else bundle.head

    def predict(self, batch: Images) -> Prediction:
        """Probabilities and features of uint8 images (n, px, px, bands); n may be 0."""
        check_batch(batch, self._px, self._bands)
        probabilities = np.empty((len(batch), self._class_count), np.float32)
        features = np.empty((len(batch), self._feature_count), np.float32)
        for first in range(0, len(batch), PIECE):
            piece = slice(first, first + PIECE)
            if self._head is None:
                probabilities[piece], features[piece] = self._model.predict_on_batch(batch[piece])
            else:
                features[piece] = self._model.predict_on_batch(batch[piece])
                probabilities[piece] = self._head.apply(features[piece])
        return Prediction(probabilities, features)

    def predict_stream(self, batches: Iterator[Images]) -> Iterator[Prediction]:
        """A prediction for each batch, in order."""
        for batch in batches:
            yield self.predict(batch)


def build_whole(bundle: Bundle) -> KerasModel:
    """A Keras model from uint8 images (n, px, px, C) to probabilities (n, K) and features (n, D); features alone where the
    head is not one that a graph holds.
    """  # noqa: D205
    image, features = _beginning(bundle)
    head = in_graph(bundle.head)
    return keras.Model(image, features if head is None else [_ending(features, head.layers(), "softmax"), features])


def keras_classifier(bundle: Bundle, layers: list[tuple[Floats, Floats]]) -> KerasModel:
    """A Keras model from uint8 images (n, px, px, C) to probabilities (n, K), by a head made of such layers."""
    image, features = _beginning(bundle)
    return keras.Model(image, _ending(features, layers, "softmax" if bundle.head.thresholds is None else "sigmoid"))


def _beginning(bundle: Bundle) -> tuple[Tensor, Tensor]:
    """An image uint8 (n, px, px, C) and its features (n, D)."""
    image = keras.Input((bundle.chip_px, bundle.chip_px, bundle.backbone.channels), dtype="uint8", name="image")
    ordered = keras.ops.flip(image, axis=-1) if bundle.preprocess.order == "bgr" else image
    factor, offset = bundle.preprocess.affine()
    prepared = keras.ops.cast(ordered, "float32") * factor + offset
    return image, built(bundle.backbone, bundle.name)(prepared, training=False)


def _ending(features: Tensor, layers: list[tuple[Floats, Floats]], link: str) -> Tensor:
    """Probabilities (n, K) by layers of weights (a, b) and (b,), ReLU between them."""
    found = features
    for number, (matrix, offset) in enumerate(layers):
        layer = keras.layers.Dense(len(offset), activation=link if number == len(layers) - 1 else "relu")
        found = layer(found)
        layer.set_weights([matrix, offset])
    return found
