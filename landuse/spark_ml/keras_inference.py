"""Keras models in Spark's Python workers. This module imports TensorFlow: only where such a model runs, in about 8 s."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from landuse.engine.task import SharedFile
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
    return vectors(_answers(network, pieces), read, len(column))


def transform_pictures(model: SharedFile, preprocess: Preprocess, column: pa.Array) -> pa.StructArray:
    """A model's answers to a column of pictures as vectors; null for those that cannot be read."""
    path = model.locate()
    network = load_keras(path)
    stream = PictureStream(column, picture_side(network, path.name))
    return vectors(_answers(network, (preprocess.apply(batch) for batch in stream)), stream.read, len(column))


def _shaped(array: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """An array in a model's input shape, where one length may be open (-1)."""
    known = int(np.prod([n for n in shape if n != -1]))
    fits = array.size % known == 0 and shape.count(-1) == 1 if -1 in shape else array.size == known
    if not fits:
        raise UsageError(f"An array of {array.size} numbers does not fit the model, which takes {shape}.")
    return array.reshape(shape)


def _answers(network: keras.Model, batches: Iterator[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Answers (n, d), flattened."""
    found = [np.asarray(network.predict_on_batch(batch), np.float32) for batch in batches]
    if not found:
        return np.empty((0, 1), np.float32)
    joined = np.concatenate(found)
    return joined.reshape(len(joined), -1)
