"""The second runtime: the same network in TensorFlow, to check the first one against and for machines without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from landuse.errors import UsageError
from landuse.models.arrays import Floats, Images, KerasModel, Kind, Precision, Prediction, Tensor, check_batch
from landuse.models.heads import in_graph
from landuse.models.keras_library import keras
from landuse.models.keras_networks import built

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

PIECE = 32
"""Images of one call, so that memory stays small whatever the batch."""


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
    return keras.Model(image, features if head is None else [_ending(features, [head.affine()], "softmax"), features])


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
