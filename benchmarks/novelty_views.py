"""Images to try novelty on: chips of surveys, and images changed into what a model has not seen."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from landuse.models.arrays import Images
from landuse.models.novelty import FOLDS, Labels
from landuse.stages.tile import TileOptions, survey_chips
from landuse.training.pictures import ChipPictures
from tools.pretrain.views import mosaic, resize

SIDE, TILE, COARSER = 256, 32, 8
PX = 224
BLOCK = 8
"""Chips of a side of the squares of land that are left out together."""
Change = Callable[[Images, np.random.Generator], Images]


def patches(image: Images, rng: np.random.Generator) -> Images:
    """Squares of 32 px in another order."""
    count = SIDE // TILE
    squares = image.reshape(count, TILE, count, TILE, 3).swapaxes(1, 2).reshape(-1, TILE, TILE, 3)
    return rng.permutation(squares).reshape(count, count, TILE, TILE, 3).swapaxes(1, 2).reshape(image.shape)


def coarse(image: Images, _: np.random.Generator) -> Images:
    """The same ground by pixels of eight times the side."""
    small = Image.fromarray(image).resize((SIDE // COARSER,) * 2, Image.Resampling.BOX)
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def cloud(image: Images, rng: np.random.Generator) -> Images:
    """White patches over most of it."""
    field = Image.fromarray(rng.normal(size=(6, 6)).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    cover = np.asarray(field) - np.min(field)
    share = np.clip(1.6 * cover / cover.max(), 0, 1)[..., None]
    return np.asarray(image * (1 - share) + 245 * share, np.uint8)


def lines_lost(image: Images, rng: np.random.Generator) -> Images:
    """Three lines in ten black."""
    return np.asarray(image * (rng.random(len(image)) >= 0.3)[:, None, None], np.uint8)


def near(image: Images, _: np.random.Generator) -> Images:
    """An eighth of it, enlarged."""
    first = (SIDE - TILE) // 2
    return resize(image[first : first + TILE, first : first + TILE], SIDE)


def noisy(image: Images, rng: np.random.Generator) -> Images:
    """Noise of a standard deviation of 40 on top."""
    return np.asarray(np.clip(image + rng.normal(0, 40, image.shape), 0, 255), np.uint8)


CHANGES: Mapping[str, Change] = {
    "pixels shuffled": lambda image, rng: rng.permutation(image.reshape(-1, 3)).reshape(image.shape),
    "squares of 32 px shuffled": patches,
    "8 x coarser": coarse,
    "8 x enlarged": near,
    "red and blue swapped": lambda image, _: image[..., ::-1],
    "negative": lambda image, _: 255 - image,
    "grey": lambda image, _: np.repeat(np.asarray(Image.fromarray(image).convert("L"))[..., None], 3, axis=2),
    "without red": lambda image, _: image * np.array([0, 1, 1], np.uint8),
    "under cloud": cloud,
    "strong noise": noisy,
    "nearly dark": lambda image, _: np.asarray(image * 0.12, np.uint8),
    "lines lost": lines_lost,
}


def read(path: Path) -> Images:
    """An image at 256 px."""
    with Image.open(path) as image:
        return resize(np.asarray(image.convert("RGB")), SIDE)


def write(images: Sequence[Images], folder: Path) -> list[Path]:
    """Images as PNG in a new folder within the folder."""
    new = Path(tempfile.mkdtemp(dir=folder))
    paths = [new / f"{index}.png" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(np.ascontiguousarray(image)).save(path, compress_level=1)
    return paths


def spread(files: list[Path], count: int) -> list[Path]:
    """At most so many files, evenly from first to last."""
    return [files[i] for i in np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).astype(int))]


def changed(files: list[Path], folder: Path, rng: np.random.Generator) -> dict[str, list[Path]]:
    """Changed copies of images, a list for each of `CHANGES`."""
    images = [read(path) for path in files]
    return {name: write([change(image, rng) for image in images], folder) for name, change in CHANGES.items()}


def sheets(classes: Sequence[list[Path]], count: int, folder: Path, rng: np.random.Generator) -> list[Path]:
    """Sheets of 8 x 8 shrunken images of one class: more ground by pixels of eight times the side."""
    made = []
    for index in range(count):
        files = classes[index % len(classes)]
        tiles = [resize(read(files[i]), PX // COARSER) for i in rng.integers(0, len(files), COARSER**2)]
        made.append(mosaic(tiles, PX, rng))
    return write(made, folder)


def nothing(count: int, folder: Path, rng: np.random.Generator) -> dict[str, list[Path]]:
    """Images of one colour each, and of noise."""
    blank = [np.full((PX, PX, 3), colour, np.uint8) for colour in rng.integers(0, 256, (count, 3))]
    noise = list(rng.integers(0, 256, (count, PX, PX, 3), np.uint8))
    return {"one colour": write(blank, folder), "noise": write(noise, folder)}


def chips(survey: Path, count: int, folder: Path, bands: tuple[int, ...] = (1, 2, 3)) -> tuple[list[Path], Labels]:
    """At most so many chips of a survey as a model sees them, and which of five folds of squares of land each lies in."""
    found = survey_chips([survey], TileOptions(bands=bands))
    kept = np.unique(np.linspace(0, len(found.rows) - 1, min(count, len(found.rows))).astype(np.int64))
    rows, cols = found.rows[kept], found.cols[kept]
    pictures = ChipPictures(((found.survey, found.grid),), np.zeros(len(kept), np.int64), rows, cols)
    with pictures.reader(PX) as reader:
        files = write([reader.read(position) for position in range(len(pictures))], folder)
    _, number = np.unique(np.stack([rows // BLOCK, cols // BLOCK]), axis=1, return_inverse=True)
    order = np.random.default_rng(0).permutation(number.max() + 1)
    return files, order[number] % FOLDS
