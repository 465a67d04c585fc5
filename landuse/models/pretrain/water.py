"""Does the model find water? Compared with the near infrared of a survey that has it, which the model never sees.

`python -m landuse.models.pretrain.water MODEL RASTER`: the raster's bands are red, green, blue, near infrared.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from landuse.models.arrays import Floats, Images

CHIP_M = 224.0


def read_chips(path: Path, px: int) -> tuple[Images, Floats, tuple[int, int]]:
    """All whole chips of 224 m: images uint8 (n, px, px, 3), share of water by NDWI > 0.1, rows and columns.

    NDWI = (green - NIR) / (green + NIR) (McFeeters 1996).
    """
    with rasterio.open(path) as source:
        side = CHIP_M / abs(source.transform.a)
        rows, cols = int(source.height / side), int(source.width / side)
        images, water = [], []
        for row in range(rows):
            for col in range(cols):
                window = Window(col * side, row * side, side, side)
                image = source.read((1, 2, 3), window=window, out_shape=(3, px, px), resampling=Resampling.bilinear)
                green, infrared = source.read((2, 4), window=window).astype(np.float32)
                images.append(image.transpose(1, 2, 0))
                water.append(((green - infrared) / np.maximum(green + infrared, 1) > 0.1).mean())
    return np.stack(images), np.array(water, np.float32), (rows, cols)


@click.command()
@click.argument("model")
@click.argument("raster", type=click.Path(exists=True, path_type=Path))
def main(model: str, raster: Path) -> None:
    """Print the map as letters, and how well its water agrees."""
    from landuse.bundle import find_bundle, read_bundle
    from landuse.models.runtime import open_runtime

    bundle = read_bundle(find_bundle(model))
    images, water, shape = read_chips(raster, bundle.chip_px)
    found = open_runtime(bundle, precision="f32").predict(images).probabilities.argmax(axis=1)
    for row in found.reshape(shape):
        click.echo("".join(bundle.legend.names[k][0] for k in row))
    called = found == bundle.legend.names.index("Water")
    for name, share in (("mostly water (over 60 %)", water > 0.6), ("land (under 10 %)", water < 0.1)):
        click.echo(f"{name}: {share.sum()} chips, called Water {called[share].mean():.1%}")
    click.echo(f"called Water: {called.sum()} chips, mean water share there {water[called].mean():.1%}")


if __name__ == "__main__":
    main()
