"""Where there is water, by the near infrared of a survey that has it, which the built-in model never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from landuse.models.libraries import Floats, Images
from tools.pretrain.views import PX, resize

CHIP_M = 224.0
MOSTLY, HARDLY = 0.6, 0.1
"""Shares of water from which a chip is called water, and below which it is called land."""
WINDOWS = 130
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


def read_chips(path: Path, px: int) -> tuple[Images, Floats]:
    """Whole chips of 224 m of the eastern half, which nothing learns from: images uint8 (n, px, px, 3), share that is `wet`."""
    with rasterio.open(path) as source:
        side = CHIP_M / abs(source.transform.a)
        rows, cols = int(source.height / side), int(source.width / side)
        images, water = [], []
        for row in range(rows):
            for col in range(cols - cols // 2, cols):
                window = Window(col * side, row * side, side, side)
                image = source.read((1, 2, 3), window=window, out_shape=(3, px, px), resampling=Resampling.bilinear)
                green, infrared = source.read((2, 4), window=window)
                images.append(image.transpose(1, 2, 0))
                water.append(wet(green, infrared).mean())
    return np.stack(images), np.array(water, np.float32)
