"""Where the pixels of samples are, and reading them: image files, or chips of surveys."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning

from landuse.grid import CellRange, ChipGrid, IntArray
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.colour import palette_of
from landuse.mosaic.flights import flights_of, thinned
from landuse.mosaic.picture import read_image
from landuse.palette import Palette
from landuse.scoring.block import split_row

Picture = npt.NDArray[np.uint8]


class Pictures(Protocol):
    """The pictures of n samples, in their order."""

    def __len__(self) -> int:
        """How many."""

    def take(self, chosen: IntArray) -> Pictures:
        """Those at positions."""

    def reader(self, px: int) -> PictureReader:
        """What reads them at a side of so many pixels."""


class PictureReader(Protocol):
    """Reads pictures; several threads may use it at once."""

    def __enter__(self) -> PictureReader:
        """The reader."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its files."""

    def read(self, position: int) -> Picture:
        """The picture of a sample, uint8 (px, px, bands). Raises `OSError` or a `LanduseError` where it cannot be read."""


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Image files."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, chosen: IntArray) -> FilePictures:
        """Those at positions."""
        return FilePictures(tuple(self.paths[i] for i in chosen.tolist()))

    def reader(self, px: int) -> FileReader:
        """What reads them at a side of so many pixels."""
        return FileReader(self.paths, px)


class FileReader:
    """Reads image files as the features' reader does."""

    def __init__(self, paths: tuple[Path, ...], px: int) -> None:
        self._paths, self._px = paths, px
        self._quiet = warnings.catch_warnings()  # of all threads; that of `read_image` is for one

    def __enter__(self) -> FileReader:
        self._quiet.__enter__()
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quiet.__exit__(kind, error, trace)

    def read(self, position: int) -> Picture:
        """The picture of a sample."""
        return read_image(self._paths[position], self._px)


@dataclass(frozen=True, eq=False)
class ChipPictures:
    """Chips of one or more surveys on one lattice.

    Attributes:
        surveys: each with its lattice.
        numbers: int64 (n,), position in `surveys`.
        rows, cols: int64 (n,).
    """

    surveys: tuple[tuple[Survey, ChipGrid], ...]
    numbers: IntArray
    rows: IntArray
    cols: IntArray

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, chosen: IntArray) -> ChipPictures:
        """Those at positions."""
        return replace(self, numbers=self.numbers[chosen], rows=self.rows[chosen], cols=self.cols[chosen])

    def reader(self, px: int) -> ChipReader:
        """What reads them at a side of so many pixels."""
        return ChipReader(self, px)


class ChipReader:
    """Reads chips as scoring does: pixels without imagery mirror the chip's own."""

    def __init__(self, pictures: ChipPictures, px: int) -> None:
        self._pictures = pictures
        self._grids = [replace(grid, chip_px=px) for _, grid in pictures.surveys]
        self._idle: list[LifoQueue[MosaicReader]] = [LifoQueue() for _ in pictures.surveys]

    def __enter__(self) -> ChipReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for queue in self._idle:
            while not queue.empty():
                queue.get_nowait().close()

    def read(self, position: int) -> Picture:
        """The picture of a sample."""
        row, col = int(self._pictures.rows[position]), int(self._pictures.cols[position])
        with self._borrowed(int(self._pictures.numbers[position])) as reader:
            chip: Picture = split_row(reader.read(CellRange(row, row + 1, col, col + 1)))[0]
        return chip

    @contextmanager
    def _borrowed(self, number: int) -> Iterator[MosaicReader]:
        """A reader of a survey that no other thread uses; it keeps its files open for the next."""
        try:
            reader = self._idle[number].get_nowait()
        except Empty:
            reader = MosaicReader(self._pictures.surveys[number][0], self._grids[number])
        try:
            yield reader
        finally:
            self._idle[number].put(reader)


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
