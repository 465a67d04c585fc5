"""Chips of a survey, on the lattice's own pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import shapely

from landuse.grid import Cell, CellRange, ChipGrid
from landuse.mosaic.files import OpenFiles
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.layer import FULL, Canvas, LatticeWindow, Layer, Pixels, Region, Tone
from landuse.mosaic.resampling import Transfer, place
from landuse.mosaic.survey import Survey

__all__ = ["MosaicReader", "Pixels"]

MAX_SOURCE_SIDE = 1536
"""Largest side, in source pixels, of what is resampled at once: it bounds memory where a fine source shrinks strongly."""


class MosaicReader:
    """Reads cells of a survey as one image, one thread at a time, with at most `max_open` files open.

    Where sources overlap, the first with imagery at a pixel wins, in the order of the survey. A source whose pixels fall on the
    lattice's is copied; any other is resampled to it: averaged where it is finer than the lattice, interpolated bilinearly
    where it is coarser, or warped and of nearly the same size. Pixels at the seam of resampled sources are mixed by their
    shares, so that no seam shows. A pixel's value does not depend on the window in which it is asked for.

    Args:
        grid: the lattice; its pixels are those of the answer.
    """

    def __init__(self, survey: Survey, grid: ChipGrid, *, max_open: int = 16) -> None:
        self._survey, self._grid = survey, grid
        self._files = OpenFiles(max_open)
        self._footprints = np.array(survey.footprints(grid.crs), dtype=object)
        self._boxes = shapely.bounds(self._footprints)
        self._layers: dict[int, Layer] = {}
        self._wkt = grid.crs.to_wkt()

    def __enter__(self) -> MosaicReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. The reader opens them again when it is used again."""
        self._files.close()

    @property
    def open_files(self) -> int:
        """Files open now."""
        return len(self._files)

    def read(self, cells: Cell | CellRange) -> Pixels:
        """Imagery of one cell or of a range of cells, rows * chip_px high and columns * chip_px wide.

        Raises:
            DamagedSourceError: pixels that belong to the window cannot be read; the message names the file and the place.
            SourceNotFoundError, NotARasterError: a file has gone since its header was read.
        """
        if isinstance(cells, Cell):
            cells = CellRange(cells.row, cells.row + 1, cells.col, cells.col + 1)
        px = self._grid.chip_px
        target = LatticeWindow(-cells.row1 * px, cells.col0 * px, cells.shape[0] * px, cells.shape[1] * px)
        canvas = Canvas(target.height, target.width, len(self._survey.bands))
        with gdal_env():
            for index in self._meeting(cells):
                self._lay(canvas, target, int(index))
        return canvas.pixels()

    def _meeting(self, cells: CellRange) -> npt.NDArray[np.intp]:
        bounds, margin, boxes = self._grid.bounds(cells), self._grid.pixel, self._boxes
        window = bounds.west - margin, bounds.south - margin, bounds.east + margin, bounds.north + margin
        near = (
            (boxes[:, 0] < window[2])
            & (boxes[:, 2] > window[0])
            & (boxes[:, 1] < window[3])
            & (boxes[:, 3] > window[1])
        )
        found = np.flatnonzero(near)
        if len(found) > 1:
            found = found[shapely.intersects(self._footprints[found], shapely.box(*window))]
        return found

    def _layer(self, index: int) -> Layer:
        if index not in self._layers:
            source, grid = self._survey.sources[index], self._grid
            tone = Tone(self._survey.stretch_of(source), self._survey.curves_of(index))
            self._layers[index] = Layer(source, place(source, grid), self._wkt, grid.pixel, tone)
        return self._layers[index]

    def _lay(self, canvas: Canvas, target: LatticeWindow, index: int) -> None:
        layer = self._layer(index)
        if layer.placement.transfer is Transfer.COPY:
            self._copy(canvas, target, layer)
            return
        for part in self._parts(target, layer.placement.scale, self._boxes[index]):
            region = _region(target, part)
            laid = None if canvas.filled(region) else layer.resampled(self._files, part)
            if laid is not None:
                canvas.put(region, *laid)

    def _copy(self, canvas: Canvas, target: LatticeWindow, layer: Layer) -> None:
        """Pixels that fall on the lattice's: one read, straight into the canvas where that is still empty."""
        fit = layer.fit(target)
        if fit is None:
            return
        part, window = fit
        region = _region(target, part)
        if canvas.filled(region):
            return
        if layer.verbatim and canvas.untouched(region):
            weight = layer.copy_into(self._files, window, canvas.data[region])
            canvas.weight[region] = FULL if weight is None else weight
            return
        canvas.put(region, *layer.copied(self._files, window))

    def _parts(self, target: LatticeWindow, scale: float, box: npt.NDArray[np.float64]) -> Iterator[LatticeWindow]:
        """Squares of the window that are resampled at once, each at most a cell, and always the same ones of a cell.

        Those that lie beyond the rectangle around a source (`box`) are passed over; strongly shrunken sources have many.
        """
        px, pixel = self._grid.chip_px, self._grid.pixel
        side = max(1, min(px, math.floor(MAX_SOURCE_SIDE / max(scale, 1.0))))
        west, south, east, north = (box / pixel).tolist()
        lines = -north - target.row - 1, -south - target.row + 1
        cols = _meeting(_starts(target.width, px, side), side, (west - target.col - 1, east - target.col + 1))
        for row in _meeting(_starts(target.height, px, side), side, lines):
            for col in cols:
                height, width = min(side, px - row % px), min(side, px - col % px)
                yield LatticeWindow(target.row + row, target.col + col, height, width)


def _meeting(starts: list[int], side: int, reach: tuple[float, float]) -> list[int]:
    return [start for start in starts if start + side > reach[0] and start < reach[1]]


def _starts(length: int, px: int, side: int) -> list[int]:
    return [cell + start for cell in range(0, length, px) for start in range(0, px, side)]


def _region(target: LatticeWindow, part: LatticeWindow) -> Region:
    row, col = part.row - target.row, part.col - target.col
    return slice(row, row + part.height), slice(col, col + part.width)
