"""The lattice: an infinite regular grid of chips in a projected CRS, anchored at the CRS origin.

A chip is a place. Cell (row, col) covers x in [col*S, (col+1)*S) and y in [row*S, (row+1)*S), with S the chip's side in the
CRS's own unit. Rows therefore grow to the *north*, while the rows of a raster grow to the south: `CellRange` is the only
place where the two meet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS

from landuse.errors import GeographicGridError, UsageError

CHIP_M = 224.0
CHIP_PX = 224
BLOCK = 16
_ID = re.compile(r"r(-?\d+)c(-?\d+)")

ROUNDING = 1e-9
"""Share of a cell that floating point may be off: the west edge of a cell belongs to it."""
SLIVER = 1e-6
"""Share of a cell below which ground is not worth a chip: a quarter of a millimetre."""

IntArray = npt.NDArray[np.int64]


class XY(NamedTuple):
    """A point in the CRS: easting, then northing, in the CRS's unit."""

    x: float
    y: float


@dataclass(frozen=True, order=True, slots=True)
class Cell:
    """One place of the lattice. Rows grow northwards, columns eastwards; both may be negative."""

    row: int
    col: int

    @property
    def id(self) -> str:
        """The chip id, the same in every survey year, file and machine."""
        return f"r{self.row}c{self.col}"

    @classmethod
    def parse(cls, chip_id: str) -> Cell:
        """Cell of a chip id such as ``r120c-7``. Raises `UsageError` for any other text."""
        match = _ID.fullmatch(str(chip_id))
        if match is None:
            raise UsageError(f"{chip_id!r} is not a chip id; one looks like r120c-7.")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Bounds:
    """A rectangle in the CRS's unit, half open: west and south belong to it, east and north do not."""

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        if not (self.west <= self.east and self.south <= self.north):
            raise UsageError(f"Bounds must run from west to east and from south to north, not {tuple(self)}.")

    def __iter__(self) -> Iterator[float]:
        return iter((self.west, self.south, self.east, self.north))

    def intersection(self, other: Bounds) -> Bounds | None:
        """The ground shared with `other`; None where they share none (a common edge is no ground)."""
        west, south = max(self.west, other.west), max(self.south, other.south)
        east, north = min(self.east, other.east), min(self.north, other.north)
        return Bounds(west, south, east, north) if west < east and south < north else None


@dataclass(frozen=True, order=True, slots=True)
class CellRange:
    """A rectangle of cells: rows [row0, row1), columns [col0, col1)."""

    row0: int
    row1: int
    col0: int
    col1: int

    def __post_init__(self) -> None:
        if self.row0 > self.row1 or self.col0 > self.col1:
            raise UsageError(f"A range of cells cannot end before it starts: {self}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row1 - self.row0, self.col1 - self.col0

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    def __contains__(self, cell: Cell) -> bool:
        return self.row0 <= cell.row < self.row1 and self.col0 <= cell.col < self.col1

    def __iter__(self) -> Iterator[Cell]:
        """Every cell in image order: from the north-west corner, eastwards, then southwards."""
        return (
            Cell(row, col) for row in range(self.row1 - 1, self.row0 - 1, -1) for col in range(self.col0, self.col1)
        )

    def intersection(self, other: CellRange) -> CellRange | None:
        """The cells shared with `other`, None where there is none."""
        row0, row1 = max(self.row0, other.row0), min(self.row1, other.row1)
        col0, col1 = max(self.col0, other.col0), min(self.col1, other.col1)
        return CellRange(row0, row1, col0, col1) if row0 < row1 and col0 < col1 else None

    def union(self, other: CellRange) -> CellRange:
        """The smallest range that holds both."""
        row0, row1 = min(self.row0, other.row0), max(self.row1, other.row1)
        col0, col1 = min(self.col0, other.col0), max(self.col1, other.col1)
        return CellRange(row0, row1, col0, col1)

    def arrays(self) -> tuple[IntArray, IntArray]:
        """Rows and columns of every cell, in image order; each of shape (size,), int64."""
        rows, cols = np.meshgrid(
            np.arange(self.row1 - 1, self.row0 - 1, -1), np.arange(self.col0, self.col1), indexing="ij"
        )
        return rows.ravel().astype(np.int64), cols.ravel().astype(np.int64)

    def image_index(self, rows: IntArray, cols: IntArray) -> tuple[IntArray, IntArray]:
        """Array indices of cells in an image of this range, whose first line is the northernmost row."""
        return self.row1 - 1 - rows, cols - self.col0

    @classmethod
    def around(cls, rows: IntArray, cols: IntArray) -> CellRange:
        """The smallest range that holds the given cells (at least one)."""
        return cls(int(rows.min()), int(rows.max()) + 1, int(cols.min()), int(cols.max()) + 1)


@dataclass(frozen=True, order=True, slots=True)
class Block:
    """A lattice-aligned square of `span` x `span` cells: the unit of locality, retry, resume and quarantine."""

    row: int
    col: int
    span: int = BLOCK

    @property
    def id(self) -> str:
        """A name that sorts and is safe in a file name."""
        return f"b{self.row}_{self.col}_{self.span}"

    @property
    def cells(self) -> CellRange:
        """The cells of this block."""
        row, col = self.row * self.span, self.col * self.span
        return CellRange(row, row + self.span, col, col + self.span)

    @classmethod
    def of(cls, cell: Cell, span: int = BLOCK) -> Block:
        """The block that holds `cell`."""
        return cls(cell.row // span, cell.col // span, span)


@dataclass(frozen=True)
class ChipGrid:
    """The infinite lattice of chips in one projected CRS.

    Args:
        crs: projected CRS; its unit may be the metre or a foot.
        chip_m: ground side of a chip in metres.

    Raises:
        GeographicGridError: the CRS is in degrees.
        UsageError: the CRS has no plane unit, or a size is not positive.
    """

    crs: CRS
    chip_m: float = CHIP_M
    chip_px: int = CHIP_PX

    def __post_init__(self) -> None:
        if not (self.chip_m > 0 and math.isfinite(self.chip_m) and self.chip_px > 0):
            raise UsageError(f"A chip needs a positive size, not {self.chip_m} m and {self.chip_px} pixels.")
        if self.crs.is_geographic:
            raise GeographicGridError(
                f"{self.crs.name} is in degrees, so a chip of {self.chip_m:g} m has no fixed size in it; "
                "give a projected CRS, for example --crs EPSG:26919 (the UTM zone) or EPSG:5070 (Albers)."
            )
        if not self.crs.is_projected:
            raise UsageError(f"{self.crs.name} is not a projected CRS; give one with --crs EPSG:n.")

    @cached_property
    def metres_per_unit(self) -> float:
        """Length of the CRS's unit in metres: 1, or 0.3048 and the like for feet."""
        return float(self.crs.axis_info[0].unit_conversion_factor)

    @cached_property
    def side(self) -> float:
        """Side of a chip in the CRS's unit."""
        return self.chip_m / self.metres_per_unit

    @cached_property
    def pixel(self) -> float:
        """Side of a chip's pixel in the CRS's unit."""
        return self.side / self.chip_px

    def cell_at(self, point: XY) -> Cell:
        """The cell that covers a point: the floor, never the nearest."""
        return Cell(_floor(point.y / self.side, ROUNDING), _floor(point.x / self.side, ROUNDING))

    def bounds(self, cells: Cell | CellRange) -> Bounds:
        """Ground of one cell or of a range of cells, in the CRS's unit."""
        span = CellRange(cells.row, cells.row + 1, cells.col, cells.col + 1) if isinstance(cells, Cell) else cells
        side = self.side
        return Bounds(span.col0 * side, span.row0 * side, span.col1 * side, span.row1 * side)

    def centre(self, cell: Cell) -> XY:
        """Middle of a cell."""
        return XY((cell.col + 0.5) * self.side, (cell.row + 0.5) * self.side)

    def transform(self, cells: Cell | CellRange, pixels_per_cell: int | None = None) -> Affine:
        """North-up transform of the image of `cells`, with `chip_px` (or the given number of) pixels a cell side."""
        bounds, pixel = self.bounds(cells), self.side / (pixels_per_cell or self.chip_px)
        return Affine(pixel, 0.0, bounds.west, 0.0, -pixel, bounds.north)

    def touching(self, bounds: Bounds) -> CellRange:
        """Cells that share ground with `bounds`, slivers under a millionth of a cell apart.

        An empty rectangle touches the cell of its corner.
        """
        west, south, east, north = (edge / self.side for edge in bounds)
        row0, col0 = _floor(south, SLIVER), _floor(west, SLIVER)
        return CellRange(row0, max(_ceil(north, SLIVER), row0 + 1), col0, max(_ceil(east, SLIVER), col0 + 1))

    def within(self, bounds: Bounds) -> CellRange | None:
        """Cells that lie wholly inside `bounds` (a millionth of a cell may stick out); None where not one fits."""
        west, south, east, north = (edge / self.side for edge in bounds)
        row0, row1, col0, col1 = _ceil(south, SLIVER), _floor(north, SLIVER), _ceil(west, SLIVER), _floor(east, SLIVER)
        return CellRange(row0, row1, col0, col1) if row0 < row1 and col0 < col1 else None

    def polygons(self, rows: IntArray, cols: IntArray) -> npt.NDArray[np.object_]:
        """Footprints of cells as shapely polygons, anticlockwise, in the CRS."""
        import shapely

        side = self.side
        return np.asarray(shapely.box(cols * side, rows * side, (cols + 1) * side, (rows + 1) * side))

    def same_lattice(self, other: ChipGrid) -> bool:
        """Whether a chip id means the same ground in both (pixels of a chip may differ)."""
        return math.isclose(self.chip_m, other.chip_m, rel_tol=1e-9) and self.crs.equals(other.crs)

    def with_cell(self, cell_m: float) -> ChipGrid:
        """The lattice of smaller or larger cells in the same CRS, with pixels of the same ground size."""
        return replace(self, chip_m=cell_m, chip_px=max(1, round(self.chip_px * cell_m / self.chip_m)))

    def as_dict(self) -> dict[str, str | float | int]:
        """What `run.json` keeps; `from_dict` reads it."""
        return {"crs": crs_text(self.crs), "chip_m": self.chip_m, "chip_px": self.chip_px}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ChipGrid:
        """The grid that `as_dict` described."""
        return cls(CRS.from_user_input(values["crs"]), float(values["chip_m"]), int(values["chip_px"]))


def crs_text(crs: CRS) -> str:
    """A CRS as text that gives the very same one back: ``EPSG:26919`` where an authority's CRS equals it, else WKT 2.

    The nearest code that pyproj finds is not enough: a UTM zone on GRS 80 without a datum is not Greenland's.
    """
    authority = crs.to_authority()
    if authority is not None and CRS.from_authority(*authority).equals(crs):
        return ":".join(authority)
    return crs.to_wkt()


def chip_ids(rows: IntArray, cols: IntArray) -> npt.NDArray[np.object_]:
    """Chip ids of many cells, as an object array of str."""
    return np.array([f"r{r}c{c}" for r, c in zip(rows.tolist(), cols.tolist(), strict=True)], dtype=object)


def _floor(value: float, tolerance: float) -> int:
    nearest = round(value)
    return nearest if abs(value - nearest) <= tolerance else math.floor(value)


def _ceil(value: float, tolerance: float) -> int:
    return -_floor(-value, tolerance)
