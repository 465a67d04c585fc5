"""How much of each cell's ground counts: all of it, but for what no imagery shows and what lies beyond the area of interest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS

from landuse.chips import CHIPS_FILE
from landuse.chips.table_file import TableFile, damage_named, open_file
from landuse.grid import ChipGrid, IntArray
from landuse.outputs.areas import boxes_of_raster, raster_areas_ha, share_within

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

KEPT_GROUPS = 64
"""Row groups of a chip table that stay in memory, some megabytes."""
Floats = npt.NDArray[np.float64]
Group = tuple[IntArray, IntArray, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class SeenGround:
    """The part of each cell of a map of chips that has imagery.

    Attributes:
        table: the chip table of the map.
        top, left: row and column in the lattice of the map's first cell.
    """

    table: TableFile
    top: int
    left: int

    def shares(self, rows: slice, cols: slice) -> npt.NDArray[np.float32]:
        """Share (h, w) of each cell of a window of the map; 1 where the table has none."""
        found = np.ones((rows.stop - rows.start, cols.stop - cols.start), np.float32)
        for number, (south, north) in enumerate(self._reach):
            if self.top - north < rows.stop and self.top - south >= rows.start:
                chip_rows, chip_cols, valid = self._group(number)
                lines, columns = self.top - chip_rows - rows.start, chip_cols - self.left - cols.start
                inside = (lines >= 0) & (lines < found.shape[0]) & (columns >= 0) & (columns < found.shape[1])
                found[lines[inside], columns[inside]] = valid[inside]
        return found

    @cached_property
    def _reach(self) -> list[tuple[int, int]]:
        """First and last lattice row of each row group."""
        meta = self.table.file.metadata
        place = self.table.file.schema_arrow.names.index("row")
        told = [meta.row_group(number).column(place).statistics for number in range(meta.num_row_groups)]
        if all(one is not None and one.has_min_max for one in told):
            return [(int(one.min), int(one.max)) for one in told]
        return [(int(rows.min()), int(rows.max())) for rows, _, _ in map(self._group, range(meta.num_row_groups))]

    @cached_property
    def _group(self) -> Callable[[int], Group]:
        return lru_cache(KEPT_GROUPS)(self._read)

    def _read(self, number: int) -> Group:
        """Rows, columns and shares of the chips of a row group."""
        with damage_named(self.table.path):
            one = replace(self.table, groups=(number,))
            return one.numbers("row", "int64"), one.numbers("col", "int64"), one.numbers("valid", "float32")


def seen_ground(folder: Path, grid: ChipGrid | None, transform: Affine) -> SeenGround | None:
    """What a folder of classify says of its imagery; None where it has no chip table of the map's own lattice."""
    if grid is None or not (folder / CHIPS_FILE).is_file():
        return None
    table = open_file(folder / CHIPS_FILE)
    if table.grid != grid:
        return None
    return SeenGround(table, round(transform.f / grid.side) - 1, round(transform.c / grid.side))


@dataclass(frozen=True, eq=False)
class CountedGround:
    """The ground of a raster, in bands of its lines.

    Attributes:
        transform, crs: where it lies.
        width: its columns.
        seen: what has imagery, and the rows and columns of the raster in the map that this is known of.
    """

    transform: Affine
    crs: CRS
    width: int
    seen: tuple[tuple[SeenGround | None, tuple[slice, slice]], ...]

    def in_sight(self, rows: slice) -> Floats:
        """Hectares (h, W) on the ellipsoid of the cells of some lines, as far as there is imagery."""
        corner = self.transform @ Affine.translation(0, rows.start)
        areas = raster_areas_ha(corner, self.crs, (rows.stop - rows.start, self.width))
        shares = [
            ground.shares(slice(down.start + rows.start, down.start + rows.stop), right)
            for ground, (down, right) in self.seen
            if ground is not None
        ]
        return np.asarray(areas * np.min(shares, axis=0)) if shares else areas

    def hectares(self, rows: slice) -> Floats:
        """The same within the area of interest."""
        areas = self.in_sight(rows)
        if self.area is None:
            return areas
        if not self.area.area:  # two areas of interest that share no ground
            return np.zeros_like(areas)
        lines, cols = np.indices(areas.shape).reshape(2, -1)
        inside = share_within(self.area, boxes_of_raster(self.transform, lines + rows.start, cols))
        return np.asarray(areas * inside.reshape(areas.shape))

    @cached_property
    def area(self) -> BaseGeometry | None:
        """The area of interest of all maps; None where there is none."""
        import shapely

        given = [ground.table.area for ground, _ in self.seen if ground is not None]
        shapes = [shape for wkb in given if wkb is not None and (shape := shapely.from_wkb(wkb)).area]
        return shapely.intersection_all(shapes) if shapes else None
