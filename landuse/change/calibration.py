"""Two surveys' probabilities brought to one scale by the pairs themselves.

Nearly all cells did not change, so the pairs show how two looks at the same ground differ: one year is hazier than the other,
its season makes fields look like grass, and both share the place's own oddities, which makes them agree more often than two
independent looks would. Each survey's vector is therefore re-scaled,

    p'[i] is proportional to  exp(sharpness * log p[i] + bias[i])

with the sharpness and the biases that make the pairs of the same cell most likely relative to pairs of different cells:
the mean over cells of log sum_ij T[i, j] (p'[i] / pi'[i]) (q'[j] / rho'[j]), which is the likelihood of the pairs given each
survey alone. T is held to a plain form here (rare change of no particular kind), so that a pattern shared by many cells is
laid to the surveys and not to the land.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from landuse.change.posterior import ChangePrior, Floats, probability_matrix

FEWEST = 200
SMALLEST = 1e-12
MOST = 10_000
STIFFNESS = 10.0
"""Cells that speak for leaving a survey as it is: the weight of a normal prior around sharpness 1 and bias 0."""


@dataclass(frozen=True)
class Calibration:
    """How one pair of surveys is re-scaled.

    Attributes:
        sharpness: (2,) exponents of the earlier and the later survey; below 1 flattens.
        bias: (2, K) added to the logarithms.
        cells: how many pairs it was learnt from; 0 where there were too few and nothing is re-scaled.
    """

    sharpness: Floats
    bias: Floats
    cells: int

    def apply(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """The two (n, K) probability matrices re-scaled."""
        if not self.cells:
            return before, after
        first = _softmax(self.sharpness[0] * _logs(before) + self.bias[0])
        second = _softmax(self.sharpness[1] * _logs(after) + self.bias[1])
        return first, second


def calibrate_pair(before: Floats, after: Floats, prior: ChangePrior | None = None) -> Calibration:
    """Learn the re-scaling of two surveys from their common cells.

    Args:
        before: (n, K) probabilities of the earlier survey.
        after: (n, K) probabilities of the same cells in the later one.
        prior: how rare change is thought to be.

    Returns:
        The calibration; it leaves everything as it is where there are fewer than 200 cells or only one class. Of more than
        10,000 cells, 10,000 evenly spaced ones are used.
    """
    p, q = probability_matrix(before, "before"), probability_matrix(after, "after")
    classes = p.shape[1]
    moved = np.flatnonzero((p != q).any(axis=1))
    if len(moved) < FEWEST or classes < 2:
        return Calibration(np.ones(2), np.zeros((2, classes)), 0)
    some = moved[np.linspace(0, len(moved) - 1, min(len(moved), MOST)).astype(np.int64)]
    fit = _Fit(_logs(p[some]), _logs(q[some]), prior or ChangePrior())
    best = minimize(fit.loss, fit.start(), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-10}).x
    sharpness, bias, _, _ = fit.unpack(best)
    return Calibration(sharpness, bias, len(some))


class _Fit:
    """The penalised likelihood of the pairs and its gradient, over one flat parameter vector.

    Parameters: 2 log sharpnesses, 2 K biases, K class logits of the unchanged, 1 logit of the share of change.
    """

    def __init__(self, log_p: Floats, log_q: Floats, prior: ChangePrior) -> None:
        self.log_p, self.log_q, self.prior = log_p, log_q, prior
        self.n, self.classes = log_p.shape

    def start(self) -> Floats:
        shares = np.exp(self.log_p).mean(axis=0) + np.exp(self.log_q).mean(axis=0)
        rare = np.log(self.prior.change / (1 - self.prior.change))
        return np.concatenate([np.zeros(2 + 2 * self.classes), np.log(shares / shares.sum()), [rare]])

    def unpack(self, v: Floats) -> tuple[Floats, Floats, Floats, float]:
        k = self.classes
        stay = _softmax(v[None, 2 + 2 * k : 2 + 3 * k])[0]
        return np.exp(v[:2]), v[2 : 2 + 2 * k].reshape(2, k), stay, float(1 / (1 + np.exp(-v[-1])))

    def loss(self, v: Floats) -> tuple[float, Floats]:
        sharpness, bias, stay, rare = self.unpack(v)
        p, q = _softmax(sharpness[0] * self.log_p + bias[0]), _softmax(sharpness[1] * self.log_q + bias[1])
        pi, rho = p.mean(axis=0), q.mean(axis=0)
        a, b = p / pi, q / rho
        spread = rare / (self.classes * (self.classes - 1))
        transition = np.full((self.classes, self.classes), spread)
        np.fill_diagonal(transition, (1 - rare) * stay)
        bt, at = b @ transition.T, a @ transition
        inverse = 1.0 / (at * b).sum(axis=1, keepdims=True)
        value = -np.log(inverse).sum() + self._penalty(v, stay, rare)
        by_sharpness_p, by_bias_p = _through_softmax(bt * inverse, p, pi, self.log_p)
        by_sharpness_q, by_bias_q = _through_softmax(at * inverse, q, rho, self.log_q)
        by_stay, by_rare = self._by_transition((a * inverse).T @ b, stay, rare)
        sharp = np.array([by_sharpness_p, by_sharpness_q]) * sharpness - STIFFNESS * v[:2]
        flat = np.concatenate([by_bias_p, by_bias_q]) - STIFFNESS * bias.ravel()
        gradient = np.concatenate([sharp, flat, by_stay, [by_rare]])
        return -value / self.n, -gradient / self.n

    def _penalty(self, v: Floats, stay: Floats, rare: float) -> float:
        around = -0.5 * STIFFNESS * float((v[: 2 + 2 * self.classes] ** 2).sum())
        weight, change = self.prior.strength, self.prior.change
        rarity = weight * ((1 - change) * np.log1p(-rare) + change * np.log(rare))
        return around + float(rarity) + float(np.log(stay).mean())

    def _by_transition(self, gradient: Floats, stay: Floats, rare: float) -> tuple[Floats, float]:
        """Gradient by the logits of `stay` and of `rare`, from that by the transition shares (K, K)."""
        k, weight, change = self.classes, self.prior.strength, self.prior.change
        diagonal = np.diag(gradient)
        by_stay = (1 - rare) * stay * (diagonal - (stay * diagonal).sum()) + (1 / k - stay)
        off = (gradient.sum() - diagonal.sum()) / (k * (k - 1))
        by_rare = (off - (stay * diagonal).sum()) * rare * (1 - rare) + weight * (change - rare)
        return by_stay, float(by_rare)


def _through_softmax(upstream: Floats, p: Floats, mean: Floats, logs: Floats) -> tuple[float, Floats]:
    """Gradient by sharpness and bias. `upstream` is that by p / mean; p's mean over cells depends on both as well."""
    by_p = (upstream - (p * upstream).mean(axis=0) / mean) / mean
    by_z = p * (by_p - (p * by_p).sum(axis=1, keepdims=True))
    return float((by_z * logs).sum()), by_z.sum(axis=0)


def _logs(p: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(p, SMALLEST)))


def _softmax(z: Floats) -> Floats:
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
