"""Change told class by class, each by a null distribution of its own.

A joint estimate of all transitions lets classes that flip with the season (green and dry fields) drown one that does not
(water). Here every class is looked at by itself (`ClassView`), and each pair of classes is decided by that one of the two
which the surveys tell better from the rest. One of the surveys must be trusted for that: the one whose map is surer on the
mean, which is that of the model's own training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from landuse.change.class_view import ClassView
from landuse.change.pair import SurveyPair
from landuse.change.posterior import PIECE, CellChanges, Floats, Mask, probability_matrix

MOST_CELLS = 20_000
"""Cells that the views are learnt from."""
NEVER = 1e-4
"""Least probability of the trusted survey that is taken at face value."""


class Classwise:
    """Each class's evidence as far as the pair itself bears it out."""

    def fit(self, sample: SurveyPair) -> FittedViews:
        """See `ClassView`. Of more than 20,000 cells, 20,000 evenly spaced ones are used."""
        some = np.linspace(0, len(sample) - 1, min(len(sample), MOST_CELLS)).astype(np.int64)
        before = _raised(probability_matrix(sample.before[some], "before"))
        after = _raised(probability_matrix(sample.after[some], "after"))
        later = bool(after.max(axis=1).mean() > before.max(axis=1).mean())
        trusted, doubtful = (after, before) if later else (before, after)
        views = [ClassView.fitted(trusted, doubtful, place) for place in range(before.shape[1])]
        views.sort(key=lambda view: -view.told_apart)
        fitted = FittedViews(tuple(views), later, np.empty((0, 0)))
        return replace(fitted, transition=fitted.joint(before, after, sample.same[some]).mean(axis=0))


@dataclass(frozen=True, eq=False)
class FittedViews:
    """What was learnt of each class.

    Attributes:
        views: of the classes, the one best told from the rest first.
        later: whether the later survey is the trusted one.
        transition: (K, K) estimated share of cells in each (before, after) pair; sums to 1.
    """

    views: tuple[ClassView, ...]
    later: bool
    transition: Floats
    iterations: int = 0
    converged: bool = True

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell of a block, each by itself."""
        before, after, same = _raised(block.before), _raised(block.after), block.same
        piece = max(1, PIECE // before.shape[1] ** 2)
        parts = [slice(start, start + piece) for start in range(0, max(len(before), 1), piece)]
        said = [CellChanges.of(self.joint(before[s], after[s], same[s]), block.labels[s]) for s in parts]
        return CellChanges.joined(said)

    def joint(self, before: Floats, after: Floats, same: Mask) -> Floats:
        """Probability (n, K, K) of each pair of classes of cells; `same` (n,) marks one look that stands in both surveys."""
        trusted, doubtful = (after, before) if self.later else (before, after)
        found = np.zeros((*trusted.shape, trusted.shape[1]))
        for view in self.views:
            comes, goes = view.moves(trusted, doubtful)
            decided = self._decided[view.place]
            found[:, decided, view.place], found[:, view.place, decided] = comes[:, decided], goes[:, decided]
        found[same] = 0.0
        found /= np.maximum(1.0, found.sum(axis=(1, 2)))[:, None, None]
        stays = 1.0 - found.sum(axis=(1, 2))
        every = np.arange(trusted.shape[1])
        found[:, every, every] = stays[:, None] * trusted
        return np.asarray(found.transpose(0, 2, 1) if self.later else found)

    @cached_property
    def _decided(self) -> dict[int, list[int]]:
        """Place of each class -> places of the classes that are told worse: its own evidence decides between it and them."""
        order = [view.place for view in self.views]
        return {place: order[n + 1 :] for n, place in enumerate(order)}


def _raised(matrix: Floats) -> Floats:
    """Rows of probabilities, none of them below `NEVER`."""
    raised = np.maximum(matrix, NEVER)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
