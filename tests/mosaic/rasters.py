"""Tiny rasters for the tests of the mosaic."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.enums import ColorInterp

from landuse.crs import transformer
from landuse.grid import CellRange, ChipGrid

UTM17 = "EPSG:26917"
WEST, NORTH = 448000.0, 4480000.0  # a corner of the 32 m lattice in UTM zone 17, near its central meridian
CORNER = Affine(1, 0, WEST, 0, -1, NORTH)
GRID = ChipGrid(CRS.from_user_input(UTM17), chip_m=32, chip_px=32)


@dataclass(frozen=True)
class Raster:
    """What to write: values (B, H, W), transform, CRS, and what the file declares."""

    values: np.ndarray
    transform: Affine = CORNER
    crs: str | None = UTM17
    nodata: float | None = None
    alpha: bool = False
    mask: np.ndarray | None = None
    overviews: tuple[int, ...] = ()
    profile: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        count, height, width = self.values.shape
        profile = {"driver": "GTiff", "dtype": self.values.dtype, "crs": self.crs, "transform": self.transform}
        profile |= {"count": count, "height": height, "width": width, "nodata": self.nodata} | self.profile
        with rasterio.open(path, "w", **profile) as dataset:
            if self.alpha:
                kinds = [ColorInterp.red, ColorInterp.green, ColorInterp.blue][: count - 1]
                dataset.colorinterp = [*kinds, ColorInterp.alpha]
            dataset.write(self.values)
            if self.mask is not None:
                dataset.write_mask(self.mask)
        if self.overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews(self.overviews, rasterio.enums.Resampling.average)
        return path


def noise(height: int, width: int, bands: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 values from 1 to 254 without any order."""
    return np.random.default_rng(seed).integers(1, 255, (bands, height, width), dtype=np.uint8)


def ramp(height: int, width: int, bands: int = 3, period: float = 30.0) -> np.ndarray:
    """A smooth picture, uint8, of which every pixel differs a little from its neighbours."""
    rows, cols = np.mgrid[0:height, 0:width] * (2 * np.pi / period)
    planes = [120 + 50 * np.sin(rows + band) + 60 * np.cos(cols - band) for band in range(bands)]
    return np.clip(np.rint(planes), 1, 254).astype(np.uint8)


def at(col: float, row: float, pixel: float = 1.0) -> Affine:
    """North-up transform whose corner lies `col` metres east and `row` metres south of the lattice corner."""
    return Affine(pixel, 0, WEST + col, 0, -pixel, NORTH - row)


def elsewhere(crs: str, x: float = WEST, y: float = NORTH) -> tuple[float, float]:
    """A UTM 17 place in another CRS."""
    return transformer(UTM17, crs).transform(x, y)


def corner(rows: int, cols: int, grid: ChipGrid = GRID) -> CellRange:
    """The cells `rows` down and `cols` right of the lattice corner (WEST, NORTH)."""
    top, left = round(NORTH / grid.side), round(WEST / grid.side)
    return CellRange(top - rows, top, left, left + cols)
