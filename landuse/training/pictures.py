"""Where the pixels of samples are, reading them, and a stream of their batches: image files, or chips of surveys."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landuse.engine.machine import cores
from landuse.errors import LanduseError
from landuse.grid import CellRange, ChipGrid, IntArray, chip_ids
from landuse.models.libraries import Tensor, tf
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.colour import palette_of
from landuse.mosaic.flights import flights_of, thinned
from landuse.mosaic.picture import read_image
from landuse.palette import Palette
from landuse.scoring.block import split_row

Picture = npt.NDArray[np.uint8]
Reader = Callable[[int], Picture]
"""From the position of a sample to its picture, uint8 (px, px, bands); several threads may use it at once.

It raises `OSError` or a `LanduseError` where it cannot be read.
"""
AHEAD = 2
"""Batches that are ready while another is computed."""
Batch = tuple[Tensor, IntArray]


class Pictures(Protocol):
    """The pictures of n samples, in their order."""

    def __len__(self) -> int:
        """How many."""

    @property
    def names(self) -> list[str]:
        """What each is called: the name of its file, or the id of its chip."""

    def take(self, chosen: IntArray) -> Pictures:
        """Those at positions."""

    def reader(self, px: int) -> AbstractContextManager[Reader]:
        """What reads them at a side of so many pixels, for as long as it is open."""


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Image files."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> list[str]:
        """Names of the files."""
        return [path.name for path in self.paths]

    def take(self, chosen: IntArray) -> FilePictures:
        """Those at positions."""
        return FilePictures(tuple(self.paths[i] for i in chosen.tolist()))

    @contextmanager
    def reader(self, px: int) -> Iterator[Reader]:
        """What reads them as the features' reader does."""
        with warnings.catch_warnings():  # of all threads; that of `read_image` is for one
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield lambda position: read_image(self.paths[position], px)


@dataclass(frozen=True, eq=False)
class ChipPictures:
    """Chips of one or more surveys on one lattice.

    Attributes:
        numbers: int64 (n,), position in `surveys`.
        rows, cols: int64 (n,).
    """

    surveys: tuple[tuple[Survey, ChipGrid], ...]
    numbers: IntArray
    rows: IntArray
    cols: IntArray

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def grid(self) -> ChipGrid:
        """The lattice."""
        return self.surveys[0][1]

    @property
    def names(self) -> list[str]:
        """Ids of the chips."""
        return list(map(str, chip_ids(self.rows, self.cols)))

    def take(self, chosen: IntArray) -> ChipPictures:
        """Those at positions."""
        return replace(self, numbers=self.numbers[chosen], rows=self.rows[chosen], cols=self.cols[chosen])

    @contextmanager
    def reader(self, px: int) -> Iterator[Reader]:
        """What reads them as scoring does: pixels without imagery mirror the chip's own."""
        idle: list[LifoQueue[MosaicReader]] = [LifoQueue() for _ in self.surveys]

        def read(position: int) -> Picture:
            """A chip, by a reader of its survey that no other thread uses, and which keeps its files open for the next."""
            number, row, col = (int(array[position]) for array in (self.numbers, self.rows, self.cols))
            try:
                reader = idle[number].get_nowait()
            except Empty:
                survey, grid = self.surveys[number]
                reader = MosaicReader(survey, replace(grid, chip_px=px))
            try:
                chip: Picture = split_row(reader.read(CellRange(row, row + 1, col, col + 1)))[0]
            finally:
                idle[number].put(reader)
            return chip

        try:
            yield read
        finally:
            for queue in idle:
                while not queue.empty():
                    queue.get_nowait().close()


def joined_pictures(pieces: Sequence[Pictures | None]) -> Pictures | None:
    """Chips of several tables as one; None where some are not known."""
    chips = [p for p in pieces if isinstance(p, ChipPictures)]
    if len(chips) < len(pieces):
        return None
    offsets = np.cumsum([0, *(len(p.surveys) for p in chips)])
    return ChipPictures(
        tuple(s for p in chips for s in p.surveys),
        np.concatenate([p.numbers + offset for p, offset in zip(chips, offsets, strict=False)]),
        np.concatenate([p.rows for p in chips]),
        np.concatenate([p.cols for p in chips]),
    )


def training_palette(pictures: Pictures | None) -> Palette | None:
    """The palette of the surveys that samples are chips of; None for single images, which no survey has.

    Chips of several surveys have one palette, of all of them.
    """
    if not isinstance(pictures, ChipPictures):
        return None
    return palette_of(thinned([flight.pixels for survey, _ in pictures.surveys for flight in flights_of(survey)]))


class PictureStream:
    """Batches of the pictures of a reader. Using it imports TensorFlow.

    Args:
        shape: of every picture, (px, px, bands).

    Attributes:
        lost: positions of pictures that could not be read; they come as no part of any batch.
    """

    def __init__(self, reader: Reader, shape: tuple[int, int, int], batch: int) -> None:
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
        try:
            image = self._reader(int(position))
        except (OSError, RasterioError, LanduseError):
            self.lost.add(int(position))
            return np.zeros(self._shape, np.uint8), np.False_
        return image, np.True_
