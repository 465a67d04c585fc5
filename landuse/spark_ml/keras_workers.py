"""Keras models in Spark's workers, and their training on the driver. Importing this imports TensorFlow, in about 8 s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.engine.runner import SharedFile
from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import Preprocess
from landuse.models.libraries import keras
from landuse.spark_ml.columns import PictureStream, dense, vectors

PIECE = 32
"""Rows of one call."""


def load_keras(path: Path) -> keras.Model:
    """A model of one input and one output, from a file; once a process for as long as the file stays the same.

    Raises:
        ModelFileError: it cannot be loaded without running code of its own, or has other inputs and outputs.
    """
    state = path.stat()
    return _load(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, size: int, modified: int) -> keras.Model:
    return read_keras(path)


def read_keras(path: Path) -> keras.Model:
    """As `load_keras`, but a new model each time: one to train."""
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise ModelFileError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not isinstance(model, keras.Model) or len(model.inputs or ()) != 1 or len(model.outputs or ()) != 1:
        raise ModelFileError(f"{path} is not a Keras model of one input and one output.")
    return model


def picture_side(model: keras.Model, name: str) -> int:
    """Pixels of the square pictures that a model takes. Raises `ModelFileError` for a model of something else."""
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or shape[2] != 3 or shape[0] is None or shape[0] != shape[1]:
        raise ModelFileError(f"{name} takes {shape}, and not square pictures (side, side, 3) of a fixed size.")
    return int(shape[0])


def transform_arrays(model: SharedFile, column: pa.Array) -> pa.StructArray:
    """A model's answers to a column of arrays, one a row, as vectors; null for a null and for an array with a null in it."""
    network = load_keras(model.locate())
    shape = tuple(-1 if n is None else int(n) for n in network.inputs[0].shape[1:])
    read, arrays = [], []
    for position, row in enumerate(column):
        numbers = dense(row.values) if row.is_valid else None
        if numbers is not None:
            read.append(position)
            arrays.append(_shaped(numbers.astype(np.float32), shape))
    if len({array.shape for array in arrays}) > 1:
        raise UsageError("The arrays of the input column differ in shape; bring them to one shape first.")
    pieces = (np.stack(arrays[i : i + PIECE]) for i in range(0, len(arrays), PIECE))
    return vectors(_outputs(network, pieces), read, len(column))


def transform_pictures(model: SharedFile, preprocess: Preprocess, column: pa.Array) -> pa.StructArray:
    """A model's answers to a column of pictures as vectors; null for those that cannot be read."""
    path = model.locate()
    network = load_keras(path)
    stream = PictureStream(column, picture_side(network, path.name))
    return vectors(_outputs(network, (preprocess.apply(batch) for batch in stream)), stream.read, len(column))


def _shaped(array: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """An array in a model's input shape, where one length may be open (-1)."""
    known = int(np.prod([n for n in shape if n != -1]))
    fits = array.size % known == 0 and shape.count(-1) == 1 if -1 in shape else array.size == known
    if not fits:
        raise UsageError(f"An array of {array.size} numbers does not fit the model, which takes {shape}.")
    return array.reshape(shape)


def _outputs(network: keras.Model, batches: Iterator[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Outputs (n, d), flattened."""
    found = [np.asarray(network.predict_on_batch(batch), np.float32) for batch in batches]
    if not found:
        return np.empty((0, 1), np.float32)
    joined = np.concatenate(found)
    return joined.reshape(len(joined), -1)


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
class PictureStore:
    """Labelled pictures: uint8 (n, px, px, 3), mapped from disk, and float32 labels (n,) or (n, k)."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.float32]


def train_keras(recipe: KerasRecipe, store: PictureStore, out: Path) -> dict[str, list[float]]:
    """Train a copy of a model, write it to `out`, and return Keras' history.

    Raises:
        UsageError: an optimizer or a loss that Keras does not know, or labels that do not fit the loss.
    """
    keras.utils.set_random_seed(recipe.seed)
    model = read_keras(recipe.model)
    options = dict(recipe.fit)
    size, shuffle = int(options.pop("batch_size", 32)), bool(options.pop("shuffle", True))
    held_back = int(len(store.pictures) * float(options.pop("validation_split", 0.0)))
    weights = options.pop("class_weight", None)
    training, validation = np.split(np.arange(len(store.pictures)), [len(store.pictures) - held_back])
    if not len(training):
        raise UsageError("validation_split leaves no pictures to train on; make it smaller.")
    try:
        model.compile(optimizer=_optimizer(recipe), loss=keras.losses.get(recipe.loss))
        history = model.fit(
            Batches(store, recipe, training, size, shuffle),
            validation_data=Batches(store, recipe, validation, size, False) if held_back else None,
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
    """Batches of a store, in another order each epoch; only those in use are in memory."""

    def __init__(
        self, store: PictureStore, recipe: KerasRecipe, positions: npt.NDArray[np.int64], size: int, shuffle: bool
    ) -> None:
        super().__init__()
        self._store, self._preprocess, self._size = store, recipe.preprocess, size
        self._positions = positions.copy()
        self._rng = np.random.default_rng(recipe.seed) if shuffle else None
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._positions) // self._size)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        chosen = np.sort(self._positions[index * self._size : (index + 1) * self._size])
        return self._preprocess.apply(self._store.pictures[chosen]), self._store.labels[chosen]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._rng is not None:
            self._rng.shuffle(self._positions)


def fill_store(rows: Iterator[tuple[bytes | None, Any]], px: int, file: Path) -> tuple[PictureStore, int]:
    """Write pictures to a file as they come, and map it; the file goes when the store does.

    Args:
        rows: (px * px * 3 bytes, label), either None where there is none.
        px: side of the pictures.
        file: a new file.

    Returns:
        The store, and how many rows were left out.

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
    return PictureStore(pictures, np.stack(labels)), skipped
