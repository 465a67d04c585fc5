"""Cloud-optimised GeoTIFFs of any size: filled block by block, then laid out by GDAL's COG driver.

Class codes are never averaged: their overviews hold the most frequent code. The names of classes travel three ways: in the
file's own tags, in the PAM sidecar (``.aux.xml``) that GDAL and QGIS read, and as the whole legend in the tag
``LANDUSE_LEGEND``, from which `landuse.outputs.class_raster.read_class_raster` gets it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
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
from landuse.legend import LEGEND_TAG, UNMAPPED, CodeArray, Legend
from landuse.mosaic.gdal import block_cache
from landuse.outputs.sidecar import plain_text, write_category_names

NAMES_TAG = "CLASS_NAMES"
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


@contextmanager
def class_cog(path: Path, crs: CRS, transform: Affine, shape: tuple[int, int], legend: Legend) -> Iterator[BlockWriter]:
    """Yield a writer of class codes (in the legend's dtype, 0 = no data); at the end `path` is a COG with palette and names.

    Args:
        path: the ``.tif`` to appear; ``path.aux.xml`` appears beside it.
        crs: CRS of the raster.
        transform: north-up transform, pixel to CRS.
        shape: (rows, columns).
        legend: classes whose codes will be written.

    Raises:
        LanduseError: the file cannot be written (full disk, no permission). Nothing is left behind.
    """
    names = {code: plain_text(name) for code, name in zip(legend.codes, legend.names, strict=True)}
    tags = {NAMES_TAG: json.dumps(names), LEGEND_TAG: legend.model_dump_json()}
    profile = _profile(crs, transform, shape, legend.dtype.name, 1)
    with _scratch(path, profile, resampling="MODE") as dataset:
        dataset.write_colormap(1, legend.palette())
        dataset.set_band_description(1, "land use")
        dataset.update_tags(**tags)
        yield BlockWriter(dataset, shape)
    write_category_names(path, {UNMAPPED: "No data"} | names)


@contextmanager
def bands_cog(
    path: Path, crs: CRS, transform: Affine, shape: tuple[int, int], names: Sequence[str], dtype: str = "float32"
) -> Iterator[BlockWriter]:
    """Yield a writer of one named band for each of `names`; at the end `path` is a COG.

    No data is NaN for a float `dtype` (overviews are means of what there is) and 0 for an integer one (overviews hold the most
    frequent value, because integers are codes here). Raises as `class_cog`.
    """
    profile = _profile(crs, transform, shape, dtype, len(names))
    resampling = "AVERAGE" if np.issubdtype(np.dtype(dtype), np.floating) else "MODE"
    with _scratch(path, profile, resampling) as dataset:
        for band, name in enumerate(names, 1):
            dataset.set_band_description(band, plain_text(name))
        yield BlockWriter(dataset, shape)


def write_class_cog(path: Path, codes: CodeArray, transform: Affine, crs: CRS, legend: Legend) -> None:
    """Write class codes of shape (H, W) that fit in memory; see `class_cog`."""
    with class_cog(path, crs, transform, (codes.shape[0], codes.shape[1]), legend) as writer:
        writer.write(codes, 0, 0)


def write_bands_cog(path: Path, bands: npt.NDArray[Any], transform: Affine, crs: CRS, names: Sequence[str]) -> None:
    """Write bands of shape (B, H, W) that fit in memory, in their own dtype; see `bands_cog`."""
    shape = (bands.shape[1], bands.shape[2])
    with bands_cog(path, crs, transform, shape, names, bands.dtype.name) as writer:
        writer.write(bands, 0, 0)


def _profile(crs: CRS, transform: Affine, shape: tuple[int, int], dtype: str, count: int) -> dict[str, Any]:
    """Creation profile of the scratch file, which is not compressed so that blocks can be rewritten in place."""
    floating = np.issubdtype(np.dtype(dtype), np.floating)
    return SCRATCH | {
        "height": shape[0],
        "width": shape[1],
        "count": count,
        "dtype": dtype,
        "crs": rasterio.crs.CRS.from_wkt(crs.to_wkt()),
        "transform": transform,
        "nodata": float("nan") if floating else 0,
        "interleave": "band",
    }


@contextmanager
def _scratch(path: Path, profile: dict[str, Any], resampling: str) -> Iterator[Any]:
    """Yield a dataset beside `path` to fill; copy it to `path` as a COG afterwards; remove it in any case."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.scratch.tif")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial.tif")
    predictor = {"PREDICTOR": "YES"} if profile["dtype"].startswith("float") else {}
    try:
        with rasterio.Env(**FRUGAL), block_cache(CACHE_BYTES):
            with rasterio.open(scratch, "w", **profile) as dataset:
                yield dataset
            copy_raster(scratch, partial, **COG, **predictor, OVERVIEW_RESAMPLING=resampling)
        partial.replace(path)
    except (*RASTER_ERRORS, OSError) as error:
        raise LanduseError(f"Cannot write {path}: {error}.") from error
    finally:
        for file in (scratch, partial):
            for name in (file, file.with_name(f"{file.name}.aux.xml")):
                name.unlink(missing_ok=True)
