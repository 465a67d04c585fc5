"""What one step of training sees: labelled views, and views of places at two dates, each with what it should look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from landuse.models.arrays import Floats, Images
from tools.pretrain.images import ImageSet, Ints
from tools.pretrain.views import MOSAIC_ODDS, MOSAIC_SIDES, crop, mosaic, spoil

MIXED_SHARE = 0.25


@dataclass(frozen=True)
class Batch:
    """One step.

    Attributes:
        images: uint8 (n, px, px, 3), spoilt. The first 2 p rows are p places at a date, then the same places at another.
        wanted: float32 (n, D), features of the unspoilt images.
        shares: float32 (n, classes), share of each class; all 0 where nothing is known.
    """

    images: Images
    wanted: Floats
    shares: Floats


@dataclass(frozen=True)
class Drawer:
    """Draws batches.

    Attributes:
        source: images; those held out are never drawn.
        features: float32 (n, D) of every image as it is. Those of a mosaic are the mean over its images, because the
            features are a mean over the map; those of a place are the mean over its dates.
        pairs: places a batch.
        labelled: labelled views a batch.
    """

    source: ImageSet
    features: Floats
    pairs: int = 8
    labelled: int = 16

    def draw(self, px: int, rng: np.random.Generator) -> Batch:
        """A batch of 2 * `pairs` + `labelled` views."""
        rows = [*self._places(px, rng), *(self._labelled(px, rng) for _ in range(self.labelled))]
        images, wanted, shares = zip(*rows, strict=True)
        return Batch(np.stack(images), np.stack(wanted).astype(np.float32), np.stack(shares).astype(np.float32))

    @cached_property
    def _of_places(self) -> list[Ints]:
        return self.source.of_places()

    @cached_property
    def _of_classes(self) -> list[Ints]:
        found = [self.source.of_class(label) for label in range(len(self.source.names))]
        return [rows for rows in found if len(rows)]

    def _places(self, px: int, rng: np.random.Generator) -> list[tuple[Images, Floats, Floats]]:
        """`pairs` places at one date each, then the same in the same order at another."""
        unknown = np.zeros(len(self.source.names), np.float32)
        first: list[tuple[Images, Floats, Floats]] = []
        second: list[tuple[Images, Floats, Floats]] = []
        for _ in range(self.pairs):
            side = _side(rng)
            chosen = [self._of_places[i] for i in rng.integers(len(self._of_places), size=side * side)]
            dates = [rng.choice(rows, 2, replace=len(rows) < 2) for rows in chosen]
            wanted = np.mean([self.features[rows].mean(axis=0) for rows in chosen], axis=0)
            seed = int(rng.integers(2**31))
            for views, date in ((first, 0), (second, 1)):
                view = self._view([int(pair[date]) for pair in dates], px, np.random.default_rng(seed))
                views.append((spoil(view, rng), wanted, unknown))
        return first + second

    def _labelled(self, px: int, rng: np.random.Generator) -> tuple[Images, Floats, Floats]:
        side = _side(rng)
        classes = rng.integers(len(self._of_classes), size=side * side if rng.random() < MIXED_SHARE else 1)
        members = [int(rng.choice(self._of_classes[classes[i % len(classes)]])) for i in range(side * side)]
        shares = np.bincount(self.source.labels[members], minlength=len(self.source.names)) / len(members)
        view = self._view(members, px, rng)
        return spoil(view, rng), self.features[members].mean(axis=0), shares.astype(np.float32)

    def _view(self, members: list[int], px: int, rng: np.random.Generator) -> Images:
        if len(members) == 1:
            return crop(self.source.images[members[0]], px, rng)
        return mosaic([self.source.images[i] for i in members], px, rng)


def _side(rng: np.random.Generator) -> int:
    return int(rng.choice(MOSAIC_SIDES, p=MOSAIC_ODDS))
