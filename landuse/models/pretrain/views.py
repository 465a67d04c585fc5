"""Views: what an aerial image looks like from nearer and from further away.

A view of 224 px is a crop (a fifth of the pixel size up to the original), or a mosaic of 2 x 2 to 5 x 5 shrunken images
(2 to 5 times the pixel size), of one class or of several. With images of 0.3 m and 0.6 m that spans 0.12 to 3 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from landuse.models.arrays import Floats, Images
from landuse.models.pretrain.images import UNLABELLED, ImageSet

PX = 224
CROP_SHARE = 0.6
MIXED_SHARE = 0.35
MOSAIC_SIDES = (2, 3, 4, 5)
MOSAIC_ODDS = (0.35, 0.35, 0.2, 0.1)


@dataclass(frozen=True)
class View:
    """One rendered view.

    Attributes:
        image: uint8 (224, 224, 3).
        shares: float32 (classes,), share of each class; all 0 where nothing is known.
    """

    image: Images
    shares: Floats


def render_view(source: ImageSet, rng: np.random.Generator) -> View:
    """A random view of images that may be learnt from."""
    usable = np.flatnonzero(~source.held_out)
    first = int(rng.choice(usable))
    if rng.random() < CROP_SHARE:
        return View(_crop(source.images[first], rng), _shares(source, [first]))
    side = int(rng.choice(MOSAIC_SIDES, p=MOSAIC_ODDS))
    if rng.random() < MIXED_SHARE:
        pool = rng.choice(usable, size=int(rng.integers(2, 5)))
    else:
        label = int(source.labels[first])
        pool = usable[source.labels[usable] == label] if label == UNLABELLED else source.of_class(label)
    members = [int(i) for i in rng.choice(pool, size=side * side)]
    return View(_mosaic([source.images[i] for i in members], side, rng), _shares(source, members))


def _shares(source: ImageSet, members: list[int]) -> Floats:
    labels = source.labels[members]
    if (labels == UNLABELLED).any():
        return np.zeros(len(source.names), np.float32)
    return (np.bincount(labels, minlength=len(source.names)) / len(labels)).astype(np.float32)


def _crop(image: Images, rng: np.random.Generator) -> Images:
    """A square crop of 40 to 100 % of the side, turned, at 224 px."""
    side = int(image.shape[0] * rng.uniform(0.4, 1.0))
    y, x = (int(rng.integers(0, image.shape[0] - side + 1)) for _ in range(2))
    return turn(resize(image[y : y + side, x : x + side], PX), int(rng.integers(8)))


def _mosaic(images: list[Images], side: int, rng: np.random.Generator) -> Images:
    """`side` x `side` images on one sheet, cut at a random offset so that seams differ, at 224 px."""
    cell = -(-PX // side)
    tiles = [turn(resize(image, cell), int(rng.integers(8))) for image in images]
    rows = [np.concatenate(tiles[i * side : (i + 1) * side], axis=1) for i in range(side)]
    sheet = np.concatenate(rows, axis=0)
    offset = (int(rng.integers(cell)), int(rng.integers(cell)))
    return np.ascontiguousarray(np.roll(sheet, offset, axis=(0, 1))[:PX, :PX])


def turn(image: Images, way: int) -> Images:
    """One of the eight ways (0 to 7) to lay a square image down: quarter turns, mirrored or not."""
    turned = np.rot90(image, way % 4)
    return np.ascontiguousarray(turned[:, ::-1] if way >= 4 else turned)


def resize(image: Images, side: int) -> Images:
    """The image at `side` by `side`: box means when it shrinks much, bicubic otherwise."""
    method = Image.Resampling.BOX if side < image.shape[0] // 2 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize((side, side), method))
