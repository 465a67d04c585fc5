"""Two surveys' probabilities brought to one scale by the pairs themselves.

Nearly all cells did not change, so the pairs show how two looks at the same ground differ: one year is hazier than the other,
its season makes fields look like grass, and both share the place's own oddities, which makes them agree more often than two
independent looks would. Each survey's vector is therefore translated,

    log p' = mixing @ log p + bias   (and p' made to sum to 1)

with the mixing matrix and the biases that make the pairs of the same cell most likely relative to pairs of different cells:
the mean over cells of log sum_ij T[i, j] (p'[i] / pi'[i]) (q'[j] / rho'[j]), which is the likelihood of the pairs given each
survey alone (matrix scaling, Guo et al. 2017, with the other survey in the place of labels). T is held to a plain form here, a
few per cent of all pairs in disagreement of no particular kind: so real change does not shape the translation, and a pattern
shared by many cells is laid to the surveys and not to the land. Hence the limit of the method: where most cells of a class
really went the same way, it cannot tell that from a bad year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from landuse.change.posterior import Floats, probability_matrix

FEWEST = 200
MOST = 10_000
SMALLEST = 1e-9
"""Least probability whose logarithm is told apart; what a network means by such figures is what is learnt here."""
STIFFNESS, LEAST_STIFF, MOST_STIFF = 300_000.0, 30.0, 1000.0
"""Cells that speak for leaving a survey as it is, times cells that the pair has; and bounds of the former, which is the weight
of a normal prior around the identity and bias 0. A few hundred cells cannot tell a bad year from real change: at 30, which
suits tens of thousands, the real changes of real pairs of 355 cells were explained away (docs/change.md)."""
SPARED = 0.03
"""Share of pairs that may disagree freely. Without it, four clear changes among a thousand cells are explained away."""


@dataclass(frozen=True)
class Calibration:
    """How one pair of surveys is translated.

    Attributes:
        mixing: (2, K, K) matrices of the earlier and the later survey; the identity leaves it as it is.
        bias: (2, K) added to the logarithms.
        cells: how many pairs it was learnt from; 0 where there were too few and nothing is translated.
    """

    mixing: Floats
    bias: Floats
    cells: int

    def apply(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """The two (n, K) probability matrices translated."""
        if not self.cells:
            return before, after
        first, second = (
            _softmax(_logs(p) @ mixing.T + bias)
            for p, mixing, bias in zip((before, after), self.mixing, self.bias, strict=True)
        )
        return first, second


def calibrate_pair(before: Floats, after: Floats) -> Calibration:
    """Learn the translation of two surveys from their common cells.

    Args:
        before: (n, K) probabilities of the earlier survey.
        after: (n, K) probabilities of the same cells in the later one.

    Returns:
        The calibration; it leaves everything as it is where there are fewer than 200 cells or only one class. Of more than
        10,000 cells, 10,000 evenly spaced ones are used. Swapping the surveys swaps its halves.
    """
    p, q = probability_matrix(before, "before"), probability_matrix(after, "after")
    classes = p.shape[1]
    moved = np.flatnonzero((p != q).any(axis=1))
    if len(moved) < FEWEST or classes < 2:
        return Calibration(np.stack([np.eye(classes)] * 2), np.zeros((2, classes)), 0)
    some = moved[np.linspace(0, len(moved) - 1, min(len(moved), MOST)).astype(np.int64)]
    fit = _Fit(_logs(p[some]), _logs(q[some]))
    best = minimize(fit.loss, fit.start(), jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-9}).x
    found = fit.unpack(best)
    return Calibration(found.mixing, found.bias, len(some))


@dataclass(frozen=True)
class _Parameters:
    """The flat vector, taken apart: mixing (2, K, K), bias (2, K), class shares of the pairs that agree (K,)."""

    mixing: Floats
    bias: Floats
    stay: Floats

    def transition(self) -> Floats:
        """(K, K) shares of a plain form: `stay` on the diagonal, the same small share everywhere else."""
        classes = len(self.stay)
        shares = np.full((classes, classes), SPARED / (classes * (classes - 1)))
        np.fill_diagonal(shares, (1 - SPARED) * self.stay)
        return shares


class _Fit:
    """The penalised likelihood of the pairs and its gradient, over one flat parameter vector.

    Parameters: 2 K^2 of mixing, 2 K biases, K logits of the class shares.
    """

    def __init__(self, log_p: Floats, log_q: Floats) -> None:
        self.logs = log_p, log_q
        self.n, self.classes = log_p.shape
        self.stiffness = min(max(STIFFNESS / self.n, LEAST_STIFF), MOST_STIFF)

    def start(self) -> Floats:
        """The surveys as they are."""
        eye = np.stack([np.eye(self.classes)] * 2)
        shares = sum(_softmax(logs).mean(axis=0) for logs in self.logs) / 2
        return np.concatenate([eye.ravel(), np.zeros(2 * self.classes), np.log(shares)])

    def unpack(self, v: Floats) -> _Parameters:
        """The parts of the flat vector."""
        k = self.classes
        mixing, bias, logits = np.split(v, [2 * k * k, 2 * k * k + 2 * k])
        return _Parameters(mixing.reshape(2, k, k), bias.reshape(2, k), _softmax(logits[None])[0])

    def loss(self, v: Floats) -> tuple[float, Floats]:
        """Negative penalised log-likelihood a cell, and its gradient."""
        now = self.unpack(v)
        p, q = (_softmax(x @ m.T + b) for x, m, b in zip(self.logs, now.mixing, now.bias, strict=True))
        pi, rho = p.mean(axis=0), q.mean(axis=0)
        a, b, transition = p / pi, q / rho, now.transition()
        from_b, from_a = b @ transition.T, a @ transition
        inverse = 1.0 / (from_a * b).sum(axis=1, keepdims=True)
        mixing_p, bias_p = _through_softmax(from_b * inverse, p, pi, self.logs[0])
        mixing_q, bias_q = _through_softmax(from_a * inverse, q, rho, self.logs[1])
        mixing = np.stack([mixing_p, mixing_q]) - self.stiffness * (now.mixing - np.eye(self.classes))
        bias = np.stack([bias_p, bias_q]) - self.stiffness * now.bias
        diagonal = np.diag((a * inverse).T @ b)
        by_stay = (1 - SPARED) * now.stay * (diagonal - (now.stay * diagonal).sum()) + (1 / self.classes - now.stay)
        gradient = np.concatenate([mixing.ravel(), bias.ravel(), by_stay])
        value = -np.log(inverse).sum() + self._log_prior(now)
        return -value / self.n, -gradient / self.n

    def _log_prior(self, now: _Parameters) -> float:
        away = ((now.mixing - np.eye(self.classes)) ** 2).sum() + (now.bias**2).sum()
        return float(np.log(now.stay).mean() - 0.5 * self.stiffness * away)


def _through_softmax(upstream: Floats, p: Floats, mean: Floats, logs: Floats) -> tuple[Floats, Floats]:
    """Gradient by mixing and bias. `upstream` is that by p / mean; p's mean over cells depends on both as well."""
    by_p = (upstream - (p * upstream).mean(axis=0) / mean) / mean
    by_z = p * (by_p - (p * by_p).sum(axis=1, keepdims=True))
    return by_z.T @ logs, by_z.sum(axis=0)


def _logs(p: Floats) -> Floats:
    """Logarithms less their mean over the classes, so that mixing does not depend on an arbitrary level."""
    logs = np.log(np.maximum(p, SMALLEST))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _softmax(z: Floats) -> Floats:
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
