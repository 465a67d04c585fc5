"""Both dates' imagery of a change site at native pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.outputs.views import Viewer, data_address

Ring = npt.NDArray[np.float64]
PARTS = 4
"""Parts of a cell's side: pictures begin and end on them, a part beyond the site."""


@dataclass(frozen=True)
class SitePicture:
    """A site in both years.

    Attributes:
        before, after: data addresses.
        outline: rings of the site, corners as shares of the picture's width and height from its upper left.
    """

    before: str
    after: str
    outline: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return len(self.before) + len(self.after)


def parted(grid: ChipGrid) -> ChipGrid:
    """The lattice of which pictures of sites take whole cells."""
    return grid.with_cell(grid.chip_m / PARTS)


def picture_of(rings: Sequence[Ring], viewers: Sequence[Viewer]) -> SitePicture | None:
    """A site seen by the viewers of both dates, which share a lattice that is `parted`; None where one sees nothing.

    Args:
        rings: outlines of the site, (n, 2) each, in the CRS of the lattice.
        viewers: of the earlier and of the later survey.
    """
    grid, points = viewers[0].grid, np.concatenate(rings)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    cells = _square(grid.touching(Bounds(west, south, east, north)))
    images = [viewer.picture(cells) for viewer in viewers]
    if images[0] is None or images[1] is None:
        return None
    frame = grid.bounds(cells)
    corner, size = np.array([frame.west, frame.north]), np.array([frame.east - frame.west, frame.south - frame.north])
    outline = tuple(tuple((round(x, 4), round(y, 4)) for x, y in ((ring - corner) / size).tolist()) for ring in rings)
    return SitePicture(data_address(images[0]), data_address(images[1]), outline)


def _square(cells: CellRange) -> CellRange:
    """The smallest square of cells around a range, with a cell to spare on each side."""
    side = max(cells.shape) + 2
    rows, cols = side - cells.shape[0], side - cells.shape[1]
    row0, col0 = cells.row0 - rows // 2, cells.col0 - cols // 2
    return CellRange(row0, row0 + side, col0, col0 + side)
