"""A small network that is convolutional up to its pooling, and a survey to run it on."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from affine import Affine
from scipy.ndimage import gaussian_filter

from landuse.models.bundle import Bundle, write_bundle
from landuse.models.libraries import ops, ov
from landuse.options.survey import TileOptions
from tests.made import raster
from tests.models import small
from tests.models.small import random_head

PX, SIDE = 56, 56.0
"""A chip of 7 x 7 cells of 8 pixels."""
CELL = 8.0
WEST, NORTH = 56 * 9_000, 56 * 80_000


@cache
def dense_backbone(seed: int = 0):
    """Three convolutions of stride 2, each with a batch norm and an activation, and a pooling; 12 features."""
    layers = small.Layers(seed)
    image, found = small.image_of(PX)
    for width in (6, 8, 12):
        found = ops.relu(layers.scaled(layers.conv(found, width)))
    return small.made(small.means(found), image)


@cache
def dense_head():
    """A head that tells pictures apart, around the mean of the features of the surveys here."""
    images = np.stack([picture(1, 1, seed).transpose(1, 2, 0) for seed in range(8)])
    features = ov.Core().compile_model(dense_backbone().graph(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([images])[
        0
    ]
    head = random_head(12, 3)
    return replace(head, kernels=(head.kernels[0] * 0.2,), mean=features.mean(axis=0), scale=features.std(axis=0))


def dense_bundle(**changes) -> Bundle:
    values = {
        "backbone": dense_backbone(),
        "head": dense_head(),
        "name": "dense",
    }
    return small.bundle(**(values | changes))


@dataclass(frozen=True)
class Place:
    survey: Path
    model: Path

    @property
    def lattice(self) -> dict[str, float]:
        return {"chip_m": SIDE, "chip_px": PX}

    def options(self, **more) -> TileOptions:
        return TileOptions(**self.lattice, **more)


def picture(rows: int, cols: int, seed: int = 3) -> np.ndarray:
    """A smooth random picture of rows x cols chips, uint8 (3, h, w) from 1."""
    rng = np.random.default_rng(seed)
    image = gaussian_filter(rng.normal(size=(3, rows * PX, cols * PX)), (0, 3, 3))
    return np.clip(128 + image / image.std() * 50, 1, 255).astype(np.uint8)


def place(folder: Path, rows: int = 5, cols: int = 6, hole: bool = False) -> Place:
    """A smooth random picture of rows x cols chips, one corner of it without imagery if there is a hole."""
    folder.mkdir(parents=True, exist_ok=True)
    image = picture(rows, cols)
    if hole:
        image[:, :70, :90] = 0
    path = raster(folder / "survey.tif", image, Affine(1, 0, WEST, 0, -1, NORTH), nodata=0 if hole else None)
    return Place(path, write_bundle(dense_bundle(), folder / "dense.landuse"))
