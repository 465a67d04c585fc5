"""Chip images: one PNG or GeoTIFF a chip, in a folder for each class."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet
from landuse.engine.progress import Progress
from landuse.engine.runner import Runner
from landuse.errors import BandsError, EngineError
from landuse.grid import Cell, ChipGrid, IntArray
from landuse.legend import UNMAPPED, CodeArray, Legend
from landuse.mosaic import MosaicReader, Pixels, Survey
from landuse.mosaic.gdal import gdal_context

ImageFormat = Literal["png", "tif"]
UNLABELLED = "chips"
PNG_BANDS = (1, 3)
PNG_LEVEL = 3
"""Two and a half times as fast as the usual 6, for files an eighth larger."""
LONGEST_NAME = 60


@dataclass(frozen=True, eq=False)
class ChipImages:
    """One block's chips to write: the sources they are read from, their cells and class codes (0 = none)."""

    survey: Survey
    rows: IntArray
    cols: IntArray
    labels: CodeArray


@dataclass(frozen=True)
class ExportTask:
    """Writes the images of one block's chips; runs in any worker that sees `folder`."""

    grid: ChipGrid
    folder: Path
    image_format: ImageFormat
    names: Mapping[int, str]

    def __call__(self, work: ChipImages) -> int:
        """Write the images; return how many. Raises `DamagedSourceError` where a source cannot be read."""
        places = {label: self.folder / self.names[label] for label in np.unique(work.labels).tolist()}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        with MosaicReader(work.survey, self.grid) as reader:
            for row, col, label in zip(work.rows.tolist(), work.cols.tolist(), work.labels.tolist(), strict=True):
                cell = Cell(row, col)
                write_image(places[label] / f"{cell.id}.{self.image_format}", reader.read(cell), self.grid, cell)
        return len(work.rows)


def export_chips(chips: ChipSet, folder: Path, image_format: ImageFormat, runner: Runner) -> int:
    """Write the image of every chip as ``folder/<label or chips>/<chip_id>.<ext>``.

    Pixels without imagery are 0; a GeoTIFF also says so in its mask. Chips without a label go to ``chips``.

    Args:
        image_format: png (grey or RGB), or tif (any bands, georeferenced).

    Returns:
        How many images were written.

    Raises:
        BandsError: PNG cannot hold this number of bands.
        DamagedSourceError: pixels of a source cannot be read.
        EngineError: workers of another machine wrote to a folder that this one cannot see.
    """
    bands = len(chips.survey.bands)
    if image_format == "png" and bands not in PNG_BANDS:
        raise BandsError(f"A PNG holds 1 or 3 bands, and the chips have {bands}; export them with --export tif.")
    names = folder_names(chips.legend) if chips.legend else {UNMAPPED: UNLABELLED}
    labels = np.zeros(len(chips), np.uint8) if chips.labels is None else chips.labels
    task = ExportTask(chips.grid, folder.absolute(), image_format, names)
    work = [
        ChipImages(sources_of(chips, part), chips.rows[part], chips.cols[part], labels[part])
        for _, part in chips.blocks()
    ]
    with Progress(len(chips), "images", "writing") as progress:
        progress.begin()
        written = sum(runner.map(task, work, progress.advance))
    if not all((folder / names[label]).is_dir() for label in np.unique(labels).tolist()):
        raise EngineError(f"The workers do not share {folder} with this machine; export with --master inline.")
    return written


def sources_of(chips: ChipSet, part: slice) -> Survey:
    """The sources that some chips are read from, and no others."""
    return chips.survey.part(np.unique(chips.sources.part(part).numbers).tolist())


def write_image(path: Path, pixels: Pixels, grid: ChipGrid, cell: Cell) -> None:
    """Write one chip; the suffix of `path` says in which format."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    data = np.moveaxis(pixels.data, -1, 0)
    shape = {"count": data.shape[0], "height": data.shape[1], "width": data.shape[2], "dtype": "uint8"}
    with gdal_context(GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a PNG has no place for it
        if path.suffix == ".png":
            with rasterio.open(path, "w", driver="PNG", ZLEVEL=PNG_LEVEL, **shape) as image:
                image.write(data)
            return
        with rasterio.open(path, "w", **shape, **_georeference(grid, cell)) as image:
            image.write(data)
            if not pixels.valid.all():
                image.write_mask(_mask(pixels.valid))


def _georeference(grid: ChipGrid, cell: Cell) -> dict[str, Any]:
    return {"driver": "GTiff", "crs": grid.crs.to_wkt(), "transform": grid.transform(cell), "compress": "deflate"}


def _mask(valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.where(valid, 255, 0).astype(np.uint8)


def folder_names(legend: Legend) -> Mapping[int, str]:
    """A folder name for the code of each class: the class's own name as far as it is safe in a path, each different.

    A legend may come from a stranger, so separators, leading dots, control signs and names of devices never reach the path.
    """
    names: dict[int, str] = {UNMAPPED: UNLABELLED}
    taken = {UNLABELLED}
    for c in legend.classes:
        name = safe_name(c.name) or f"class_{c.code}"
        while name.casefold() in taken:
            name = f"{name}_{c.code}"
        taken.add(name.casefold())
        names[c.code] = name
    return names


def safe_name(text: str) -> str:
    """`text` with everything but letters, digits, spaces, commas, hyphens and brackets as underscores; may come out empty."""
    name = re.sub(r"[^\w ,()&-]+", "_", text)[:LONGEST_NAME].strip(" _-")
    return f"{name}_" if re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", name) else name
