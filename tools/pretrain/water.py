"""Does the model find water? Compared with the near infrared of a survey that has it, which the model never sees.

`python -m tools.pretrain.water MODEL RASTER`: the raster's bands are red, green, blue, near infrared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from landuse.models.arrays import Floats, Images
from tools.pretrain.views import PX, resize

CHIP_M = 224.0
MOSTLY, HARDLY = 0.6, 0.05
"""Shares of water from which a window is called water, and below which it is called land."""
WINDOWS = 260
"""Windows a raster that the head learns from."""
SIDES = (16, 64)
"""Least and most pixels of a window's side."""


@dataclass(frozen=True)
class Lakes:
    """Windows of surveys on which water is known: images uint8 (n, 224, 224, 3), and the share of water float32 (n,)."""

    images: Images
    water: Floats


def draw_lakes(folder: Path, seed: int) -> Lakes:
    """Windows at random of the western half of each raster of a folder; the eastern half is left to judge by."""
    rng = np.random.default_rng([seed, 7])
    images, water = [], []
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as source:
            bands = source.read((1, 2, 3, 4), window=Window(0, 0, source.width // 2, source.height))
        for _ in range(WINDOWS):
            side = int(rng.integers(*SIDES))
            row, col = (int(rng.integers(length - side)) for length in bands.shape[1:])
            window = bands[:, row : row + side, col : col + side]
            images.append(resize(np.ascontiguousarray(window[:3].transpose(1, 2, 0)), PX))
            water.append(wet(window[1], window[3]).mean())
    return Lakes(np.stack(images), np.array(water, np.float32))


def wet(green: npt.NDArray[np.integer], infrared: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Where NDWI = (green - NIR) / (green + NIR) (McFeeters 1996) is over 0.1."""
    near, far = green.astype(np.float32), infrared.astype(np.float32)
    return np.asarray((near - far) / np.maximum(near + far, 1) > 0.1)


def read_chips(path: Path, px: int) -> tuple[Images, Floats, tuple[int, int]]:
    """All whole chips of 224 m: images uint8 (n, px, px, 3), share that is `wet`, rows and columns."""
    with rasterio.open(path) as source:
        side = CHIP_M / abs(source.transform.a)
        rows, cols = int(source.height / side), int(source.width / side)
        images, water = [], []
        for row in range(rows):
            for col in range(cols):
                window = Window(col * side, row * side, side, side)
                image = source.read((1, 2, 3), window=window, out_shape=(3, px, px), resampling=Resampling.bilinear)
                green, infrared = source.read((2, 4), window=window)
                images.append(image.transpose(1, 2, 0))
                water.append(wet(green, infrared).mean())
    return np.stack(images), np.array(water, np.float32), (rows, cols)


def in_east(shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which chips of so many rows and columns lie in the eastern half, which nothing learns from."""
    rows, cols = shape
    return np.asarray(np.arange(rows * cols) % cols >= cols / 2)


@click.command()
@click.argument("model")
@click.argument("raster", type=click.Path(exists=True, path_type=Path))
def main(model: str, raster: Path) -> None:
    """Print the map as letters, and how well its water agrees on the eastern half; the built-in head knows the other."""
    from landuse.models.bundle import find_bundle, read_bundle
    from landuse.models.runtime import open_runtime

    bundle = read_bundle(find_bundle(model))
    images, water, shape = read_chips(raster, bundle.chip_px)
    found = open_runtime(bundle, precision="f32").predict(images).probabilities.argmax(axis=1)
    for row in found.reshape(shape):
        click.echo("".join(bundle.legend.names[k][0] for k in row))
    east = in_east(shape)
    called, water = found[east] == bundle.legend.names.index("Water"), water[east]
    for name, share in (("mostly water (over 60 %)", water > 0.6), ("land (under 10 %)", water < 0.1)):
        click.echo(f"{name}: {share.sum()} chips, called Water {called[share].mean():.1%}")
    click.echo(f"called Water: {called.sum()} chips, mean water share there {water[called].mean():.1%}")


if __name__ == "__main__":
    main()
