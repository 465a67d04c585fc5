"""Training a Keras model on pictures that lie on disk. This module imports TensorFlow, in about 8 s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.architectures import Preprocess
from landuse.models.libraries import keras
from landuse.spark_ml.keras_inference import read_keras


@dataclass(frozen=True)
class KerasRecipe:
    """How a model is trained.

    Attributes:
        model: the file it starts from.
        optimizer: Keras' name of it.
        loss: Keras' name of it.
        fit: arguments of Keras' fit: epochs, batch_size, verbose, shuffle, validation_split, class_weight.
        learning_rate: of the optimizer; None keeps its own.
        preprocess: what happens to pictures first.
        seed: of the order of pictures and of dropout.
    """

    model: Path
    optimizer: str
    loss: str
    fit: Mapping[str, Any]
    learning_rate: float | None
    preprocess: Preprocess
    seed: int


@dataclass(frozen=True, eq=False)
class Shelf:
    """Labelled pictures: uint8 (n, px, px, 3), mapped from disk, and float32 labels (n,) or (n, k)."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.float32]


def train_keras(recipe: KerasRecipe, shelf: Shelf, out: Path) -> dict[str, list[float]]:
    """Train a copy of a model, write it to `out`, and return Keras' history.

    Raises:
        UsageError: an optimizer or a loss that Keras does not know, or labels that do not fit the loss.
    """
    keras.utils.set_random_seed(recipe.seed)
    model = read_keras(recipe.model)
    options = dict(recipe.fit)
    size, shuffle = int(options.pop("batch_size", 32)), bool(options.pop("shuffle", True))
    held_back = int(len(shelf.pictures) * float(options.pop("validation_split", 0.0)))
    weights = options.pop("class_weight", None)
    training, validation = np.split(np.arange(len(shelf.pictures)), [len(shelf.pictures) - held_back])
    if not len(training):
        raise UsageError("validation_split leaves no pictures to train on; make it smaller.")
    try:
        model.compile(optimizer=_optimizer(recipe), loss=keras.losses.get(recipe.loss))
        history = model.fit(
            Batches(shelf, recipe, training, size, shuffle),
            validation_data=Batches(shelf, recipe, validation, size, False) if held_back else None,
            class_weight={int(k): float(v) for k, v in weights.items()} if weights else None,
            **({"verbose": 0} | options),
        )
    except (ValueError, TypeError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise UsageError(f"Keras cannot train {recipe.model.name} as asked: {reason}") from error
    model.save(out)
    return {name: [float(v) for v in values] for name, values in history.history.items()}


def _optimizer(recipe: KerasRecipe) -> keras.Optimizer:
    optimizer = keras.optimizers.get(recipe.optimizer)
    if recipe.learning_rate is not None:
        optimizer.learning_rate = recipe.learning_rate
    return optimizer


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of a shelf, in another order each epoch; only those in use are in memory."""

    def __init__(
        self, shelf: Shelf, recipe: KerasRecipe, positions: npt.NDArray[np.int64], size: int, shuffle: bool
    ) -> None:
        super().__init__()
        self._shelf, self._preprocess, self._size = shelf, recipe.preprocess, size
        self._positions = positions.copy()
        self._rng = np.random.default_rng(recipe.seed) if shuffle else None
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._positions) // self._size)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        chosen = np.sort(self._positions[index * self._size : (index + 1) * self._size])
        return self._preprocess.apply(self._shelf.pictures[chosen]), self._shelf.labels[chosen]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._rng is not None:
            self._rng.shuffle(self._positions)


def fill_shelf(rows: Iterator[tuple[bytes | None, Any]], px: int, file: Path) -> tuple[Shelf, int]:
    """Write pictures to a file as they come, and map it; the file goes when the shelf does.

    Args:
        rows: (px * px * 3 bytes, label), either None where there is none.
        px: side of the pictures.
        file: a new file.

    Returns:
        The shelf, and how many rows were left out.

    Raises:
        UsageError: no row has both a picture and a label, or labels differ in length.
    """
    labels: list[npt.NDArray[np.float32]] = []
    skipped = 0
    with file.open("xb") as stream:
        for pixels, label in rows:
            if pixels is None or label is None:
                skipped += 1
                continue
            stream.write(pixels)
            labels.append(np.asarray(label, np.float32))
    try:
        if not labels:
            raise UsageError(
                "Not one row has a picture that can be read and a label, so there is nothing to learn from."
            )
        if len({label.shape for label in labels}) > 1:
            raise UsageError("The labels differ in length; give arrays of one length.")
        pictures = np.memmap(file, np.uint8, "r", shape=(len(labels), px, px, 3))
    finally:
        file.unlink()
    return Shelf(pictures, np.stack(labels)), skipped
