"""Which cells changed, inferred from two probability vectors a cell rather than from two labels.

Two maps that are each 82 % right disagree in a third of their cells, whatever the land did. So the classes before (i) and
after (j) are inferred together:

    P(i, j | x) is proportional to  T[i, j] * (p[i] / pi[i]) * (q[j] / rho[j])

with p and q the two vectors of the cell, pi and rho the class shares that the vectors imply on the whole, and T the joint
share of every (before, after) pair, estimated from all cells by expectation maximisation (Dempster, Laird and Rubin 1977;
the one-survey form is Saerens, Latinne and Decaestecker 2002). T starts near its diagonal and is smoothed towards no change
by a Dirichlet prior. One doubtful cell then weighs little against the fact that hardly anything changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError

FLOOR = 1e-6
"""Least probability taken at face value: a classifier that says never is not believed beyond one in a million."""
PIECE = 1 << 18

Floats = npt.NDArray[np.float64]


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


@dataclass(frozen=True)
class ChangePosterior:
    """What the pair of surveys says about every cell.

    Attributes:
        transition: (K, K) estimated share of cells in each (before, after) pair; sums to 1.
        before, after: (K,) class shares implied by each survey's vectors.
        change: (n,) probability that the cell's class changed.
        pair: (n, 2) int64, indices of the most likely (before, after) classes.
        iterations: rounds of expectation maximisation.
        converged: whether they settled.
    """

    transition: Floats
    before: Floats
    after: Floats
    change: Floats
    pair: npt.NDArray[np.int64]
    iterations: int
    converged: bool

    @property
    def change_share(self) -> float:
        """Estimated share of the cells that changed: what `transition` holds off its diagonal."""
        return float(self.transition.sum() - np.trace(self.transition))


def infer_change(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    prior: ChangePrior | None = None,
    *,
    max_iterations: int = 1000,
    tolerance: float = 1e-6,
) -> ChangePosterior:
    """Probability of change of every cell from its two class-probability vectors.

    Args:
        before: (n, K) probabilities in the earlier survey; rows sum to 1.
        after: (n, K) probabilities of the same cells, same class order, in the later one.
        prior: how rare change is thought to be.
        max_iterations: most rounds of expectation maximisation.
        tolerance: they stop when the transition shares move by less than this in all.

    Returns:
        The posterior. Swapping the surveys transposes `transition` and leaves `change` as it is; a permutation of the classes
        permutes both. A cell whose two vectors are the same to the last bit is one observation twice: it counts as unchanged.

    Raises:
        UsageError: the arrays differ in shape, have no class or row, or are not probabilities.
    """
    p, q = probability_matrix(before, "before"), probability_matrix(after, "after")
    if p.shape != q.shape:
        raise UsageError(
            f"The surveys hold {p.shape} and {q.shape} probabilities; they must be of the same cells and classes."
        )
    same = (p == q).all(axis=1)
    model = _Model(p, q, same)
    transition, iterations, converged = model.estimate(prior or ChangePrior(), max_iterations, tolerance)
    change, pair = model.posterior(transition)
    return ChangePosterior(transition, model.pi, model.rho, change, pair, iterations, converged)


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


class _Model:
    """The two surveys as likelihood ratios (n, K), with the cells seen twice the same set apart."""

    def __init__(self, p: Floats, q: Floats, same: npt.NDArray[np.bool_]) -> None:
        p, q = _floored(p), _floored(q)
        self.n, self.classes = p.shape
        self.same = same
        self.pi, self.rho = p.mean(axis=0), q.mean(axis=0)
        self.a, self.b = p / self.pi, q / self.rho
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

    def estimate(self, prior: ChangePrior, most: int, tolerance: float) -> tuple[Floats, int, bool]:
        """Transition shares (K, K), rounds, and whether they settled."""
        mean = self.prior(prior)
        transition = mean
        a, b = self.a[~self.same], self.b[~self.same]
        for round_ in range(1, most + 1):
            counts = np.diag(self.unchanged) + _expected_pairs(transition, a, b)
            moved = (counts + prior.strength * mean) / (self.n + prior.strength)
            step = float(np.abs(moved - transition).sum())
            transition = moved
            if step < tolerance:
                return transition, round_, True
        return transition, most, False

    def posterior(self, transition: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
        """P(change) (n,) and the most likely pair (n, 2) of every cell."""
        change, pair = np.zeros(self.n), np.zeros((self.n, 2), np.int64)
        piece = max(1, PIECE // self.classes**2)
        for start in range(0, self.n, piece):
            part = slice(start, start + piece)
            joint = transition * self.a[part, :, None] * self.b[part, None, :]
            joint /= joint.sum(axis=(1, 2), keepdims=True)
            change[part] = joint.sum(axis=(1, 2)) - np.trace(joint, axis1=1, axis2=2)
            pair[part] = np.stack(np.divmod(joint.reshape(len(joint), -1).argmax(axis=1), self.classes), axis=1)
        change[self.same] = 0.0
        likeliest = (self.a[self.same] * self.pi).argmax(axis=1)
        pair[self.same] = np.stack([likeliest, likeliest], axis=1)
        return np.clip(change, 0.0, 1.0), pair


def _expected_pairs(transition: Floats, a: Floats, b: Floats) -> Floats:
    """(K, K) expected number of cells in every pair under `transition`: the expectation step."""
    evidence = ((a @ transition) * b).sum(axis=1)
    return np.asarray(transition * ((a / evidence[:, None]).T @ b))


def _floored(matrix: Floats) -> Floats:
    raised = np.maximum(matrix, FLOOR)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
