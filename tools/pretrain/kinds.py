"""The kinds of view that the land-use head learns from: what other surveys, pixel sizes and lands may look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.legend import Legend
from landuse.models.arrays import Images
from tools.pretrain.images import ImageSet, Ints, Mask
from tools.pretrain.scenes import scenery_of
from tools.pretrain.views import PX, blur, crop, jpeg, mosaic, resize, shift_colours, spoil, turn
from tools.pretrain.water import HARDLY, MOSTLY, Lakes

COARSEST = 16.0
"""0.3 m becomes 4.8 m."""
FAR_SIDES = (2, 3, 4, 5)
FAR_EVERY = 2
"""One of so many images is the first of a mosaic."""
BLOCK = 16
"""Images of a class that are neighbours, and of which a mosaic is made."""
BALANCE = 0.5
"""Exponent of a class's weight: 0 leaves the classes as frequent as they are, 1 makes them alike."""
LAND = (("Cultivated", 0.7), ("Herbaceous", 0.3))
"""What land without water is taken for on a survey of farmland, where nothing else is known of it."""


@dataclass(frozen=True)
class Part:
    """Views of one kind.

    Attributes:
        images: uint8 (n, h, w, 3).
        labels: (n,), index in the legend.
        weight: float64 (n,), sums to 1.
        rows: (n,) of the image that each view shows most of, -1 where there is none.
    """

    images: Images
    labels: Ints
    weight: npt.NDArray[np.float64]
    rows: Ints


def image_views(source: ImageSet, rows: Ints, codes: Ints, kind: str, rng: np.random.Generator) -> Part:
    """Each image of `rows` "plain", "spoilt" or "coarse", or every second "far", as a mosaic of its neighbours and itself.

    Args:
        source: all images.
        rows: those that may be used, of classes that have a code.
        codes: index in the legend of each class folder.
        kind: of view.
        rng: draws.
    """
    blocks = _blocks(source, rows)

    def view(at: int) -> Images:
        image = source.images[rows[at]]
        if kind == "plain":
            return np.asarray(image)
        if kind == "spoilt":
            return spoil(crop(image, PX, rng), rng)
        if kind == "coarse":
            return coarse(image, rng)
        side = int(rng.choice(FAR_SIDES))
        beside = rows[(blocks == blocks[at]) & (source.labels[rows] == source.labels[rows[at]])]
        return spoil(mosaic([source.images[i] for i in rng.choice(beside, side * side)], PX, rng), rng)

    chosen = np.arange(len(rows))[:: FAR_EVERY if kind == "far" else 1]
    labels = codes[source.labels[rows[chosen]]]
    return Part(np.stack([view(int(at)) for at in chosen]), labels, balanced(labels), rows[chosen])


def coarse(image: Images, rng: np.random.Generator) -> Images:
    """The image at one to 16 times the pixel size, relit and recoloured, in half of the cases through JPEG."""
    small = turn(blur(image, float(np.exp(rng.uniform(0, np.log(COARSEST))))), int(rng.integers(8)))
    lit = np.clip(shift_colours(small.astype(np.float32), rng), 0, 255).astype(np.uint8)
    return resize(jpeg(lit, int(rng.integers(30, 95))) if rng.random() < 0.5 else lit, PX)


def scene_views(
    source: ImageSet, chosen: Mask, codes: Ints, legend: Legend, each: int, rng: np.random.Generator
) -> Part:
    """`each` scenes of every class of the legend, made of the chosen images."""
    index = {name: i for i, name in enumerate(legend.names)}
    scenery = scenery_of(source, chosen, codes.tolist(), index)
    labels = np.repeat(np.arange(len(legend)), each)
    images = np.stack([scenery.render(int(label), rng) for label in labels])
    return Part(images, labels, balanced(labels), _none(labels))


def lake_views(lakes: Lakes, legend: Legend, rng: np.random.Generator) -> Part:
    """Windows of a survey with a near infrared band: mostly water, or land, which is called any class of `LAND`."""
    water, land = np.flatnonzero(lakes.water > MOSTLY), np.flatnonzero(lakes.water < HARDLY)
    codes, odds = [legend.names.index(name) for name, _ in LAND], [share for _, share in LAND]
    labels = np.append(np.full(len(water), legend.names.index("Water")), rng.choice(codes, len(land), p=odds))
    images = [spoil(lakes.images[i], rng) if rng.random() < 0.7 else lakes.images[i] for i in (*water, *land)]
    weight = np.full(len(labels), 1 / len(labels))
    return Part(np.stack(images), labels.astype(np.int64), weight, _none(labels))


def balanced(labels: Ints, power: float = BALANCE) -> npt.NDArray[np.float64]:
    """Weights that sum to 1, between alike for each row and alike for each class."""
    counts = np.bincount(labels)[labels]
    weight = counts.astype(np.float64) ** -power
    return np.asarray(weight / weight.sum(), np.float64)


def _blocks(source: ImageSet, rows: Ints) -> Ints:
    """Number of the block of neighbours that each row belongs to, counted within its class."""
    labels = source.labels[rows]
    first = {int(label): int(rows[labels == label].min()) for label in np.unique(labels)}
    return np.array(
        [(int(row) - first[int(label)]) // BLOCK for row, label in zip(rows, labels, strict=True)], np.int64
    )


def _none(labels: Ints) -> Ints:
    return np.full(len(labels), -1, np.int64)
