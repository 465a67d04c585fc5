"""What a land-use head makes of surveys that it never saw: Californian places, the made landscape, lakes of North Dakota."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window, from_bounds

from landuse.legend import Legend
from landuse.models.heads import DenseHead
from landuse.models.libraries import Images
from tools.pretrain.features import FeatureStore
from tools.pretrain.kinds import Views
from tools.pretrain.landuse_head import figures
from tools.pretrain.places import classes_of
from tools.pretrain.sources import Ints, read
from tools.pretrain.views import PX
from tools.pretrain.water import HARDLY, MOSTLY, read_chips

EVERY = 6
"""One of so many chips of the made landscape is judged, to be quick."""
EVERY_TOWN = 3
"""One of so many Californian places that are Developed: there are fifteen times as many as of all other classes."""
YEARS = ("2014", "2020")


@dataclass(frozen=True)
class Unseen:
    """Where the surveys are; None where one is left out.

    Attributes:
        aerial: crops of Californian cities, CITY_YEAR_NUMBER.jpg.
        landscape: folder that `python -m tools.landscape` made.
        infrared: rasters R G B NIR of lakes.
    """

    aerial: Path | None = None
    landscape: Path | None = None
    infrared: Path | None = None

    def judge(self, head: DenseHead, store: FeatureStore, legend: Legend) -> dict[str, float]:
        """Figures of a head on each of them, by name."""
        found: dict[str, float] = {}
        if self.aerial is not None:
            aerial = self.aerial
            seen = store.of("places", lambda: _views(*places(aerial, legend)))
            found |= figures("places", head.apply(seen.features), seen.labels)
        for year in YEARS if self.landscape is not None else ():
            folder = Path(str(self.landscape))
            seen = store.of(f"made_{year}", partial(_made, folder, year, legend))
            found |= figures(f"made_{year}", head.apply(seen.features), seen.labels)
        for path in sorted(self.infrared.glob("*.tif")) if self.infrared is not None else ():
            found |= water_found(path, head, store, legend)
        return found


def _made(folder: Path, year: str, legend: Legend) -> Views:
    return _views(*made_chips(folder, year, legend))


def _views(images: Images, labels: Ints) -> Views:
    return Views(images, labels, np.ones(len(labels), bool))


def water_found(path: Path, head: DenseHead, store: FeatureStore, legend: Legend) -> dict[str, float]:
    """Of a raster's eastern half: shares of chips called Water, of water, of land and of all, beside the truth."""
    images, water = read_chips(path, PX)
    seen = store.of(f"lakes_{path.stem}", lambda: _views(images, np.zeros(len(images), np.int64)))
    called = head.scores(seen.features).argmax(axis=1) == legend.names.index("Water")
    shares = {
        "found": called[water > MOSTLY].mean(),
        "false": called[water < HARDLY].mean(),
        "called": called.mean(),
        "truth": water.mean(),
    }
    return {f"lakes_{path.stem}_{name}": round(float(value), 4) for name, value in shares.items()}


def places(aerial: Path, legend: Legend) -> tuple[Images, Ints]:
    """The last date of each Californian place that shows one class."""
    last: dict[str, Path] = {}
    for path in sorted(aerial.glob("*.jpg")):
        city, _, number = path.stem.rsplit("_", 2)
        last[f"{city}_{number}"] = path
    labels = classes_of(list(last), legend.names)
    town = labels == legend.names.index("Developed")
    chosen = np.flatnonzero((labels >= 0) & (~town | (np.arange(len(labels)) % EVERY_TOWN == 0)))
    paths = list(last.values())
    return np.stack([read(paths[row], PX) for row in chosen]), labels[chosen]


def made_chips(landscape: Path, year: str, legend: Legend) -> tuple[Images, Ints]:
    """Every sixth chip of 224 m of a year, uint8 (n, 224, 224, 3), and its most frequent true class (n,)."""
    images, codes = [], []
    with rasterio.open(landscape / "truth" / f"{year}.tif") as truth:
        for path in sorted((landscape / year).glob("*.tif")):
            with rasterio.open(path) as ortho:
                windows = [Window(x, y, PX, PX) for y in range(0, ortho.height, PX) for x in range(0, ortho.width, PX)]
                for window in windows[::EVERY]:
                    images.append(ortho.read((1, 2, 3), window=window).transpose(1, 2, 0))
                    place = from_bounds(*ortho.window_bounds(window), transform=truth.transform)
                    codes.append(int(np.bincount(truth.read(1, window=place).ravel(), minlength=1).argmax()))
    return np.stack(images), np.searchsorted(legend.codes, codes).astype(np.int64)
