"""Both dates' imagery of change sites at native pixels, the likeliest sites first, within what the page may weigh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.outputs.page.folders import MapChange, MapYear, Place
from landuse.outputs.views import Viewer, data_address, imagery_of

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


def site_pictures(change: MapChange, years: Sequence[MapYear], budget: int) -> dict[int, SitePicture]:
    """Pictures of sites by their position, the likeliest and then the largest first, until `budget` bytes are used.

    There are none where the comparison names no two years of the page, or their imagery is not on this machine any more.
    """
    pair = [next((y for y in years if y.label == label), None) for label in (change.before, change.after)]
    before, after = pair
    if before is None or after is None:
        return {}
    first, second = imagery_of(before.folder), imagery_of(after.folder)
    if first is None or second is None:
        return {}
    found: dict[int, SitePicture] = {}
    with ExitStack() as stack:
        fine = parted(first.grid)
        viewers = [stack.enter_context(Viewer(chips.survey, fine)) for chips in (first, second)]
        for position in _order(change.sites):
            picture = picture_of(_rings(change.sites[position], fine), viewers)
            if picture is None:
                continue
            budget -= picture.size
            if budget < 0:
                break
            found[position] = picture
    return found


def _order(sites: Sequence[Place]) -> Iterator[int]:
    """Positions of sites, the likeliest first, among equals the largest."""
    keys = [(-(site.numbers["probability"] or 0.0), -(site.numbers["area_ha"] or 0.0)) for site in sites]
    yield from sorted(range(len(sites)), key=keys.__getitem__)


def parted(grid: ChipGrid) -> ChipGrid:
    """The lattice of which pictures of sites take whole cells."""
    return grid.with_cell(grid.chip_m / PARTS)


def _rings(site: Place, grid: ChipGrid) -> list[Ring]:
    to_grid = Transformer.from_crs(4326, grid.crs, always_xy=True)
    shells = [np.asarray(rings[0], np.float64)[:, :2] for rings in site.polygons]
    return [np.stack(to_grid.transform(shell[:, 0], shell[:, 1]), axis=1) for shell in shells]


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
