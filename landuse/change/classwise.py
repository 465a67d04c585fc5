"""Change told class by class, each by a null distribution of its own, learnt from the pair of surveys itself.

A joint estimate of all transitions lets classes that flip with the season (green and dry fields) drown one that does not
(water). Here every class is looked at by itself (`ClassView`), and each pair of classes is decided by that one of the two
which the surveys tell better from the rest. One of the surveys must be trusted for that: the one whose map is surer on the
mean, which is that of the model's own training.

Nearly all cells did not change. So the spread of a class's score in the doubtful survey over the cells that the other one calls
k is the null distribution of that score for class k (an empirical null: Efron, Large-scale simultaneous hypothesis testing,
JASA 99, 2004), and its spread over the cells of the class itself is what the score would be after a change to it. For class j
and a cell with score x, the logit of its probability,

    evidence[k](x) = log f_j(x) - log f_k(x)

with f a Student density around the weighted median and median deviation, so that a few real changes do not shape it. It rises
with x, and it never goes beyond what the score itself says: the pair may show that a class is called out at random, and
cannot make a low score count for it. With few cells of a class the score counts as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from landuse.change.neighbours import ALONE, changes_beside
from landuse.change.pair import CellChanges, Floats, SurveyPair, probability_matrix, raised
from landuse.change.same_place import SamePlace, changed_by

LEAST = 1e-3
"""Least probability whose logit is told apart."""
MOST_EVIDENCE = 7.0
"""Largest log-likelihood ratio of one score."""
SCORES = np.linspace(np.log(LEAST / (1 - LEAST)), np.log((1 - LEAST) / LEAST), 401)
FREEDOM = 4.0
"""Degrees of freedom of the densities: their tails are heavy, since seasons come in patches."""
NARROWEST = 0.3
"""Least spread of a score, in logits: saturated scores have none."""
BELIEVED = 30.0
"""Cells of a class at which what the pair says of it weighs as much as the scores themselves."""
BORROWED = 10.0
"""Cells of all other classes that stand beside those of one class in its null distribution, for classes that are rare."""
CHANGE, STRENGTH = 0.1, 100.0
"""Share of a class that is thought to go to all others together or to come from each, and how many cells that belief weighs."""
ROUNDS, SETTLED = 100, 1e-5
MOST_CELLS = 20_000
"""Cells that the views are learnt from."""
NEVER = 1e-4
"""Least probability of the trusted survey that is taken at face value."""
DOUBTED, BORNE_OUT = 0.89, 3.0
"""Most that a change counts which the components do not bear out by log odds of so much, twenty to one: a class that takes on
another's look in one season passes for a change of class, and its cells for the same places as before."""


@dataclass(frozen=True, eq=False)
class ClassView:
    """One class j, seen in a survey that is trusted (probabilities p) and in a doubtful one (q).

    Attributes:
        place: j, its position in the legend.
        evidence: (401, K) of the scores `SCORES`, for j and against each class k.
        comes: (K,) share of the cells of k that are of j in the doubtful survey.
        goes: (K,) share of the cells of j that are of k there.
        told_apart: area under the curve of its score in the doubtful survey: 1 tells it from the rest, 0.5 is chance.
    """

    place: int
    evidence: Floats
    comes: Floats
    goes: Floats
    told_apart: float

    @classmethod
    def fitted(cls, p: Floats, q: Floats, place: int) -> ClassView:
        """Learnt from n cells, (n, K) probabilities in each survey, all above 0."""
        score, own = score_of(q[:, place]), p[:, place]
        evidence = _evidence(score, p, place, float(np.clip(q[:, place], LEAST, 1 - LEAST).mean()))
        often = np.where(np.arange(p.shape[1]) == place, 0.0, CHANGE / p.shape[1])
        view = cls(place, evidence, often, often, _area_under(score, own))
        against = view._against(q)
        for _ in range(ROUNDS):
            comes, goes = view._moves(p, against)
            better = cls(
                place,
                evidence,
                (comes.sum(axis=0) + STRENGTH * often) / (p.sum(axis=0) + STRENGTH),
                (goes.sum(axis=0) + STRENGTH * often) / (own.sum() + STRENGTH),
                view.told_apart,
            )
            step = max(np.abs(better.comes - view.comes).max(), np.abs(better.goes - view.goes).max())
            view = better
            if step < SETTLED:
                break
        return view

    def moves(self, p: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Probability (n, K) that a cell went from each class to this one, and from this one to each."""
        return self._moves(p, self._against(q))

    def _moves(self, p: Floats, against: Floats) -> tuple[Floats, Floats]:
        own = p[:, [self.place]]
        comes, goes = p * self.comes, own * self.goes * against
        stays = p * against * (1 - self.comes)
        stays[:, self.place] = own[:, 0] * (1 - self.goes.sum())
        total = (stays + comes + goes).sum(axis=1, keepdims=True)
        return comes / total, goes / total

    def _against(self, q: Floats) -> Floats:
        """How much likelier (n, K) each class is by this one's score than this one itself."""
        return np.asarray(np.exp(-self.evidence_of(q)))

    def evidence_of(self, q: Floats) -> Floats:
        """Evidence (n, K) for this class and against each, by its own score."""
        at = (score_of(q[:, self.place]) - SCORES[0]) / (SCORES[1] - SCORES[0])
        below = np.minimum(at.astype(np.intp), len(SCORES) - 2)  # evenly spaced, so no search is needed as by np.interp
        part = (at - below)[:, None]
        return np.asarray(self.evidence[below] * (1 - part) + self.evidence[below + 1] * part)


def score_of(q: Floats) -> Floats:
    """Logits of probabilities, within those of `SCORES`."""
    inside = np.clip(q, LEAST, 1 - LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def _evidence(score: Floats, p: Floats, place: int, share: float) -> Floats:
    """(401, K) evidence for the class at `place` and against each other, from scores (n,) of it and the trusted (n, K)."""
    said = np.clip(SCORES - score_of(np.array(share)), -MOST_EVIDENCE, MOST_EVIDENCE)
    own, others = p[:, place], 1 - p[:, place]
    few = min(own.sum(), others.sum())
    believed = few / (few + BELIEVED)
    mine, found = _spread(score, own), np.zeros((len(SCORES), p.shape[1]))
    for k in range(p.shape[1]):
        if k != place:
            null = _spread(score, p[:, k] + BORROWED * others / others.sum())
            learnt = _rising(mine, null)
            learnt = np.where(said > 0, np.clip(learnt, 0, said), np.clip(learnt, said, 0))
            found[:, k] = believed * learnt + (1 - believed) * said
    return found


def _spread(score: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted median and median deviation, the latter on the scale of a standard deviation."""
    middle = _weighted_median(score, weight)
    return middle, max(NARROWEST, 1.4826 * _weighted_median(np.abs(score - middle), weight))


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(heaped, heaped[-1] / 2)])


def _rising(mine: tuple[float, float], null: tuple[float, float]) -> Floats:
    """Log ratio (401,) of two densities, made to rise outwards from where they cross; 0 where the class scores no higher."""
    if mine[0] <= null[0]:
        return np.zeros(len(SCORES))
    ratio = _log_density(mine) - _log_density(null)
    middle = int(np.searchsorted(SCORES, (mine[0] * null[1] + null[0] * mine[1]) / (mine[1] + null[1])))
    ratio[middle:] = np.maximum.accumulate(ratio[middle:])
    ratio[:middle] = np.minimum.accumulate(ratio[:middle][::-1])[::-1]
    return ratio


def _log_density(spread: tuple[float, float]) -> Floats:
    """Log density (401,) of Student's t, but for a constant that all such densities have in common."""
    middle, scale = spread
    return np.asarray(-(FREEDOM + 1) / 2 * np.log1p(((SCORES - middle) / scale) ** 2 / FREEDOM) - np.log(scale))


def _area_under(score: Floats, own: Floats) -> float:
    """Area under the ROC curve with soft classes: `own` (n,) is how far each cell is of the class; ties count half."""
    _, at = np.unique(score, return_inverse=True)
    ones, zeros = np.bincount(at, own), np.bincount(at, 1 - own)
    below = np.cumsum(zeros) - zeros / 2
    return float((ones * below).sum() / max(ones.sum() * zeros.sum(), LEAST))


@dataclass(frozen=True, eq=False)
class ClassViews:
    """All classes, the one best told from the rest first: it decides between itself and those that are told worse."""

    views: tuple[ClassView, ...]

    @classmethod
    def fitted(cls, trusted: Floats, doubtful: Floats) -> ClassViews:
        """Learnt from n cells, (n, K) probabilities in each survey, all above 0."""
        views = [ClassView.fitted(trusted, doubtful, place) for place in range(trusted.shape[1])]
        return cls(tuple(sorted(views, key=lambda view: -view.told_apart)))

    def joint(self, trusted: Floats, doubtful: Floats) -> Floats:
        """Probability (n, K, K) of each pair of classes of cells, that in the trusted survey first."""
        found = np.zeros((*trusted.shape, trusted.shape[1]))
        for view, worse in self._deciding():
            comes, goes = view.moves(trusted, doubtful)
            found[:, worse, view.place], found[:, view.place, worse] = comes[:, worse], goes[:, worse]
        found /= np.maximum(1.0, found.sum(axis=(1, 2)))[:, None, None]
        every = np.arange(trusted.shape[1])
        found[:, every, every] = (1.0 - found.sum(axis=(1, 2)))[:, None] * trusted
        return found

    def looks(self, doubtful: Floats) -> Floats:
        """How likely the doubtful survey's scores (n, K) of cells are for each class, beside the class that it names (1)."""
        named, logs = doubtful.argmax(axis=1), np.zeros_like(doubtful)
        for view, worse in self._deciding():
            evidence, mine, other = view.evidence_of(doubtful), named == view.place, np.isin(named, worse)
            logs[np.ix_(mine, worse)] = -evidence[np.ix_(mine, worse)]
            logs[other, view.place] = evidence[other, named[other]]
        return np.asarray(np.exp(logs))

    def _deciding(self) -> Iterator[tuple[ClassView, list[int]]]:
        """Each view, and the places of the classes that are told worse."""
        places = [view.place for view in self.views]
        return ((view, places[number:]) for number, view in enumerate(self.views, 1))


@dataclass(frozen=True)
class Classwise:
    """Each class's evidence as far as the pair itself bears it out, beside the cells around.

    Attributes:
        alone: how little the same change in the cells around counts: see `landuse.change.neighbours.ALONE`.
    """

    alone: float = ALONE

    def fit(self, sample: SurveyPair) -> FittedViews:
        """See `ClassView`. Of more than 20,000 cells, 20,000 evenly spaced ones are used."""
        some = sample.take(np.linspace(0, len(sample) - 1, min(len(sample), MOST_CELLS)).astype(np.int64))
        before, after = looks_of(some.before, "before"), looks_of(some.after, "after")
        later = surer(after) > surer(before)
        views = ClassViews.fitted(after, before) if later else ClassViews.fitted(before, after)
        fitted = FittedViews(views, later, np.empty((0, 0)), self.alone, SamePlace.fitted(some))
        return replace(fitted, transition=fitted.joint(some).mean(axis=0))


@dataclass(frozen=True, eq=False)
class FittedViews:
    """What was learnt of a pair of surveys.

    Attributes:
        views: of the classes.
        later: whether the later survey is the trusted one.
        transition: (K, K) estimated share of cells in each (before, after) pair, each by itself; sums to 1.
        alone: as of `Classwise`.
        places: whether two looks are of one place; None where the maps hold nothing that tells.
    """

    views: ClassViews
    later: bool
    transition: Floats
    alone: float
    places: SamePlace | None = None
    iterations: int = 0
    converged: bool = True

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of the cells of a block, each beside those around it."""
        usual = self.transition - np.diag(np.diag(self.transition))
        cells = changes_beside(block, self.joint, usual, self.alone)
        most = self._most(block, cells)
        named = np.where(block.differ, np.minimum(cells.named, most), cells.named)
        return replace(cells, moved=np.minimum(cells.moved, most), named=named).as_labelled(block.labels)

    def _most(self, block: SurveyPair, cells: CellChanges) -> Floats:
        """The most (n,) that the change of each cell counts, by whether the components alone say that it is another place."""
        most, sure = np.ones(len(block)), np.flatnonzero(cells.moved > DOUBTED)
        if self.places is not None and len(sure):
            most[sure[self.places.log_odds(block.take(sure)) < BORNE_OUT]] = DOUBTED
        return most

    def joint(self, some: SurveyPair) -> Floats:
        """Probability (n, K, K) of each pair of classes of cells; one look that stands in both surveys holds no change."""
        before, after = raised(some.before, NEVER), raised(some.after, NEVER)
        trusted, doubtful = (after, before) if self.later else (before, after)
        found = self.views.joint(trusted, doubtful)
        if self.places is not None:
            found = changed_by(found, self.places.log_odds(some))
        found[some.same] = np.eye(trusted.shape[1]) * trusted[some.same][:, :, None]
        differ = some.differ
        found[differ] = as_named(found[differ], trusted[differ], doubtful[differ])
        return np.asarray(found.transpose(0, 2, 1) if self.later else found)


def as_named(joint: Floats, trusted: Floats, doubtful: Floats) -> Floats:
    """Joint probabilities (n, K, K) of cells whose labels differ, with each cell's changes shared out anew.

    How much a score counts against no change, the pair of surveys tells: often little. Once a cell has changed, its two looks
    (n, K) are all that says from what to what. So each change gets the geometric mean of what the views and the product of
    both looks give it, and their sum stays what it was.
    """
    every = np.arange(joint.shape[1])
    moves = joint.copy()
    moves[:, every, every] = 0.0
    anew = np.sqrt(moves * trusted[:, :, None] * doubtful[:, None, :])
    share = moves.sum(axis=(1, 2)) / np.maximum(anew.sum(axis=(1, 2)), np.finfo(float).tiny)
    return np.asarray(joint - moves + anew * share[:, None, None])


def looks_of(values: npt.ArrayLike, name: str) -> Floats:
    """Probabilities (n, K) as views take them: checked, and none at 0. Raises as `probability_matrix`."""
    return raised(probability_matrix(values, name), NEVER)


def surer(looks: Floats) -> float:
    """How sure a survey (n, K) is on the mean: the surest of some is the one that is trusted."""
    return float(looks.max(axis=1).mean())
