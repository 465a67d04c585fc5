"""Cloud-optimised GeoTIFFs of any size: filled block by block, then laid out by GDAL's COG driver.

Class codes are never averaged: their overviews hold the most frequent code. The names of classes travel three ways: in the
file's own tags, in the PAM sidecar (``.aux.xml``) that GDAL and QGIS read, and as the whole legend in the tag
``LANDUSE_LEGEND``, from which `landuse.outputs.class_raster.read_class_raster` gets it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio._err import CPLE_BaseError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from landuse.errors import LanduseError, UsageError
from landuse.grid import Bounds
from landuse.legend import LEGEND_TAG, CodeArray, Legend
from landuse.models.learnt_features import NONE, STEP
from landuse.mosaic.gdal import block_cache, gdal_context
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.categories import (
    Categories,
    CodeTotals,
    categories_of,
    change_categories,
    palette_of,
    plain_text,
    write_sidecar,
)
from landuse.version import __version__

NAMES_TAG = "CLASS_NAMES"
SHARE_UNIT = "1"
"""Unit of a probability: a pure number, as UDUNITS writes it."""
RASTER_ERRORS = (rasterio.errors.RasterioError, CPLE_BaseError)
"""What rasterio raises: its own errors, and from copying those of GDAL as they are."""
TILE = 512
CACHE_BYTES = 2 * 2**20
"""GDAL's block cache while a raster is written: a row of blocks of a county. More makes the same file out of more memory."""
SCRATCH = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": 256,
    "blockysize": 16,  # maps come in strips of 16 lines, and GDAL keeps what is not whole in memory
    "BIGTIFF": "IF_SAFER",
    "SPARSE_OK": "TRUE",
}
FRUGAL = {"COG_TMP_COMPRESSION": "LZW", "GDAL_OVR_CHUNK_MAX_SIZE": str(2**20)}
"""How overviews are made: of small pieces and without Zstandard, which takes ten megabytes for each. Only rounding differs."""
COG = {"driver": "COG", "COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER", "BLOCKSIZE": str(TILE)}
"""Written on one thread: more hold tens of megabytes of blocks in their queues, and a map is a small raster."""


@dataclass(frozen=True)
class Place:
    """Where a raster lies: CRS, north-up transform (pixel to CRS), shape (rows, columns)."""

    crs: CRS
    transform: Affine
    shape: tuple[int, int]


def bounds_of(place: Place) -> Bounds:
    """The rectangle around a raster, in its CRS."""
    west, north = place.transform.c, place.transform.f
    east, south = west + place.shape[1] * place.transform.a, north + place.shape[0] * place.transform.e
    return Bounds(west, south, east, north)


@dataclass(frozen=True)
class BlockWriter:
    """Fills a raster piece by piece, in any order. What is never written stays no data."""

    dataset: Any
    shape: tuple[int, int]

    def write(self, block: npt.NDArray[Any], row_off: int, col_off: int) -> None:
        """Write `block`, of shape (h, w) or (bands, h, w), with its north-west pixel at (`row_off`, `col_off`).

        Raises:
            UsageError: the block reaches beyond the raster, or has another number of bands.
        """
        stack = block[np.newaxis] if block.ndim == 2 else block
        height, width = stack.shape[1:]
        inside = 0 <= row_off <= self.shape[0] - height and 0 <= col_off <= self.shape[1] - width
        if not inside or len(stack) != self.dataset.count:
            raise UsageError(
                f"A block of shape {block.shape} at row {row_off}, column {col_off} does not fit a raster of "
                f"{self.dataset.count} bands and {self.shape[0]} x {self.shape[1]} pixels."
            )
        self.dataset.write(stack, window=Window(col_off, row_off, width, height))


class CodeWriter:
    """Fills a raster of codes piece by piece.

    Attributes:
        totals: cells and hectares of what was written so far.
    """

    def __init__(self, blocks: BlockWriter, place: Place, totals: CodeTotals) -> None:
        self._blocks, self._place, self.totals = blocks, place, totals

    def write(
        self, block: npt.NDArray[Any], row_off: int, col_off: int, areas_ha: npt.NDArray[np.float64] | None = None
    ) -> None:
        """Write `block`, of shape (h, w), with its north-west pixel at (`row_off`, `col_off`).

        Args:
            block: codes, 0 = no data.
            areas_ha: hectares of each cell that count for its class, (h, w); None is the whole of each, on the ellipsoid.

        Raises:
            UsageError: the block reaches beyond the raster.
        """
        self._blocks.write(block, row_off, col_off)
        if areas_ha is None:
            corner = self._place.transform @ Affine.translation(col_off, row_off)
            areas_ha = raster_areas_ha(corner, self._place.crs, (block.shape[0], block.shape[1]))
        self.totals.add(block, areas_ha)


@contextmanager
def class_cog(path: Path, place: Place, legend: Legend, tags: Mapping[str, str] | None = None) -> Iterator[CodeWriter]:
    """Yield a writer of class codes (in the legend's dtype, 0 = no data).

    At the end `path` is a COG with palette and class names, and ``path.aux.xml`` says how much ground each class has.

    Raises:
        LanduseError: the file cannot be written (full disk, no permission). Nothing is left behind.
    """
    with _code_cog(path, place, categories_of(legend), "land use", legend.dtype.name) as (writer, dataset):
        names = dict(zip(legend.codes, map(plain_text, legend.names), strict=True))
        dataset.update_tags(**{NAMES_TAG: json.dumps(names), LEGEND_TAG: legend.model_dump_json()} | dict(tags or {}))
        yield writer


@contextmanager
def change_cog(path: Path, place: Place, legend: Legend, numbers: Mapping[str, int]) -> Iterator[CodeWriter]:
    """Yield a writer of changes (uint16, 100 x from + to; 0 = no change or no data), as `class_cog`.

    A change is named ``Cultivated -> Developed`` and has the colour of what the ground became.
    """
    with _code_cog(path, place, change_categories(legend, numbers), "100 x from + to", "uint16") as (writer, dataset):
        dataset.update_tags(**{NAMES_TAG: json.dumps({number: plain_text(name) for name, number in numbers.items()})})
        yield writer


@contextmanager
def _code_cog(
    path: Path, place: Place, categories: Categories, description: str, dtype: str
) -> Iterator[tuple[CodeWriter, Any]]:
    """Yield a counting writer and its dataset; write the sidecar at the end."""
    totals = CodeTotals(max(c.value for c in categories) if categories else 0)
    profile = _profile(place, dtype, 1)
    with _scratch(path, profile, resampling="MODE") as dataset:
        dataset.write_colormap(1, palette_of(categories))
        dataset.set_band_description(1, description)
        yield CodeWriter(BlockWriter(dataset, place.shape), place, totals), dataset
    write_sidecar(path, categories, totals)


@contextmanager
def bands_cog(
    path: Path, place: Place, names: Sequence[str], tags: Mapping[str, str] | None = None
) -> Iterator[BlockWriter]:
    """Yield a writer of probabilities (float32, NaN = no data), a named band for each of `names`; at the end `path` is a COG.

    Overviews are means of what there is. Raises as `class_cog`.
    """
    with _scratch(path, _profile(place, "float32", len(names)), "AVERAGE") as dataset:
        for band, name in enumerate(names, 1):
            dataset.set_band_description(band, plain_text(name))
            dataset.set_band_unit(band, SHARE_UNIT)
        dataset.update_tags(**(tags or {}))
        yield BlockWriter(dataset, place.shape)


def write_class_cog(path: Path, codes: CodeArray, transform: Affine, crs: CRS, legend: Legend) -> None:
    """Write class codes of shape (H, W) that fit in memory; see `class_cog`."""
    with class_cog(path, Place(crs, transform, (codes.shape[0], codes.shape[1])), legend) as writer:
        writer.write(codes, 0, 0)


def write_bands_cog(
    path: Path, bands: npt.NDArray[np.float32], transform: Affine, crs: CRS, names: Sequence[str]
) -> None:
    """Write probabilities of shape (B, H, W) that fit in memory; see `bands_cog`."""
    with bands_cog(path, Place(crs, transform, (bands.shape[1], bands.shape[2])), names) as writer:
        writer.write(bands, 0, 0)


def _profile(place: Place, dtype: str, count: int) -> dict[str, Any]:
    """Creation profile of the scratch file, which is not compressed so that blocks can be rewritten in place."""
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    return SCRATCH | {
        "height": place.shape[0],
        "width": place.shape[1],
        "count": count,
        "dtype": dtype,
        "crs": rasterio.crs.CRS.from_wkt(place.crs.to_wkt()),
        "transform": place.transform,
        "nodata": float("nan") if floating else 0,
        "interleave": "band",
    }


@contextmanager
def components_cog(path: Path, place: Place, count: int) -> Iterator[BlockWriter]:
    """Yield a writer of principal components as bytes (`learnt_features.to_bytes`), 0 = no data; at the end a COG."""
    with _scratch(path, _profile(place, "uint8", count), "NEAREST") as dataset:
        for band in range(1, count + 1):
            dataset.set_band_description(band, f"component {band}")
        dataset.scales, dataset.offsets = (1 / STEP,) * count, (-NONE / STEP,) * count
        yield BlockWriter(dataset, place.shape)


@contextmanager
def _scratch(path: Path, profile: dict[str, Any], resampling: str) -> Iterator[Any]:
    """Yield a dataset beside `path` to fill; copy it to `path` as a COG afterwards; remove it in any case."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.scratch.tif")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial.tif")
    predictor = {"PREDICTOR": "YES"} if profile["dtype"].startswith("float") else {}
    try:
        with gdal_context(**FRUGAL), block_cache(CACHE_BYTES):
            with rasterio.open(scratch, "w", **profile) as dataset:
                dataset.update_tags(TIFFTAG_SOFTWARE=f"landuse {__version__}")
                yield dataset
            copy_raster(scratch, partial, **COG, **predictor, OVERVIEW_RESAMPLING=resampling)
        partial.replace(path)
    except (*RASTER_ERRORS, OSError) as error:
        raise LanduseError(f"Cannot write {path}: {error}.") from error
    finally:
        for file in (scratch, partial):
            for name in (file, file.with_name(f"{file.name}.aux.xml")):
                name.unlink(missing_ok=True)
