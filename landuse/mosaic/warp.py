"""Warping by GDAL, for sources in another CRS and for rotated rasters: one square of the lattice at a time.

The transformer is exact (no interpolation of coordinates) and kernels are those of one scale throughout, so that a pixel's
value does not depend on the window in which it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import rasterio.crs
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from landuse.mosaic.source import crs_of, forward, same_crs, transformer

FloatArray = npt.NDArray[np.float64]
Planes = TypeVar("Planes", npt.NDArray[np.uint8], npt.NDArray[np.float32])
EDGE = 9


@dataclass(frozen=True)
class Frame:
    """A raster's place: CRS (as WKT, which is quick to compare) and transform."""

    wkt: str
    transform: Affine

    def shifted(self, col: int, row: int) -> Frame:
        """The frame of the part that begins at a pixel."""
        a, b, _, d, e, _ = tuple(self.transform)[:6]
        x, y = forward(self.transform, float(col), float(row))
        return Frame(self.wkt, Affine(a, b, x, d, e, y))


def source_extent(source: Frame, target: Frame, shape: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Pixels (first col, first row, last col, last row) of `source` under an image (height, width) of `target`.

    None where the one CRS has no place for the other's points.
    """
    steps = np.linspace(0.0, 1.0, EDGE)
    cols, rows = (grid.ravel() for grid in np.meshgrid(steps * shape[1], steps * shape[0]))
    x, y = forward(target.transform, cols, rows)
    bridge = _bridge(source.wkt, target.wkt)
    if bridge.back is not None:
        x, y = bridge.back.transform(x, y)
    col, row = forward(~source.transform, np.asarray(x), np.asarray(y))
    fine = np.isfinite(col) & np.isfinite(row)
    if not fine.any():
        return None
    return float(col[fine].min()), float(row[fine].min()), float(col[fine].max()), float(row[fine].max())


def warp(image: Planes, source: Frame, target: Frame, shape: tuple[int, int], *, shrink: bool) -> Planes:
    """Warp planes (C, h, w) onto (C, *shape): the average of the ground of a target pixel, or bilinear interpolation.

    What lies beyond `image` is not known to GDAL: it must reach two pixels beyond the target on every side.
    """
    out = np.zeros((image.shape[0], *shape), dtype=image.dtype)
    bridge = _bridge(source.wkt, target.wkt)
    reproject(
        image,
        out,
        src_transform=source.transform,
        dst_transform=target.transform,
        src_crs=bridge.source,
        dst_crs=bridge.target,
        resampling=Resampling.average if shrink else Resampling.bilinear,
        tolerance=0,
        num_threads=1,
        init_dest_nodata=False,
        XSCALE=1,
        YSCALE=1,
    )
    return out


@dataclass(frozen=True)
class _Bridge:
    """Two CRSs as rasterio's, and the way back from target to source; None where they are one and the same."""

    source: rasterio.crs.CRS
    target: rasterio.crs.CRS
    back: Transformer | None


@lru_cache(maxsize=64)
def _bridge(source: str, target: str) -> _Bridge:
    here, there = crs_of(source), crs_of(target)
    ours = rasterio.crs.CRS.from_wkt(target)
    if same_crs(here, there):
        return _Bridge(ours, ours, None)
    return _Bridge(rasterio.crs.CRS.from_wkt(source), ours, transformer(there, here))
