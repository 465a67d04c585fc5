"""The ways to infer change, by the name that `diff --method` takes: one class a way, one line of `METHODS` each.

A way is fitted to a sample of the cells that two surveys share, and then applied to all of them, block by block: a block is as
large as memory likes, and what is said of a cell depends on the cells around it at most, not on the block that it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from landuse.change.classwise import Classwise
from landuse.change.pair import CellChanges, Floats, SurveyPair, probability_matrix, raised
from landuse.errors import UsageError

FLOOR = 1e-6
"""Least probability taken at face value: a classifier that says never is not believed beyond one in a million."""
TOLERANCE, MOST_ROUNDS = 1e-6, 1000
"""Estimation stops when the transition shares move by less than this in all, or after so many rounds."""


class FittedChange(Protocol):
    """What a way to infer change has learnt from a pair of surveys."""

    @property
    def transition(self) -> Floats:
        """(K, K) estimated share of cells in each (before, after) pair; sums to 1."""

    @property
    def iterations(self) -> int:
        """Rounds of estimation; 0 where there are none."""

    @property
    def converged(self) -> bool:
        """Whether they settled."""

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell of a block, which has a rim of one cell around what is wanted: neighbours may count."""


class ChangeModel(Protocol):
    """A way to infer change."""

    def fit(self, sample: SurveyPair) -> FittedChange:
        """Learn from a random sample of cells, in image order: all of them up to some hundred thousand."""


@dataclass(frozen=True)
class Joint:
    """Both surveys' probabilities as they are, with the shares of all transitions estimated from the pair.

    Two maps that are each 82 % right disagree in a third of their cells, whatever the land did. So the classes before (i) and
    after (j) are inferred together:

        P(i, j | x) is proportional to  T[i, j] * (p[i] / pi[i]) * (q[j] / rho[j])

    with p and q the two vectors of the cell, pi and rho the class shares that the vectors imply on the whole, and T the joint
    share of every (before, after) pair, estimated from all cells by expectation maximisation (Dempster, Laird and Rubin 1977;
    the one-survey form is Saerens, Latinne and Decaestecker 2002). T starts near its diagonal and is smoothed towards no change
    by a Dirichlet prior. One doubtful cell then weighs little against the fact that hardly anything changes.

    Attributes:
        change: share of cells that is thought to change before looking.
        strength: how many cells that belief weighs (the sum of the Dirichlet pseudo-counts).
    """

    change: float = 0.01
    strength: float = 50.0

    def fit(self, sample: SurveyPair) -> TransitionModel:
        """Estimate the share of every transition. Swapping the surveys transposes it; permuting classes permutes it.

        Cells whose two vectors are the same to the last bit are one observation twice and count as unchanged.

        Raises:
            UsageError: the surveys have no class or row, or are not probabilities.
        """
        p = raised(probability_matrix(sample.before, "before"), FLOOR)
        q = raised(probability_matrix(sample.after, "after"), FLOOR)
        same, pi, rho = sample.same, p.mean(axis=0), q.mean(axis=0)
        mean, unchanged = self._expected(pi, rho), np.diag(p[same].sum(axis=0))
        a, b = p[~same] / pi, q[~same] / rho
        transition, step, rounds = mean, np.inf, 0
        while step >= TOLERANCE and rounds < MOST_ROUNDS:
            counts = unchanged + _expected_pairs(transition, a, b)
            moved = (counts + self.strength * mean) / (len(p) + self.strength)
            step = float(np.abs(moved - transition).sum())
            transition, rounds = moved, rounds + 1
        return TransitionModel(transition, pi, rho, rounds, step < TOLERANCE)

    def _expected(self, pi: Floats, rho: Floats) -> Floats:
        """(K, K) shares before looking: the mean of both surveys on the diagonal, `change` spread off it."""
        stay, moves = np.sqrt(pi * rho), np.outer(pi, rho)
        moves = moves + moves.T
        np.fill_diagonal(moves, 0.0)
        if len(pi) == 1:
            return np.ones((1, 1))
        return np.asarray((1 - self.change) * np.diag(stay / stay.sum()) + self.change * moves / moves.sum())


@dataclass(frozen=True, eq=False)
class TransitionModel:
    """What a pair of surveys says as a whole, and from which each cell's probabilities follow.

    Attributes:
        transition: (K, K) estimated share of cells in each (before, after) pair; sums to 1.
        before, after: (K,) class shares implied by each survey's vectors.
        iterations: rounds of expectation maximisation.
        converged: whether they settled.
    """

    transition: Floats
    before: Floats
    after: Floats
    iterations: int
    converged: bool

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of the cells of a block, each by itself."""
        return block.changes(self._joint)

    def _joint(self, block: SurveyPair) -> Floats:
        """Probability (n, K, K) of each pair of classes of some cells."""
        p, q = raised(block.before, FLOOR), raised(block.after, FLOOR)
        joint = self.transition * (p / self.before)[:, :, None] * (q / self.after)[:, None, :]
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        twice = np.flatnonzero(block.same)
        likeliest = p[twice].argmax(axis=1)
        joint[twice] = 0.0
        joint[twice, likeliest, likeliest] = 1.0
        return np.asarray(joint)


def _expected_pairs(transition: Floats, a: Floats, b: Floats) -> Floats:
    """(K, K) expected number of cells in every pair under `transition`: the expectation step."""
    evidence = ((a @ transition) * b).sum(axis=1)
    return np.asarray(transition * ((a / evidence[:, None]).T @ b))


class Independent:
    """1 - sum p q: the chance that two independent looks mean different classes. It is here to be compared with."""

    def fit(self, sample: SurveyPair) -> FittedChange:
        """Nothing is learnt from the pair; the transition shares are the mean of the cells' own."""
        return _Unlearnt(sample.before.T @ sample.after / len(sample))


@dataclass(frozen=True, eq=False)
class _Unlearnt:
    """Each cell's own product of its two vectors."""

    transition: Floats
    iterations: int = 0
    converged: bool = True

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell of a block."""
        return block.changes(lambda cells: cells.before[:, :, None] * cells.after[:, None, :])


METHODS: Mapping[str, ChangeModel] = {
    "classwise": Classwise(),
    "joint": Joint(),
    "independent": Independent(),
}
DEFAULT = "classwise"


def change_model(name: str) -> ChangeModel:
    """The way to infer change of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        raise UsageError(f"No method {name!r} to infer change: choose one of {', '.join(METHODS)}.")
    return METHODS[name]
