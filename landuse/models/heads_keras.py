"""Dense heads are fitted by Keras; importing this module imports TensorFlow, which takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from landuse.models.arrays import Floats
from landuse.models.heads_dense import DenseHead
from landuse.models.heads_solver import Exact, standard_of

BATCH = 64
PATIENCE = 10
"""Epochs without a lower loss on the samples held out, after which the best epoch's weights are taken."""
BLIND_EPOCHS = 30
"""Epochs where nothing is held out to say when to stop."""
RATE = 1e-3


@dataclass(frozen=True)
class DenseRule:
    """What a dense head is like, and how long it is fitted.

    Attributes:
        hidden: units of each hidden layer.
        dropout: share of the units of a hidden layer that are left out at random while fitting.
        epochs: at most so many.
        seed: of weights, order and dropout.
    """

    hidden: tuple[int, ...] = (256,)
    dropout: float = 0.3
    epochs: int = 200
    seed: int = 0


@dataclass(frozen=True, eq=False)
class DenseData:
    """What a dense head is fitted on.

    Attributes:
        features: (n, D).
        targets: float (n, K): shares that sum to 1, or with `multi` 0 and 1.
        weights: (n,), what each row counts.
        held: bool (n,), rows that say when to stop and are not learnt from.
        factors: (K,), with `multi` what having a class counts against not having it; else None.
    """

    features: Floats
    targets: Floats
    weights: Exact
    held: npt.NDArray[np.bool_]
    factors: Exact | None = None

    @property
    def multi(self) -> bool:
        """Whether each class is a question of its own."""
        return self.factors is not None


def fit_dense(data: DenseData, rule: DenseRule) -> tuple[DenseHead, list[dict[str, float]]]:
    """Fit by Adam with dropout and early stopping on the cross-entropy; binary for several labels.

    Returns:
        The head of the best epoch, and each epoch's loss on what it learns from and on what is held out.
    """
    learning = ~data.held
    standard = standard_of(data.features[learning], data.weights[learning])
    values = np.asarray(standard.of(data.features), np.float32)
    keras.utils.set_random_seed(rule.seed)
    model = _model(values.shape[1], data.targets.shape[1], rule)
    model.compile(keras.optimizers.Adam(RATE), _loss(data.factors))
    watched = bool(data.held.any())
    stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    found = model.fit(
        values[learning],
        data.targets[learning],
        sample_weight=data.weights[learning].astype(np.float32),
        validation_data=(values[data.held], data.targets[data.held], data.weights[data.held]) if watched else None,
        batch_size=BATCH,
        epochs=rule.epochs if watched else min(rule.epochs, BLIND_EPOCHS),
        callbacks=[stop] if watched else [],
        verbose=0,
    )
    layers = [layer.get_weights() for layer in model.layers if layer.get_weights()]
    mean, scale = standard.mean.astype(np.float32), standard.scale.astype(np.float32)
    head = DenseHead(tuple(kernel for kernel, _ in layers), tuple(bias for _, bias in layers), mean, scale)
    return head, _history(found.history)


def _model(depth: int, classes: int, rule: DenseRule) -> keras.Model:
    values = inputs = keras.Input((depth,))
    for units in rule.hidden:
        values = keras.layers.Dense(units, activation="relu")(values)
        values = keras.layers.Dropout(rule.dropout)(values)
    return keras.Model(inputs, keras.layers.Dense(classes)(values))


def _loss(factors: Exact | None) -> Any:  # noqa: ANN401
    """Cross-entropy of scores: over all classes, or of each with what having it counts."""
    if factors is None:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    extra = np.asarray(factors - 1, np.float32)

    def binary(truth: Any, scores: Any) -> Any:  # noqa: ANN401
        """Mean over the classes of each row's losses."""
        each = keras.ops.softplus(scores) - truth * scores
        return keras.ops.mean(each * (1 + truth * extra), axis=-1)

    return binary


def _history(found: dict[str, list[float]]) -> list[dict[str, float]]:
    """A line an epoch, fit for JSON."""
    names = {"loss": "loss", "val_loss": "held_out_loss"}
    kept = {names[name]: values for name, values in found.items() if name in names}
    return [dict(zip(kept, map(float, row), strict=True)) for row in zip(*kept.values(), strict=True)]
