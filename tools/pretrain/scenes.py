"""Views for the land-use head: what a chip of each class looks like at the pixel sizes that surveys have.

The class folders show 77 m of ground at 0.3 m; a chip shows 224 m, at 0.3 to 5 m a pixel. So images are laid together,
blurred and recoloured; calm patches of river images become lakes with banks, and farmland becomes parcels. The colours
of lakes and fields are chosen by hand: rivers of one region do not show how lakes of another look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from landuse.models.arrays import Floats, Images
from tools.pretrain.images import ImageSet
from tools.pretrain.views import PX, turn

LAKES = (
    (25, 30, 45),
    (35, 35, 40),
    (45, 55, 60),
    (40, 48, 46),
    (58, 52, 48),
    (62, 92, 112),
    (72, 106, 92),
    (92, 100, 84),
)
FIELDS = ((172, 162, 136), (150, 142, 120), (122, 116, 92), (60, 90, 62), (48, 96, 62), (44, 78, 60), (88, 122, 80))
Choice = Callable[[Images], int]
"""Names one of several grey windows (n, s, s)."""
SHORE_SHARE = 0.35
PARCEL_SHARE = 0.65


@dataclass(frozen=True)
class Scenery:
    """Images by land-use class, and which classes are made in a way of their own.

    Attributes:
        pools: images uint8 (n, 256, 256, 3) of each class, in legend order.
        water: index of the water class, or -1.
        fields: index of the farmland class, or -1.
        sand: index of the bare class, or -1.
    """

    pools: tuple[Images, ...]
    water: int = -1
    fields: int = -1
    sand: int = -1

    def render(self, label: int, rng: np.random.Generator) -> Images:
        """A view uint8 (224, 224, 3) of a class."""
        if label == self.water and rng.random() < 0.6:
            view = self._lake(rng)
        elif label == self.fields and rng.random() < PARCEL_SHARE:
            view = self._parcels(rng)
        elif label == self.sand and rng.random() < 0.3:
            view = _window(self._pick(label, rng), 112, rng, brightest)
        else:
            view = self._patchwork(label, rng)
        return spoil_view(turn(_to_chip(view), int(rng.integers(8))), rng)

    def _pick(self, label: int, rng: np.random.Generator) -> Images:
        pool = self.pools[label]
        return np.asarray(pool[int(rng.integers(len(pool)))], np.uint8)

    def _patchwork(self, label: int, rng: np.random.Generator) -> Images:
        """One image, or 2 x 2 to 4 x 4 of a class side by side."""
        side = int(rng.choice((1, 2, 3, 4), p=(0.5, 0.2, 0.2, 0.1)))
        cells = [_shrink(self._pick(label, rng), -(-PX // side)) for _ in range(side * side)]
        return np.concatenate([np.concatenate(cells[i * side : (i + 1) * side], axis=1) for i in range(side)])

    def _lake(self, rng: np.random.Generator) -> Images:
        """Calm water in one of many colours, in a third of the cases with a bank."""
        patch = _to_chip(_window(self._pick(self.water, rng), int(rng.integers(48, 112)), rng, calmest))
        tint = np.array(LAKES[int(rng.integers(len(LAKES)))]) + rng.normal(0, 10, 3) + rng.normal(0, 8)
        if rng.random() < 0.25:
            tint = patch.mean(axis=(0, 1))
        slope = np.linspace(-1, 1, PX)[:, None, None] * rng.normal(0, 8)
        water = _recolour(patch, tint, float(rng.uniform(0.1, 0.8))) + slope
        if rng.random() >= SHORE_SHARE:
            return _bytes(water)
        others = [i for i in range(len(self.pools)) if i not in (self.water, self.sand)]
        land = self._parcels(rng) if rng.random() < 0.6 else _to_chip(self._patchwork(int(rng.choice(others)), rng))
        is_water = _blob(rng, float(rng.uniform(0.6, 0.95)))
        return _bytes(np.where(is_water[..., None], water, land))

    def _parcels(self, rng: np.random.Generator) -> Images:
        """Farmland in one to four parcels with straight borders, in some cases with a pond."""
        y, x = np.mgrid[:PX, :PX] / PX
        sheet = self._field(rng)
        for _ in range(int(rng.integers(0, 4))):
            angle = rng.uniform(0, np.pi)
            beyond = np.cos(angle) * (x - rng.random()) + np.sin(angle) * (y - rng.random()) > 0
            sheet = np.where(beyond[..., None], self._field(rng), sheet)
        if self.water >= 0 and rng.random() < 0.15:
            pond = np.array(LAKES[int(rng.integers(len(LAKES)))]) + rng.normal(0, 8, 3)
            sheet = np.where(_blob(rng, float(rng.uniform(0.05, 0.3)))[..., None], pond, sheet)
        return _bytes(sheet)

    def _field(self, rng: np.random.Generator) -> Floats:
        image = self._pick(self.fields, rng)
        patch = _to_chip(_window(image, int(rng.integers(64, 256)), rng, None))
        if rng.random() < 0.5:  # rows of crops do not show at 5 m, only the mottling of the soil
            patch = _to_chip(_shrink(self._patchwork(self.fields, rng), int(rng.integers(8, 45))))
        tint = np.array(FIELDS[int(rng.integers(len(FIELDS)))]) + rng.normal(0, 12, 3)
        if rng.random() < 0.3:
            tint = patch.mean(axis=(0, 1))
        return _recolour(patch, tint, float(rng.uniform(0.2, 1.0)))


def scenery_of(source: ImageSet, chosen: npt.NDArray[np.bool_], codes: list[int], legend: dict[str, int]) -> Scenery:
    """The scenery of the chosen images.

    Args:
        source: all images.
        chosen: bool (n,), which of them may be used.
        codes: for each class of `source`, the index of its land-use class, or -1.
        legend: index of each land-use class by name.
    """
    of_image = np.array([*codes, -1])[source.labels]
    pools = tuple(source.images[chosen & (of_image == index)] for index in legend.values())
    return Scenery(pools, legend.get("Water", -1), legend.get("Cultivated", -1), legend.get("Barren", -1))


def spoil_view(image: Images, rng: np.random.Generator) -> Images:
    """Light, colour balance and, in half of the cases, a coarser pixel (up to 6 times)."""
    changed = image
    if rng.random() < 0.5:
        side = int(PX / np.exp(rng.uniform(np.log(1.5), np.log(6.0))))
        coarse = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
        changed = np.asarray(coarse.resize((PX, PX), Image.Resampling.BILINEAR))
    mean = changed.mean()
    lit = (changed - mean) * np.exp(rng.uniform(-0.2, 0.2)) + mean * np.exp(rng.uniform(-0.2, 0.2))
    return _bytes(lit * np.exp(rng.uniform(-0.08, 0.08, 3)))


def calmest(windows: Images) -> int:
    """Which of the windows (n, s, s) has the least contrast."""
    return int(windows.std(axis=(1, 2)).argmin())


def brightest(windows: Images) -> int:
    """Which of the windows (n, s, s) is the brightest."""
    return int(windows.mean(axis=(1, 2)).argmax())


def _window(image: Images, side: int, rng: np.random.Generator, best: Choice | None) -> Images:
    """A square of the image: of 12 at random the one that `best` names by every other pixel's green, or any."""
    corners = rng.integers(0, image.shape[0] - side + 1, (12 if best else 1, 2))
    squares = [image[y : y + side, x : x + side] for y, x in corners]
    return squares[best(np.stack([square[::2, ::2, 1] for square in squares])) if best else 0]


def _blob(rng: np.random.Generator, share: float) -> npt.NDArray[np.bool_]:
    """A smooth random area that covers about `share` of a chip, bool (224, 224)."""
    noise = Image.fromarray(rng.normal(size=(5, 5)).astype(np.float32))
    field = np.asarray(noise.resize((PX, PX), Image.Resampling.BICUBIC))
    return np.asarray(field < np.quantile(field, share), np.bool_)


def _recolour(image: Images, tint: npt.NDArray[np.float64], contrast: float) -> Floats:
    return np.asarray((image - image.mean(axis=(0, 1))) * contrast + tint, np.float32)


def _shrink(image: Images, side: int) -> Images:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def _to_chip(image: Images) -> Images:
    if image.shape[0] == PX:
        return image
    return np.asarray(Image.fromarray(image).resize((PX, PX), Image.Resampling.BICUBIC))


def _bytes(values: npt.NDArray[np.floating]) -> Images:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
