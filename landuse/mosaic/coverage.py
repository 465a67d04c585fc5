"""How much of each chip has imagery: exactly from footprints, and by samples where masks decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from landuse.crs import transformer
from landuse.errors import DamagedSourceError
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic.files import OpenFiles, Window, read_valid
from landuse.mosaic.gdal import gdal_env
from landuse.mosaic.source import Source, forward, same_crs
from landuse.mosaic.survey import Survey

SAMPLES = 16
"""Samples along a chip's side where a mask decides: a step of 14 m in a chip of 224 m."""
CHUNK = 32
"""Cells along the side of what is sampled at once, so that memory stays bounded."""
EDGE = 1e-6
"""Share of a chip's side by which two edges may miss each other and still meet."""

Shares = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Scene:
    """The sources of a survey on a lattice, in its CRS: footprints, their boxes, and whether they are upright rectangles."""

    survey: Survey
    grid: ChipGrid
    footprints: npt.NDArray[np.object_]
    boxes: Floats
    upright: Mask

    @classmethod
    def of(cls, survey: Survey, grid: ChipGrid) -> _Scene:
        """How the sources of a survey lie on a lattice."""
        footprints = np.array(survey.footprints(grid.crs), dtype=object)
        upright = np.array([same_crs(source.crs, grid.crs) and source.north_up for source in survey.sources])
        return cls(survey, grid, footprints, shapely.bounds(footprints), upright)

    def touching(self, index: int, cells: CellRange) -> CellRange | None:
        """Cells of `cells` that share ground with the box of a source."""
        low, high = self.boxes[index][[1, 0]] / self.grid.side + EDGE, self.boxes[index][[3, 2]] / self.grid.side - EDGE
        row0, col0 = np.floor(low).astype(int).tolist()
        row1, col1 = np.ceil(high).astype(int).tolist()
        return CellRange(row0, max(row0, row1), col0, max(col0, col1)).intersection(cells)


def coverage(survey: Survey, grid: ChipGrid, cells: CellRange) -> Shares:
    """Share of each cell's ground with imagery, 0 to 1, float32 (rows, columns) in image order: the northernmost row first.

    The ground of the footprints is exact: abutting sources add up to exactly 1. Where no source declares empty pixels (by
    nodata, alpha or a mask band) nothing is read. Where one does, 16 x 16 samples a cell, from overviews where there are some,
    say how much of that ground is empty. A mask that cannot be read counts as full: reading the chip will name the damage.

    Raises `UsageError` where a source cannot be expressed in the lattice's CRS.
    """
    scene = _Scene.of(survey, grid)
    masked = [index for index, source in enumerate(survey.sources) if source.has_mask]
    sure, full = (np.zeros(cells.shape, dtype=bool) for _ in range(2))
    for index, source in enumerate(survey.sources):
        _fill(full if source.has_mask else sure, scene, index, cells)
    full |= sure
    shares = full.astype(np.float32)
    _add_areas(shares, ~full, scene, cells)
    unsure = np.zeros(cells.shape, dtype=bool)
    for index in masked:
        here = scene.touching(index, cells)
        if here is not None:
            unsure[_region(cells, here)] = True
    unsure &= ~sure
    if unsure.any():
        with gdal_env(), OpenFiles() as files:
            _take_samples(shares, unsure, scene, cells, files)
    return shares


def _region(cells: CellRange, part: CellRange) -> tuple[slice, slice]:
    rows = slice(cells.row1 - part.row1, cells.row1 - part.row0)
    return rows, slice(part.col0 - cells.col0, part.col1 - cells.col0)


def _fill(full: Mask, scene: _Scene, index: int, cells: CellRange) -> None:
    here = scene.touching(index, cells)
    if here is None:
        return
    side = scene.grid.side
    x, y = np.arange(here.col0, here.col1 + 1) * side, np.arange(here.row1, here.row0 - 1, -1) * side
    inside = _holds(scene, index, x, y, EDGE * side)
    full[_region(cells, here)] |= inside[1:, 1:] & inside[1:, :-1] & inside[:-1, 1:] & inside[:-1, :-1]


def _holds(scene: _Scene, index: int, x: Floats, y: Floats, slack: float) -> Mask:
    """Which points of a grid (len(y), len(x)) lie in a footprint, or within `slack` of it."""
    if scene.upright[index]:
        west, south, east, north = scene.boxes[index]
        columns = (x >= west - slack) & (x <= east + slack)
        return np.asarray(((y >= south - slack) & (y <= north + slack))[:, None] & columns)
    footprint = scene.footprints[index].buffer(slack, join_style="mitre")
    shapely.prepare(footprint)
    xs, ys = np.meshgrid(x, y)
    return np.asarray(shapely.intersects_xy(footprint, xs, ys))


def _add_areas(shares: Shares, wanted: Mask, scene: _Scene, cells: CellRange) -> None:
    parts = [_cut(wanted, scene, index, cells) for index in range(len(scene.footprints))]
    where = np.concatenate([flat for flat, _ in parts]) if parts else np.empty(0, np.intp)
    if not where.size:
        return
    shapes = np.concatenate([pieces for _, pieces in parts])
    order = np.argsort(where, kind="stable")
    where, shapes = where[order], shapes[order]
    flat, first, counts = np.unique(where, return_index=True, return_counts=True)
    whole = shapes[first]
    for turn in range(1, int(counts.max())):
        more = counts > turn
        whole[more] = shapely.union(whole[more], shapes[first[more] + turn])
    share = np.clip(shapely.area(whole) / scene.grid.side**2, 0.0, 1.0)
    shares.ravel()[flat] = np.where(share > 1.0 - 4 * EDGE, 1.0, share)


def _cut(wanted: Mask, scene: _Scene, index: int, cells: CellRange) -> tuple[Index, npt.NDArray[np.object_]]:
    here = scene.touching(index, cells)
    if here is None:
        return np.empty(0, np.intp), np.empty(0, object)
    region = _region(cells, here)
    rows, cols = np.nonzero(wanted[region])
    rows, cols = rows + region[0].start, cols + region[1].start
    side = scene.grid.side
    west, south = (cells.col0 + cols) * side, (cells.row1 - 1 - rows) * side
    if scene.upright[index]:
        box = scene.boxes[index]
        edges = np.maximum(west, box[0]), np.maximum(south, box[1])
        pieces = shapely.box(*edges, np.minimum(west + side, box[2]), np.minimum(south + side, box[3]))
    else:
        pieces = shapely.intersection(shapely.box(west, south, west + side, south + side), scene.footprints[index])
    return np.asarray(rows * wanted.shape[1] + cols, np.intp), np.asarray(pieces, dtype=object)


def _take_samples(shares: Shares, wanted: Mask, scene: _Scene, cells: CellRange, files: OpenFiles) -> None:
    """Reduce the wanted cells' shares to what masks leave of them, chunk by chunk.

    A sample counts once, whatever the number of sources over it, and has imagery where any of them has.
    """
    for chunk in _chunks(cells):
        region = _region(cells, chunk)
        if not wanted[region].any():
            continue
        shape = chunk.shape[0] * SAMPLES, chunk.shape[1] * SAMPLES
        ground, hit = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for index in range(len(scene.footprints)):
            here = scene.touching(index, chunk)
            if here is not None:
                rows, cols = _region(chunk, here)
                part = (
                    slice(rows.start * SAMPLES, rows.stop * SAMPLES),
                    slice(cols.start * SAMPLES, cols.stop * SAMPLES),
                )
                _sample(ground[part], hit[part], scene, index, here, files)
        left = _per_cell(hit) / np.maximum(_per_cell(ground), 1.0)
        left[_per_cell(ground) == 0] = 1.0  # a sliver between two samples
        shares[region] = np.where(wanted[region], shares[region] * left, shares[region])


def _per_cell(samples: Mask) -> Shares:
    rows, cols = samples.shape[0] // SAMPLES, samples.shape[1] // SAMPLES
    return np.asarray(samples.reshape(rows, SAMPLES, cols, SAMPLES).sum(axis=(1, 3), dtype=np.float32))


def _chunks(cells: CellRange) -> Iterator[CellRange]:
    for row in range(cells.row0, cells.row1, CHUNK):
        for col in range(cells.col0, cells.col1, CHUNK):
            yield CellRange(row, min(row + CHUNK, cells.row1), col, min(col + CHUNK, cells.col1))


def _sample(ground: Mask, hit: Mask, scene: _Scene, index: int, cells: CellRange, files: OpenFiles) -> None:
    """Mark the samples of `cells` on the ground of one source, and those of them with imagery that are not yet hit."""
    step = scene.grid.side / SAMPLES
    x = (np.arange(cells.col0 * SAMPLES, cells.col1 * SAMPLES) + 0.5) * step
    y = (np.arange(cells.row1 * SAMPLES, cells.row0 * SAMPLES, -1) - 0.5) * step
    inside = _holds(scene, index, x, y, EDGE * scene.grid.side)
    ground |= inside
    source = scene.survey.sources[index]
    open_ = inside & ~hit
    if source.has_mask and open_.any():
        with suppress(DamagedSourceError):
            open_[open_] = _imagery(files, source, *_pixels(scene, source, x, y, open_))
    hit |= open_


def _pixels(scene: _Scene, source: Source, x: Floats, y: Floats, inside: Mask) -> tuple[Floats, Floats]:
    rows, cols = np.nonzero(inside)
    xs, ys = x[cols], y[rows]
    if not same_crs(source.crs, scene.grid.crs):
        xs, ys = transformer(scene.grid.crs, source.crs).transform(xs, ys)
    col, row = forward(~source.transform, xs, ys)
    return np.clip(col, 0, source.width - 1e-3), np.clip(row, 0, source.height - 1e-3)


def _imagery(files: OpenFiles, source: Source, col: Floats, row: Floats) -> Mask:
    col0, row0 = int(col.min()), int(row.min())
    window = Window(col0, row0, int(col.max()) + 1 - col0, int(row.max()) + 1 - row0)
    reach = CHUNK * SAMPLES
    shape = min(window.height, reach), min(window.width, reach)
    valid = read_valid(files, source, window, shape)
    if valid is None:
        return np.ones(col.shape, dtype=bool)
    rows = ((row - row0) * shape[0] / window.height).astype(np.intp)
    cols = ((col - col0) * shape[1] / window.width).astype(np.intp)
    return np.asarray(valid[rows, cols])
