"""Chips of a survey, on the lattice's own pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine

from landuse.grid import Cell, CellRange, ChipGrid
from landuse.mosaic.canvas import FULL, Canvas, Pixels, Region, unmultiplied
from landuse.mosaic.files import OpenFiles, Window, read_raw
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.placement import Placement, Way, place
from landuse.mosaic.resample import axis, resample
from landuse.mosaic.source import Source
from landuse.mosaic.stretch import to_uint8
from landuse.mosaic.survey import Survey
from landuse.mosaic.warp import Frame, source_extent, warp

__all__ = ["MosaicReader", "Pixels"]

MAX_SOURCE_SIDE = 1536
"""Largest side, in source pixels, of what is resampled at once: it bounds memory where a fine source shrinks strongly."""

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Corner = tuple[int, int]


class MosaicReader:
    """Reads cells of a survey as one image, one thread at a time, with at most `max_open` files open.

    Where sources overlap, the first with imagery at a pixel wins, in the order of the survey. A source whose pixels fall on the
    lattice's is copied; any other is resampled to it: averaged where it is finer than the lattice, interpolated bilinearly
    where it is coarser. Pixels at the seam of resampled sources are mixed by their shares, so that no seam shows.

    Args:
        survey: what `open_survey` found.
        grid: the lattice; its pixels are those of the answer.
        max_open: most files open at once.
    """

    def __init__(self, survey: Survey, grid: ChipGrid, *, max_open: int = 16) -> None:
        self._survey, self._grid = survey, grid
        self._files = OpenFiles(max_open)
        self._footprints = np.array(survey.footprints(grid.crs), dtype=object)
        self._boxes = shapely.bounds(self._footprints)
        self._placements: dict[int, Placement] = {}

    def __enter__(self) -> MosaicReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        canvas = Canvas(cells.shape[0] * px, cells.shape[1] * px, len(self._survey.bands))
        with gdal_env():
            for index in self._meeting(cells):
                self._lay(canvas, cells, int(index))
        return canvas.pixels()

    def _meeting(self, cells: CellRange) -> npt.NDArray[np.intp]:
        """Indices of the sources whose footprint meets the window, in order."""
        bounds, margin = self._grid.bounds(cells), self._grid.pixel
        boxes = self._boxes
        near = (boxes[:, 0] < bounds.east + margin) & (boxes[:, 2] > bounds.west - margin)
        near &= (boxes[:, 1] < bounds.north + margin) & (boxes[:, 3] > bounds.south - margin)
        found = np.flatnonzero(near)
        window = shapely.box(*bounds).buffer(margin, join_style="mitre")
        return np.asarray(found[shapely.intersects(self._footprints[found], window)])

    def _placement(self, index: int) -> Placement:
        if index not in self._placements:
            self._placements[index] = place(self._survey.sources[index], self._grid)
        return self._placements[index]

    def _lay(self, canvas: Canvas, cells: CellRange, index: int) -> None:
        """Lay one source under what the canvas holds."""
        source, placement = self._survey.sources[index], self._placement(index)
        if placement.way is Way.COPY:
            self._copy(canvas, cells, source, placement)
            return
        onto = self._rescaled if placement.way is Way.RESCALE else self._warped
        for region, corner in self._tiles(cells, placement):
            if canvas.filled(region):
                continue
            laid = onto(source, placement, corner, _shape(region))
            if laid is not None:
                canvas.put(region, *laid)

    def _copy(self, canvas: Canvas, cells: CellRange, source: Source, placement: Placement) -> None:
        """Pixels that fall on the lattice's: one read, straight into the canvas where it is still empty."""
        top, left = self._corner(cells)
        height, width = canvas.weight.shape
        row0, row1 = max(top, placement.row), min(top + height, placement.row + placement.height)
        col0, col1 = max(left, placement.col), min(left + width, placement.col + placement.width)
        if row0 >= row1 or col0 >= col1:
            return
        region = slice(row0 - top, row1 - top), slice(col0 - left, col1 - left)
        if canvas.filled(region):
            return
        window = Window(col0 - placement.col, row0 - placement.row, col1 - col0, row1 - row0)
        stretch = self._survey.stretch_of(source)
        if canvas.untouched(region) and source.dtype == "uint8" and stretch is None:
            _, valid = read_raw(self._files, source, window, out=canvas.data[region])
            canvas.weight[region] = FULL if valid is None else valid * np.uint8(FULL)
            return
        raw, valid = read_raw(self._files, source, window)
        canvas.put(region, to_uint8(raw, stretch), None if valid is None else valid * np.uint8(FULL))

    def _corner(self, cells: CellRange) -> Corner:
        """North-west corner of the window in lattice pixels: (row counted southwards from y = 0, col)."""
        return -cells.row1 * self._grid.chip_px, cells.col0 * self._grid.chip_px

    def _tiles(self, cells: CellRange, placement: Placement) -> Iterator[tuple[Region, Corner]]:
        """Squares of the window that are resampled at once, at most a cell each, with their corners in lattice pixels."""
        px = self._grid.chip_px
        side = max(1, min(px, math.floor(MAX_SOURCE_SIDE / max(placement.scale, 1.0))))
        top, left = self._corner(cells)
        starts = [cell * px + start for cell in range(max(cells.shape)) for start in range(0, px, side)]
        rows = [start for start in starts if start < cells.shape[0] * px]
        cols = [start for start in starts if start < cells.shape[1] * px]
        for row in rows:
            for col in cols:
                high, wide = min(side, px - row % px), min(side, px - col % px)
                yield (slice(row, row + high), slice(col, col + wide)), (top + row, left + col)

    def _read(self, source: Source, placement: Placement, window: Window) -> tuple[Image, Mask | None]:
        raw, valid = read_raw(self._files, source, window, level=placement.level)
        return to_uint8(raw, self._survey.stretch_of(source)), valid

    def _rescaled(
        self, source: Source, placement: Placement, corner: Corner, shape: tuple[int, int]
    ) -> tuple[Image, Image | None] | None:
        """Colour and weight of one square from a north-up raster in the lattice's CRS; None where they do not meet."""
        pixel, transform = self._grid.pixel, placement.transform
        step_y, step_x = pixel / -transform.e, pixel / transform.a
        rows = axis((transform.f + corner[0] * pixel) / -transform.e, step_y, shape[0], placement.height)
        cols = axis((corner[1] * pixel - transform.c) / transform.a, step_x, shape[1], placement.width)
        if rows.first == rows.last or cols.first == cols.last:
            return None
        window = Window(cols.first, rows.first, cols.last - cols.first, rows.last - rows.first)
        colour, valid = self._read(source, placement, window)
        if valid is None and rows.inside and cols.inside:
            return np.rint(resample(colour, rows, cols)).astype(np.uint8), None
        share = np.ones(colour.shape[:2], np.float32) if valid is None else valid.astype(np.float32)
        stacked = np.concatenate([colour * share[..., None], share[..., None]], axis=2)
        done = resample(stacked, rows, cols)
        return unmultiplied(done[..., :-1], done[..., -1])

    def _warped(
        self, source: Source, placement: Placement, corner: Corner, shape: tuple[int, int]
    ) -> tuple[Image, Image | None] | None:
        """Colour and weight of one square from a raster in another CRS, or a rotated one; None where they do not meet."""
        pixel = self._grid.pixel
        target = Frame(self._grid.crs, Affine(pixel, 0.0, corner[1] * pixel, 0.0, -pixel, -corner[0] * pixel))
        frame = Frame(source.crs, placement.transform)
        extent = source_extent(frame, target, *shape)
        if extent is None:
            return None
        pad = 3 + math.ceil(placement.scale)
        outer = _outer(extent, pad)
        window = _clipped(outer, placement)
        if window is None:
            return None
        colour, valid = self._read(source, placement, window)
        shrink = placement.scale > 1.0
        moved = frame.shifted(outer.col, outer.row)
        if valid is None and window == outer:
            planes = warp(np.ascontiguousarray(colour.transpose(2, 0, 1)), moved, target, shape, shrink=shrink)
            return planes.transpose(1, 2, 0), None
        products = warp(_padded(colour, valid, window, outer), moved, target, shape, shrink=shrink)
        return unmultiplied(products[:-1].transpose(1, 2, 0), products[-1])


def _shape(region: Region) -> tuple[int, int]:
    return region[0].stop - region[0].start, region[1].stop - region[1].start


def _outer(extent: tuple[float, float, float, float], pad: int) -> Window:
    """Window around an extent in source pixels, padded; it may reach beyond the raster."""
    col, row = math.floor(extent[0]) - pad, math.floor(extent[1]) - pad
    return Window(col, row, math.ceil(extent[2]) + pad - col, math.ceil(extent[3]) + pad - row)


def _clipped(outer: Window, placement: Placement) -> Window | None:
    """The part of a window inside the raster."""
    col, row = max(0, outer.col), max(0, outer.row)
    col1, row1 = min(placement.width, outer.col + outer.width), min(placement.height, outer.row + outer.height)
    return Window(col, row, col1 - col, row1 - row) if col < col1 and row < row1 else None


def _padded(colour: Image, valid: Mask | None, window: Window, outer: Window) -> npt.NDArray[np.float32]:
    """Planes (B + 1, outer) of colour x validity and of validity (0 or 1), empty beyond the raster."""
    out = np.zeros((colour.shape[2] + 1, outer.height, outer.width), dtype=np.float32)
    rows = slice(window.row - outer.row, window.row - outer.row + window.height)
    cols = slice(window.col - outer.col, window.col - outer.col + window.width)
    out[:-1, rows, cols] = (colour if valid is None else colour * valid[..., None]).transpose(2, 0, 1)
    out[-1, rows, cols] = 1.0 if valid is None else valid
    return out
