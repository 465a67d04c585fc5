"""The kinds of view that the land-use head learns from: what other surveys, pixel sizes and lands may look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.legend import Legend
from landuse.models.libraries import Images
from tools.pretrain.sources import Ints, Source
from tools.pretrain.views import PX, blur, jpeg, mosaic, relit, resize, shift_colours, spoil, turn
from tools.pretrain.water import HARDLY, MOSTLY, Lakes

COARSEST = 16.0
"""Most times that pixels grow: 0.3 m becomes 4.8 m."""
FAR_SIDES = (2, 3, 4, 5)
BLOCK = 16
"""Images of a class that are neighbours, and of which a mosaic is made."""
EVERY = {"plain": (0, 1), "coarse": (3, 4), "far": (0, 4), "lit": (1, 3)}
"""The first image of a class that a view of each kind is made of, and the step to the next."""
LAND = (("Cultivated", 0.7), ("Herbaceous", 0.3))
"""What land without water is taken for on a survey of farmland, where nothing else is known of it."""


@dataclass(frozen=True, eq=False)
class Views:
    """Views of one kind: images uint8 (n, h, w, 3), their classes int64 (n,), and whether each is held out (n,)."""

    images: Images
    labels: Ints
    held_out: npt.NDArray[np.bool_]


def rows_of(source: Source, legend: Legend, kind: str) -> Ints:
    """The images of a collection that a kind of view is made of."""
    first, step = EVERY[kind]
    counted = np.concatenate([np.arange((source.labels == label).sum()) for label in range(len(source.folders))])
    return np.flatnonzero((source.classes(legend) >= 0) & (counted % step == first % step) & (counted >= first))


def image_views(source: Source, legend: Legend, kind: str, rng: np.random.Generator) -> Views:
    """Images of a collection as they are ("plain"), "lit" anew, "coarse", or "far" as mosaics of neighbours of their class."""
    rows = rows_of(source, legend, kind)
    chosen = source.take(rows)
    labels = chosen.classes(legend)
    if kind == "plain":
        return Views(chosen.images(PX), labels, chosen.held_out)
    if kind == "lit":
        return Views(np.stack([relit(image, rng) for image in chosen.images(PX)]), labels, chosen.held_out)
    images = source.take(np.arange(len(source.paths))).images()
    blocks = np.concatenate(
        [np.arange((source.labels == label).sum()) // BLOCK for label in range(len(source.folders))]
    )

    def view(row: int) -> Images:
        if kind == "coarse":
            return coarse(images[row], rng)
        side = int(rng.choice(FAR_SIDES))
        same = (source.labels == source.labels[row]) & (source.held_out == source.held_out[row])
        beside = np.flatnonzero(same & (blocks == blocks[row]))
        return spoil(mosaic([images[at] for at in rng.choice(beside, side * side)], PX, rng), rng)

    return Views(np.stack([view(int(row)) for row in rows]), labels, chosen.held_out)


def coarse(image: Images, rng: np.random.Generator) -> Images:
    """The image at one to 16 times the pixel size, relit and recoloured, in half of the cases through JPEG."""
    small = turn(blur(image, float(np.exp(rng.uniform(0, np.log(COARSEST))))), int(rng.integers(8)))
    lit = np.clip(shift_colours(small.astype(np.float32), rng), 0, 255).astype(np.uint8)
    return resize(jpeg(lit, int(rng.integers(30, 95))) if rng.random() < 0.5 else lit, PX)


def lake_views(lakes: Lakes, legend: Legend, rng: np.random.Generator) -> Views:
    """Windows of a survey with a near infrared band: mostly water, or land, which is called any class of `LAND`."""
    water, land = np.flatnonzero(lakes.water > MOSTLY), np.flatnonzero(lakes.water < HARDLY)
    codes, odds = [legend.names.index(name) for name, _ in LAND], [share for _, share in LAND]
    labels = np.append(np.full(len(water), legend.names.index("Water")), rng.choice(codes, len(land), p=odds))
    images = [spoil(lakes.images[i], rng) if rng.random() < 0.7 else lakes.images[i] for i in (*water, *land)]
    return Views(np.stack(images), labels.astype(np.int64), np.zeros(len(labels), bool))
