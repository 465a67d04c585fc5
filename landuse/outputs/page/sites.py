"""What pages show of a change site: the mean of its cells' probabilities, and both dates' imagery at native pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from landuse.errors import ConfigError
from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.outputs.categories import plain_text
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.map_writer import PROBABILITIES
from landuse.outputs.page.folders import MapYear, Place
from landuse.outputs.views import Viewer, data_address


def site_vectors(year: MapYear, sites: Sequence[Place], index: Mapping[str, int]) -> npt.NDArray[np.int64] | None:
    """Mean probabilities of sites in per cent, (sites, classes), classes by `index`; None where the year has none.

    A site without a known cell has zeros.
    """
    path = year.folder / PROBABILITIES
    if not sites or not path.is_file():
        return None
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            ids = _numbered(sites, dataset)
            found = np.zeros((len(sites), len(index)))
            for band, name in enumerate(dataset.descriptions, 1):
                position = index.get(plain_text(name or ""))
                if position is not None:
                    found[:, position] = _means(ids, dataset.read(band), len(sites))
    except RASTER_ERRORS as error:
        raise ConfigError(f"{path} is damaged: its pixels cannot be read.") from error
    return np.round(100 * found).astype(np.int64)


def _numbered(sites: Sequence[Place], dataset: rasterio.DatasetReader) -> npt.NDArray[np.int32]:
    """The number of the site on each cell, from 1; 0 where there is none."""
    to_grid = Transformer.from_crs(4326, CRS.from_user_input(dataset.crs), always_xy=True)
    shapes = [
        (
            {
                "type": "MultiPolygon",
                "coordinates": [[_carried(ring, to_grid) for ring in rings] for rings in site.polygons],
            },
            i,
        )
        for i, site in enumerate(sites, 1)
    ]
    ids: npt.NDArray[np.int32] = rasterize(shapes, dataset.shape, transform=dataset.transform, dtype="int32")
    return ids


def _carried(ring: Sequence[Sequence[float]], to_grid: Transformer) -> list[tuple[float, float]]:
    lon, lat = np.asarray(ring, np.float64)[:, :2].T
    return list(zip(*(side.tolist() for side in to_grid.transform(lon, lat)), strict=True))


def _means(ids: npt.NDArray[np.int32], values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """Mean of the known values of each number, (count,)."""
    here = (ids > 0) & np.isfinite(values)
    cells = np.bincount(ids[here], minlength=count + 1)[1:]
    total = np.bincount(ids[here], weights=values[here], minlength=count + 1)[1:]
    return np.asarray(total / np.maximum(cells, 1))


Ring = npt.NDArray[np.float64]
PARTS = 4
"""Parts of a cell's side: pictures begin and end on them, a part beyond the site."""


@dataclass(frozen=True)
class SitePicture:
    """A site in both years.

    Attributes:
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
    side = max(cells.shape) + 2
    rows, cols = side - cells.shape[0], side - cells.shape[1]
    row0, col0 = cells.row0 - rows // 2, cells.col0 - cols // 2
    return CellRange(row0, row0 + side, col0, col0 + side)
