"""Pictures of ground in a survey at the imagery's own pixels: of cells with their surroundings, and of change sites."""

from __future__ import annotations

import base64
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.io import MemoryFile

from landuse.chips import CHIPS_FILE, Chips, open_chips
from landuse.errors import LanduseError
from landuse.grid import Bounds, Cell, CellRange, ChipGrid
from landuse.mosaic import MosaicReader, Survey
from landuse.mosaic.gdal import gdal_context
from landuse.mosaic.source import metric_scale

MOST_PX, LEAST_PX = 448, 8
"""Pixels of a picture's side: no more than a page can hold hundreds of."""
AROUND = 1
"""Cells of surroundings on each side."""
QUALITY = "80"
EMPTY = 200
"""Grey of ground without imagery."""
Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """One date's pictures of a place, as data addresses; empty where its imagery cannot be read."""

    close: str
    wide: str


NOTHING = Look("", "")


@dataclass
class Viewer:
    """Draws ground of a survey. A context manager; readers are kept for each size of pixel."""

    survey: Survey
    grid: ChipGrid
    readers: dict[int, MosaicReader] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def picture(self, cells: CellRange, most_px: int = MOST_PX) -> Rgb | None:
        """The ground of some cells (H, W, 3) at native pixels, or fewer; None where it cannot be read."""
        px = max(LEAST_PX, min(native_px(self.survey, self.grid), most_px // max(cells.shape)))
        try:
            pixels = self._reader(px).read(cells)
        except (LanduseError, OSError):
            return None
        image = np.where(pixels.valid[..., None], pixels.data, np.uint8(EMPTY))
        return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)

    def _reader(self, px: int) -> MosaicReader:
        if px not in self.readers:
            fine = ChipGrid(self.grid.crs, self.grid.chip_m, px)
            self.readers[px] = self.stack.enter_context(MosaicReader(self.survey, fine))
        return self.readers[px]


def imagery_of(folder: Path, *, remote: bool = False) -> Chips | None:
    """The chips that a folder of `classify` was made of; None where their rasters cannot be read.

    A folder may come from a stranger, so nothing that it names is fetched from elsewhere, unless `remote` allows it.
    """
    try:
        chips = open_chips(folder / CHIPS_FILE)
    except (LanduseError, OSError):
        return None
    return chips if len(chips) and chips.survey.sources and (remote or at_hand(chips.survey)) else None


def at_hand(survey: Survey) -> bool:
    """Whether every raster is a file on this machine."""
    return all(Path(path).is_file() for source in survey.sources for path in source.paths)


def native_px(survey: Survey, grid: ChipGrid) -> int:
    """Pixels of a cell's side at which the finest source shows all it has."""
    finest = max(metric_scale(source, grid.crs, grid.side) for source in survey.sources)
    return math.ceil(finest - 1e-6) if math.isfinite(finest) else MOST_PX


def looks(folder: Path, grid: ChipGrid, cells: Iterable[Cell]) -> Iterator[Look]:
    """Pictures of cells, close up and with their surroundings; empty ones where the imagery is not there any more."""
    chips = imagery_of(folder)
    if chips is None:
        yield from (NOTHING for _ in cells)
        return
    with Viewer(chips.survey, grid) as viewer:
        for cell in cells:
            yield _look(viewer, cell)


def _look(viewer: Viewer, cell: Cell) -> Look:
    close = viewer.picture(CellRange(cell.row, cell.row + 1, cell.col, cell.col + 1))
    around = CellRange(cell.row - AROUND, cell.row + AROUND + 1, cell.col - AROUND, cell.col + AROUND + 1)
    wide = viewer.picture(around)
    return NOTHING if close is None or wide is None else Look(data_address(close), data_address(wide))


def data_address(rgb: Rgb) -> str:
    """A data address of an image (H, W, 3) as WebP."""
    data = encoded(np.moveaxis(rgb, 2, 0), QUALITY=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def encoded(bands: npt.NDArray[np.uint8], driver: str = "WEBP", **options: str) -> bytes:
    """The file of an image (C, H, W): red, green, blue, and opacity where there is a fourth."""
    count, height, width = bands.shape
    profile = {"driver": driver, "height": height, "width": width, "count": count, "dtype": "uint8"}
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with gdal_context(GDAL_PAM_ENABLED="NO"), memory.open(**profile, **options) as dataset:
            dataset.write(bands)
        return bytes(memory.read())


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


def picture_of(rings: Sequence[npt.NDArray[np.float64]], viewers: Sequence[Viewer]) -> SitePicture | None:
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
