"""Two made survey years of a few large chips, with labels, as a county would have them: what examples and the demo run on."""

from pathlib import Path

import numpy as np
from affine import Affine

from tests.made import raster

CHIP, ROWS, COLS = 224, 2, 12
WEST, NORTH = CHIP * 1_300, CHIP * 20_900
NLCD = np.array([11, 41, 82], np.uint8)  # water, woods, crops
CODES = np.array([7, 3, 6], np.uint8)  # the same in landuse7
NAMES = ("Water", "Forest", "Cultivated")
COLOURS = np.array([[25, 45, 80], [40, 85, 40], [190, 170, 110]])
GRAIN = np.array([2, 25, 8])
BUILT = 2
"""Fields of the first year, counted from the end, that are water in the second."""


def made_years(folder: Path, seed: int = 0) -> Path:
    """Write survey_2014, survey_2020 and landcover.tif, and beside them the names that `demo` looks for; returns `folder`."""
    which = np.random.default_rng(seed).permutation(np.resize([0, 1, 2], ROWS * COLS)).reshape(ROWS, COLS)
    later = which.copy()
    changed = np.argwhere(which == 2)[-BUILT:]
    later[tuple(changed.T)] = 0
    for year, classes in (("2014", which), ("2020", later)):
        for home in (folder / f"survey_{year}", folder / "landscape" / year):
            home.mkdir(parents=True)
            raster(home / "ortho.tif", _pictures(classes, int(year)), Affine(1, 0, WEST, 0, -1, NORTH), "EPSG:26919")
    coarse = Affine(CHIP, 0, WEST, 0, -CHIP, NORTH)
    for path in (folder / "landcover.tif", folder / "landscape" / "nlcd_2014.tif"):
        raster(path, NLCD[which], coarse, "EPSG:26919", nodata=0)
    truth = folder / "landscape" / "truth"
    truth.mkdir()
    for year, classes in (("2014", which), ("2020", later)):
        raster(truth / f"{year}.tif", CODES[classes], coarse, "EPSG:26919", nodata=0)
    top, left = NORTH // CHIP - 1, WEST // CHIP
    lines = [f"r{top - row}c{left + col},Cultivated,Water" for row, col in changed]
    (truth / "change.csv").write_text("\n".join(["chip_id,from,to", *lines, ""]))
    return folder


def _pictures(classes: np.ndarray, seed: int) -> np.ndarray:
    """Imagery uint8 (3, H, W) of classes (rows, cols): a colour and a grain each."""
    rng = np.random.default_rng(seed)
    large = classes.repeat(CHIP, 0).repeat(CHIP, 1)
    noise = rng.normal(0, 1, large.shape) * GRAIN[large]
    return np.clip(COLOURS[large] + noise[..., None], 1, 255).astype(np.uint8).transpose(2, 0, 1)
