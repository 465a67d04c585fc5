"""Measures on sources that the backbone never saw: classes, pixel sizes, cities, and a landscape that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window, from_bounds

from landuse.models.arrays import Images
from tools.pretrain.features import Extract
from tools.pretrain.images import ImageSet, Ints
from tools.pretrain.probe import five_fold, found_again, probe
from tools.pretrain.views import PX, blur

CLASSES = (
    "buildings",
    "denseresidential",
    "freeway",
    "golfcourse",
    "intersection",
    "mediumresidential",
    "overpass",
    "river",
    "storagetanks",
    "tenniscourt",
)
"""Ten of the 21 classes of UC Merced, those that are hard to tell apart among them."""
CITIES = ("bishop", "chico", "eureka", "riverside")
COARSE = 8.0
"""0.3 m becomes 2.4 m."""
EVERY, EACH, PLACES = 6, 60, 60
"""One of so many chips of the made landscape, so many images of a class, and so many places are measured, to be quick."""


@dataclass(frozen=True)
class Unseen:
    """Images for the measures.

    Attributes:
        images, labels: of the classes in `CLASSES`, as they are.
        first, second: a place of the cities in `CITIES` a row, at its first and its last date.
        made: chips of the made landscape in two seasons, with their classes; empty where there is none.
    """

    images: Images
    labels: Ints
    first: Images
    second: Images
    made: tuple[tuple[Images, Ints], ...] = ()

    def measure(self, extract: Extract) -> dict[str, float]:
        """The share that is right, by measure."""
        coarse = np.stack([blur(image, COARSE) for image in self.images[::2]])
        found = {
            "unseen classes": five_fold(extract(self.images), self.labels),
            "unseen classes, 8 x coarser": five_fold(extract(coarse), self.labels[::2]),
            "unseen cities, place found at other date": found_again(extract(self.first), extract(self.second)),
        }
        if self.made:
            (before, known), (after, wanted) = self.made
            codes = np.unique(known)
            head = probe(extract(before), np.searchsorted(codes, known))
            right = codes[head.scores(extract(after)).argmax(axis=1)] == wanted
            found["made landscape, other season"] = float(right.mean())
        return found


def unseen_of(source: ImageSet, landscape: Path | None) -> Unseen:
    """What `source` holds of `CLASSES` and `CITIES`, and the chips of a folder that `python -m tools.landscape` made."""
    of_classes = [np.flatnonzero(source.labels == source.names.index(name))[:EACH] for name in CLASSES]
    chosen = np.concatenate(of_classes)
    dates: dict[str, list[int]] = {}
    for index, place in enumerate(source.places):
        if source.labels[index] < 0 and place.rpartition("_")[0] in CITIES:
            dates.setdefault(place, []).append(index)
    pairs = np.array([(rows[0], rows[-1]) for rows in dates.values() if len(rows) > 1][:PLACES])
    labels = np.unique(source.labels[chosen], return_inverse=True)[1].astype(np.int64)
    made = tuple(made_chips(landscape, year) for year in ("2014", "2020")) if landscape else ()
    return Unseen(source.images[chosen], labels, source.images[pairs[:, 0]], source.images[pairs[:, 1]], made)


def made_chips(landscape: Path, year: str) -> tuple[Images, Ints]:
    """Every sixth chip of 224 m of a year, uint8 (n, 224, 224, 3), and its most frequent true class (n,)."""
    images, labels = [], []
    with rasterio.open(landscape / "truth" / f"{year}.tif") as truth:
        for path in sorted((landscape / year).glob("*.tif")):
            with rasterio.open(path) as ortho:
                windows = [Window(x, y, PX, PX) for y in range(0, ortho.height, PX) for x in range(0, ortho.width, PX)]
                for window in windows[::EVERY]:
                    images.append(ortho.read((1, 2, 3), window=window).transpose(1, 2, 0))
                    place = from_bounds(*ortho.window_bounds(window), transform=truth.transform)
                    labels.append(int(np.bincount(truth.read(1, window=place).ravel(), minlength=1).argmax()))
    return np.stack(images), np.array(labels, np.int64)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table of shares, one row a model."""
    names = list(next(iter(rows.values())))
    head = f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}\n"
    return head + "".join(
        f"| {row} | {' | '.join(f'{values[name]:.1%}' for name in names)} |\n" for row, values in rows.items()
    )
