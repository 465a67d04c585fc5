"""A mosaic to measure on: `python -m benchmarks.imagery mosaic.tif --rows 20 --cols 20 [--compress jpeg]`.

Crops of the sample data's orthophotos in random order, with the grain of a real camera added: at JPEG quality 85 that makes
0.3 bytes a pixel, as aerial photographs of 1 m have, so that reading and decoding cost what they cost in earnest.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

CHIP = 224
TILE = 512
CROP = 256
ACROSS = 5
"""Crops along a side of the corner of each sample that is used."""
GRAIN = 5.0
LATTICE = "EPSG:26919"
ORIGINS = {LATTICE: (CHIP * 16 * 90, CHIP * 16 * 1310), "EPSG:5070": (2_100_000, 2_700_000)}
"""The upper left corner by CRS: a corner of a block of chips on the lattice of UTM zone 19, and a place in Albers' CRS."""

CREATION = {
    "jpeg": {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 85},
    "deflate": {"compress": "deflate", "predictor": 2},
    "raw": {},
}
SAMPLES = Path(__file__).parents[1] / "sample_data"


@dataclass(frozen=True)
class Mosaic:
    """What to write: chips high and wide, how it is packed, its CRS (of `ORIGINS`), and the seed of its crops."""

    rows: int
    cols: int
    compress: str = "jpeg"
    crs: str = LATTICE
    seed: int = 0

    @property
    def chips(self) -> int:
        """Chips of it on its own lattice."""
        return self.rows * self.cols


def write_mosaic(path: Path, mosaic: Mosaic) -> Path:
    """Write a tiled GeoTIFF of 1 m, strip by strip."""
    rng = np.random.default_rng(mosaic.seed)
    height, width = mosaic.rows * CHIP, mosaic.cols * CHIP
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 3,
        "dtype": "uint8",
        "crs": mosaic.crs,
        "transform": from_origin(*ORIGINS[mosaic.crs], 1, 1),
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "pixel",
        "BIGTIFF": "IF_SAFER",
        **CREATION[mosaic.compress],
    }
    with rasterio.open(path, "w", **profile) as raster:
        for top in range(0, height, TILE):
            lines = min(TILE, height - top)
            strip = _strip(width, rng)[:lines]
            raster.write(strip.transpose(2, 0, 1), window=Window(0, top, width, lines))
    return path


def _strip(width: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One row of tiles, uint8 (TILE, width, 3)."""
    pieces = crops()
    strip = np.empty((TILE, width + CROP, 3), np.uint8)
    for row in range(0, TILE, CROP):
        for col in range(0, width, CROP):
            piece = pieces[rng.integers(len(pieces))]
            strip[row : row + CROP, col : col + CROP] = np.rot90(piece, rng.integers(4))
    return strip[:, :width]


@cache
def crops() -> npt.NDArray[np.uint8]:
    """Crops of the sample orthophotos of one year, with grain in brightness and colour: uint8 (n, CROP, CROP, 3)."""
    rng = np.random.default_rng(0)
    found = []
    for path in sorted((SAMPLES / "2014").glob("ortho_*.tif")):
        with rasterio.open(path) as raster:
            image = raster.read(window=Window(0, 0, CROP * ACROSS, CROP * ACROSS)).transpose(1, 2, 0)
        grain = rng.standard_normal((*image.shape[:2], 4), np.float32) * GRAIN
        image = np.clip(image + grain[..., :1] + grain[..., 1:] / 2, 1, 255).astype(np.uint8)
        cut = image.reshape(ACROSS, CROP, ACROSS, CROP, 3).swapaxes(1, 2)
        found.append(cut.reshape(-1, CROP, CROP, 3))
    return np.concatenate(found)


def write_sparse_survey(folder: Path, sources: int, side: int) -> list[Path]:
    """So many empty rasters in a square, each of `side` x `side` chips; only their headers take room on disk.

    They are black all over, which `tile` takes for a collar unless it is told to keep it.
    """
    across = int(np.ceil(sources**0.5))
    west, north = ORIGINS[LATTICE]
    step, paths = side * CHIP, []
    for index in range(sources):
        row, col = divmod(index, across)
        path = folder / f"source_{index:04d}.tif"
        profile = {"driver": "GTiff", "height": step, "width": step, "count": 3, "dtype": "uint8", "crs": LATTICE}
        corner = from_origin(west + col * step, north - row * step, 1, 1)
        tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "SPARSE_OK": True, "compress": "deflate"}
        with rasterio.open(path, "w", transform=corner, **profile, **tiles):
            paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--cols", type=int, default=20)
    parser.add_argument("--compress", choices=CREATION, default="jpeg")
    parser.add_argument("--crs", choices=ORIGINS, default=LATTICE)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    mosaic = Mosaic(given.rows, given.cols, given.compress, given.crs, given.seed)
    write_mosaic(given.path, mosaic)
    size = given.path.stat().st_size
    print(f"{given.path}: {mosaic.chips} chips, {size / mosaic.chips / CHIP**2:.3f} bytes a pixel")


if __name__ == "__main__":
    main()
