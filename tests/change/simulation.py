"""Two made surveys whose probabilities are calibrated and whose truth is known (section 7 of the design notes)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landuse.change.methods import Joint, TransitionModel
from landuse.change.pair import CellChanges, SurveyPair

SCALE = 2.26  # distance of the class means in noise standard deviations: 82 % of the labels come out right


@dataclass(frozen=True)
class Surveys:
    truth_before: np.ndarray
    truth_after: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        return self.truth_before != self.truth_after

    @property
    def differ(self) -> np.ndarray:
        return self.before.argmax(axis=1) != self.after.argmax(axis=1)


def surveys(cells=65_563, classes=6, change=0.01, *, shared=0.0, haze=0.0, seed=0) -> Surveys:
    """`shared` is the share of the noise that both years have in common, `haze` a shift of the later survey's evidence."""
    rng = np.random.default_rng(seed)
    before = rng.integers(0, classes, cells)
    moved = rng.random(cells) < change
    after = np.where(moved, (before + rng.integers(1, classes, cells)) % classes, before)
    place = rng.normal(size=(cells, classes))
    later_place = np.where(moved[:, None], rng.normal(size=(cells, classes)), place)
    tilt = haze * np.linspace(-1, 1, classes)
    return Surveys(
        before,
        after,
        _look(rng, before, place, shared, np.zeros(classes)),
        _look(rng, after, later_place, shared, tilt),
    )


def _look(rng, truth, place, shared, tilt):
    seen = np.sqrt(shared) * place + np.sqrt(1 - shared) * rng.normal(size=place.shape) + tilt
    seen[np.arange(len(truth)), truth] += SCALE
    evidence = np.exp(SCALE * (seen - seen.max(axis=1, keepdims=True)))
    return evidence / evidence.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Inferred:
    """What a pair of surveys says as a whole and of each cell."""

    model: TransitionModel
    cells: CellChanges

    @property
    def transition(self) -> np.ndarray:
        return self.model.transition

    @property
    def change_share(self) -> float:
        return 1 - float(np.trace(self.model.transition))

    @property
    def converged(self) -> bool:
        return self.model.converged

    @property
    def change(self) -> np.ndarray:
        return self.cells.change


def pair_of(before, after) -> SurveyPair:
    """Cells that lie apart, called what is likeliest."""
    p, q = np.asarray(before, float), np.asarray(after, float)
    labels = np.stack([p, q], axis=-1).argmax(axis=1) if p.size and p.ndim == 2 else np.empty((0, 2), np.int64)
    return SurveyPair(p, q, np.zeros(len(p), np.int64), 2 * np.arange(len(p)), labels)


def infer_change(before, after) -> Inferred:
    """Fitted to all cells and applied to all of them."""
    pair = pair_of(before, after)
    model = Joint().fit(pair)
    return Inferred(model, model.apply(pair))
