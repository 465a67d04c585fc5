"""Pictures as a stream of batches: read when they are needed, ahead of the step that uses them, never all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from landuse.engine.machine import cores
from landuse.errors import LanduseError
from landuse.grid import IntArray
from landuse.models.arrays import Tensor
from landuse.models.libraries import tf
from landuse.training.pictures import Picture, PictureReader

AHEAD = 2
"""Batches that are ready while another is computed."""
Batch = tuple[Tensor, IntArray]


class PictureStream:
    """Batches of the pictures of a reader.

    Args:
        reader: what reads a picture.
        shape: of every picture, (px, px, bands).
        batch: pictures of a batch.

    Attributes:
        lost: positions of pictures that could not be read; they come as no part of any batch.
    """

    def __init__(self, reader: PictureReader, shape: tuple[int, int, int], batch: int) -> None:
        self._reader, self._shape, self._batch = reader, shape, batch
        self.lost: set[int] = set()
        self._threads = ThreadPoolExecutor(cores())

    def batches(self, positions: IntArray) -> Iterator[Batch]:
        """Pictures, uint8 (n, px, px, bands), and their positions, in the order given."""
        found = tf.data.Dataset.from_tensor_slices(np.asarray(positions, np.int64))
        found = found.map(self._load, num_parallel_calls=cores(), deterministic=True)
        for images, numbers, read in found.batch(self._batch).prefetch(AHEAD):
            good = read.numpy()
            if good.all():
                yield images, numbers.numpy()
            elif good.any():
                yield tf.boolean_mask(images, read), numbers.numpy()[good]

    def _load(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image, read = tf.numpy_function(self._read_apart, [position], (tf.uint8, tf.bool))
        return tf.ensure_shape(image, self._shape), position, tf.ensure_shape(read, ())

    def _read_apart(self, position: npt.NDArray[np.int64]) -> tuple[Picture, np.bool_]:
        """The same on a thread of Python's: on those of tf.data, which Python knows for one call only, PROJ crashes."""
        return self._threads.submit(self._read, position).result()

    def _read(self, position: npt.NDArray[np.int64]) -> tuple[Picture, np.bool_]:
        """A picture and whether it could be read."""
        try:
            image = self._reader.read(int(position))
        except (OSError, RasterioError, LanduseError):
            self.lost.add(int(position))
            return np.zeros(self._shape, np.uint8), np.False_
        return image, np.True_
