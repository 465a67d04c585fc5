"""A small network that is convolutional up to its pooling, and a survey to run it on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from scipy.ndimage import gaussian_filter

from landuse.models.bundle import Bundle, write_bundle
from landuse.models.network import parse_network
from landuse.options.survey import TileOptions
from tests.made import raster
from tests.models import small
from tests.models.small import node, random_head, random_weights

PX, SIDE = 56, 56.0
"""A chip of 7 x 7 cells of 8 pixels."""
CELL = 8.0
WEST, NORTH = 56 * 9_000, 56 * 80_000


def description() -> dict:
    """Three convolutions of stride 2, each with a batch norm and an activation."""
    nodes, last = [], "image"
    for i, width in enumerate((6, 8, 12)):
        nodes += [
            node("conv", f"conv{i}", last, filters=width, kernel=3, stride=2),
            node("batch_norm", f"bn{i}", f"conv{i}"),
            node("activation", f"act{i}", f"bn{i}", function="relu"),
        ]
        last = f"act{i}"
    return {"channels": 3, "output": "pooled", "nodes": [*nodes, node("global_average_pool", "pooled", last)]}


def dense_bundle(**changes) -> Bundle:
    network = parse_network(description(), PX)
    values = {
        "network": network,
        "weights": random_weights(network, PX),
        "head": replace(random_head(12, 3), weight=random_head(12, 3).weight * 0.5),
        "chip_px": PX,
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


def place(folder: Path, rows: int = 5, cols: int = 6, hole: bool = False) -> Place:
    """A smooth random picture of rows x cols chips, one corner of it without imagery if there is a hole."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    image = gaussian_filter(rng.normal(size=(3, rows * PX, cols * PX)), (0, 3, 3))
    image = np.clip(128 + image / image.std() * 50, 1, 255).astype(np.uint8)
    if hole:
        image[:, :70, :90] = 0
    path = raster(folder / "survey.tif", image, Affine(1, 0, WEST, 0, -1, NORTH), nodata=0 if hole else None)
    return Place(path, write_bundle(dense_bundle(), folder / "dense.landuse"))
