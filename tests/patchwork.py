"""A survey whose chips are plain patches of colour with a little noise, one colour a class, and its label raster."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from affine import Affine

from landuse.models.bundle import write_bundle
from landuse.options.survey import TileOptions
from tests.made import raster
from tests.models import small

CHIP = 32
WEST, NORTH = 32 * 15_000, 32 * 140_000
COLOURS = np.array([[200, 180, 90], [30, 60, 140], [160, 160, 165]], np.uint8)
OPTIONS = {"chip_m": float(CHIP), "chip_px": CHIP}


@dataclass(frozen=True)
class Patchwork:
    """Where things lie.

    Attributes:
        survey: rasters of the imagery.
        labels: raster of class codes, one pixel a chip.
        legend: legend file.
        model: a small model file.
        codes: uint8 (rows, cols), class code of each chip, north up.
    """

    survey: list[Path]
    labels: Path
    legend: Path
    model: Path
    codes: np.ndarray

    def tile_options(self, **more) -> TileOptions:
        return TileOptions(**OPTIONS, **more)


def patchwork(folder: Path, rows: int = 20, cols: int = 24, seed: int = 0, halves: int = 2) -> Patchwork:
    """Write a patchwork; `halves` rasters lie side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, (rows, cols))
    image = COLOURS[which].repeat(CHIP, 0).repeat(CHIP, 1).astype(int)
    image = np.clip(image + rng.integers(-12, 13, image.shape), 1, 255).astype(np.uint8).transpose(2, 0, 1)
    width = cols * CHIP // halves
    survey = [
        raster(
            folder / f"part{i}.tif",
            image[:, :, i * width : (i + 1) * width],
            Affine(1, 0, WEST + i * width, 0, -1, NORTH),
        )
        for i in range(halves)
    ]
    codes = np.array(small.LEGEND.codes, np.uint8)[which]
    legend = folder / "three.yaml"
    legend.write_text(yaml.safe_dump(small.LEGEND.model_dump(mode="json")))
    return Patchwork(
        survey=survey,
        labels=raster(folder / "labels.tif", codes, Affine(CHIP, 0, WEST, 0, -CHIP, NORTH), nodata=0),
        legend=legend,
        model=write_bundle(small.bundle(), folder / "small.landuse"),
        codes=codes,
    )
