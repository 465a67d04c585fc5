"""Which cells changed, inferred from two probability vectors a cell rather than from two labels.

Two maps that are each 82 % right disagree in a third of their cells, whatever the land did. So the classes before (i) and
after (j) are inferred together:

    P(i, j | x) is proportional to  T[i, j] * (p[i] / pi[i]) * (q[j] / rho[j])

with p and q the two vectors of the cell, pi and rho the class shares that the vectors imply on the whole, and T the joint
share of every (before, after) pair, estimated from all cells by expectation maximisation (Dempster, Laird and Rubin 1977;
the one-survey form is Saerens, Latinne and Decaestecker 2002). T starts near its diagonal and is smoothed towards no change
by a Dirichlet prior. One doubtful cell then weighs little against the fact that hardly anything changes. A pair of classes
that flips with the season gets a large share of T, and so takes no evidence from pairs that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import IntArray

FLOOR = 1e-6
"""Least probability taken at face value: a classifier that says never is not believed beyond one in a million."""
PIECE = 1 << 18

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChangePrior:
    """What is held before looking: change is rare.

    Attributes:
        change: share of cells that is thought to change.
        strength: how many cells that belief weighs (the sum of the Dirichlet pseudo-counts).
    """

    change: float = 0.01
    strength: float = 50.0

    def __post_init__(self) -> None:
        if not (0.0 < self.change < 1.0 and self.strength > 0.0):
            raise UsageError("The prior share of change lies between 0 and 1, and its strength is above 0.")


@dataclass(frozen=True, eq=False)
class CellChanges:
    """What is inferred of n cells.

    Attributes:
        change: (n,) probability that the class changed.
        pair: (n, 2) most likely classes before and after, as positions in the legend.
        move: (n, 2) most likely change: the likeliest pair of two different classes.
        moved: (n,) probability of that very change.
        named: (n,) probability of the pair of classes that was asked about: those of the two maps' labels.
    """

    change: Floats
    pair: IntArray
    move: IntArray
    moved: Floats
    named: Floats

    @classmethod
    def of(cls, joint: Floats, named: IntArray) -> CellChanges:
        """What joint probabilities (n, K, K) of the classes before and after say; `named` (n, 2) is asked about."""
        every, classes = np.arange(len(joint)), joint.shape[1]
        off = np.where(np.eye(classes, dtype=bool), -1.0, joint)
        move = largest_pair(off)
        return cls(
            change=np.clip(1.0 - np.trace(joint, axis1=1, axis2=2), 0.0, 1.0),
            pair=largest_pair(joint),
            move=move,
            moved=np.maximum(off[every, move[:, 0], move[:, 1]], 0.0),
            named=joint[every, named[:, 0], named[:, 1]],
        )

    @classmethod
    def joined(cls, parts: Sequence[CellChanges]) -> CellChanges:
        """The cells of some parts, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


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

    @property
    def change_share(self) -> float:
        """Estimated share of the cells that changed: what `transition` holds off its diagonal."""
        return float(self.transition.sum() - np.trace(self.transition))

    def apply(self, before: Floats, after: Floats, same: Mask, named: IntArray) -> CellChanges:
        """What is said of n cells, each by itself.

        Args:
            before: (n, K) probabilities in the earlier survey.
            after: (n, K) those in the later one.
            same: (n,) cells that are one observation twice and so count as unchanged.
            named: (n, 2) the pair of classes whose probability is asked for.
        """
        p, q = _floored(before), _floored(after)
        piece = max(1, PIECE // p.shape[1] ** 2)
        parts = [slice(start, start + piece) for start in range(0, max(len(p), 1), piece)]
        return CellChanges.joined([CellChanges.of(self._joint(p[s], q[s], same[s]), named[s]) for s in parts])

    def _joint(self, p: Floats, q: Floats, same: Mask) -> Floats:
        """Probability (n, K, K) of each pair of classes of some cells."""
        joint = self.transition * (p / self.before)[:, :, None] * (q / self.after)[:, None, :]
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        twice = np.flatnonzero(same)
        likeliest = p[twice].argmax(axis=1)
        joint[twice] = 0.0
        joint[twice, likeliest, likeliest] = 1.0
        return np.asarray(joint)


def fit_transitions(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    prior: ChangePrior | None = None,
    *,
    same: Mask | None = None,
    tolerance: float = 1e-6,
) -> TransitionModel:
    """Estimate the share of every transition from cells' class-probability vectors at both dates.

    Args:
        before: (n, K) probabilities in the earlier survey; rows sum to 1.
        after: (n, K) probabilities of the same cells, same class order, in the later one.
        prior: how rare change is thought to be.
        same: (n,) cells that are one observation twice and so count as unchanged; None takes those whose two vectors are the
            same to the last bit.
        tolerance: estimation stops when the transition shares move by less than this in all.

    Returns:
        The model. Swapping the surveys transposes `transition`; a permutation of the classes permutes it.

    Raises:
        UsageError: the arrays differ in shape, have no class or row, or are not probabilities.
    """
    p, q = probability_matrix(before, "before"), probability_matrix(after, "after")
    if p.shape != q.shape:
        raise UsageError(
            f"The surveys hold {p.shape} and {q.shape} probabilities; they must be of the same cells and classes."
        )
    evidence = _Evidence(p, q, (p == q).all(axis=1) if same is None else same)
    transition, iterations, converged = evidence.estimate(prior or ChangePrior(), tolerance)
    return TransitionModel(transition, evidence.pi, evidence.rho, iterations, converged)


def probability_matrix(values: npt.ArrayLike, name: str) -> Floats:
    """(n, K) float64 probabilities whose rows sum to 1; raises `UsageError` for anything that is none."""
    matrix = np.array(values, np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise UsageError(
            f"The probabilities {name} have shape {matrix.shape}; a row a cell and a column a class is needed."
        )
    total = matrix.sum(axis=1, keepdims=True)
    if not (np.isfinite(matrix).all() and (matrix >= 0).all() and (np.abs(total - 1) < 0.02).all()):
        raise UsageError(f"The probabilities {name} are not numbers from 0 to 1 that sum to 1 in every cell.")
    return np.asarray(matrix / total)


class _Evidence:
    """The two surveys as likelihood ratios (n, K), with the cells seen twice the same set apart."""

    def __init__(self, p: Floats, q: Floats, same: Mask) -> None:
        p, q = _floored(p), _floored(q)
        self.n, self.classes = p.shape
        self.pi, self.rho = p.mean(axis=0), q.mean(axis=0)
        self.a, self.b = p[~same] / self.pi, q[~same] / self.rho
        self.unchanged = p[same].sum(axis=0)

    def prior(self, prior: ChangePrior) -> Floats:
        """(K, K) expected shares before looking: the mean of both surveys on the diagonal, `prior.change` spread off it."""
        stay = np.sqrt(self.pi * self.rho)
        moves = np.outer(self.pi, self.rho)
        moves = moves + moves.T
        np.fill_diagonal(moves, 0.0)
        if self.classes == 1:
            return np.ones((1, 1))
        return np.asarray((1 - prior.change) * np.diag(stay / stay.sum()) + prior.change * moves / moves.sum())

    def estimate(self, prior: ChangePrior, tolerance: float, most: int = 1000) -> tuple[Floats, int, bool]:
        """Transition shares (K, K), rounds, and whether they settled within `most`."""
        mean = self.prior(prior)
        transition = mean
        for round_ in range(1, most + 1):
            counts = np.diag(self.unchanged) + _expected_pairs(transition, self.a, self.b)
            moved = (counts + prior.strength * mean) / (self.n + prior.strength)
            step = float(np.abs(moved - transition).sum())
            transition = moved
            if step < tolerance:
                return transition, round_, True
        return transition, most, False


def largest_pair(joint: Floats) -> IntArray:
    """(n, 2) where each (K, K) matrix of `joint` (n, K, K) is largest."""
    return np.stack(np.divmod(joint.reshape(len(joint), joint.shape[1] ** 2).argmax(axis=1), joint.shape[1]), axis=1)


def _expected_pairs(transition: Floats, a: Floats, b: Floats) -> Floats:
    """(K, K) expected number of cells in every pair under `transition`: the expectation step."""
    evidence = ((a @ transition) * b).sum(axis=1)
    return np.asarray(transition * ((a / evidence[:, None]).T @ b))


def _floored(matrix: Floats) -> Floats:
    raised = np.maximum(matrix, FLOOR)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
