"""The audit of change sites: which ones people look at, what their answers teach, and how many of a list are surely real.

Two parts of the sites are looked at. The chosen ones are doubtful and large: they teach a model that re-ranks the list. The
random ones are drawn from the whole list before anybody has answered: they alone say how good a part of the list is, so that
what was chosen, and what was learnt from it, cannot flatter the figure.

The share of real sites among the first of the list has an exact lower bound (Clopper and Pearson 1934) at

    (1 - confidence) / (looks x parts)

for each part of the list that is tried and each time that answers may be looked at. All of these bounds hold together then, so
that the longest part that passes may be taken, and one may stop as soon as one does (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaincinv, expit, logit

RANDOM, CHOSEN = "random", "chosen"
PARTS = (0.25, 0.5, 1.0)
"""Parts of the list that are tried, fixed before there is any answer."""
LOOK = 20
"""Random answers after which they are looked at; those in between do not count yet."""
HELD = np.array([0.1, 4.0, 0.5])
"""Weight of a normal prior on the shift of all, on the slopes of probability and size, and on that of each kind of change.

Answers differ by the kind of change above all. On the real pairs of `benchmarks.audit` other weights found fewer real ones."""
Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AuditSites:
    """n sites of a comparison, the surest first.

    Attributes:
        probability: (n,) of their change; 0.5 where it is not known.
        area_ha: (n,).
        kinds: (n,) number of the pair of classes of each.
    """

    probability: Floats
    area_ha: Floats
    kinds: IntArray

    def __len__(self) -> int:
        return len(self.probability)

    def design(self) -> Floats:
        """(n, 3 + kinds) what is known of each: 1, the logit of its probability, the logarithm of its size, and its kind."""
        ones, chance = np.ones(len(self)), logit(np.clip(self.probability, 0.001, 0.999))
        size = np.log(np.maximum(self.area_ha, 1e-3))
        kinds = np.eye(int(self.kinds.max(initial=0)) + 1)[self.kinds]
        return np.column_stack([ones, chance, size - size.mean(), kinds])


def drawn(sites: AuditSites, random: int, chosen: int, seed: int) -> tuple[IntArray, Mask]:
    """The sites to look at in the order of looking, and which of them are the random ones, one in every so many.

    Args:
        sites: the list.
        random: how many are drawn from the whole list.
        chosen: how many of the others are taken that are doubtful and large.
        seed: of the draw.
    """
    lot = np.random.default_rng(seed).permutation(len(sites))[:random]
    worth = sites.probability * (1 - sites.probability) * np.sqrt(sites.area_ha)
    rest = np.setdiff1d(np.arange(len(sites)), lot)
    best = rest[np.argsort(-worth[rest], kind="stable")][:chosen]
    place = np.concatenate([(np.arange(len(part)) + 0.5) / max(len(part), 1) for part in (lot, best)])
    order = np.argsort(place, kind="stable")
    return np.concatenate([lot, best])[order], (np.arange(len(place)) < len(lot))[order]


def refitted(sites: AuditSites, looked_at: IntArray, real: Mask) -> Floats:
    """Probability (n,) that each site is real, from answers to some of them: a logistic regression held near what it was."""
    design = sites.design()
    x, y = design[looked_at], real.astype(np.float64)
    centre, weight = np.zeros(design.shape[1]), np.full(design.shape[1], HELD[2])
    centre[1] = 1.0
    weight[0], weight[1:3] = HELD[0], HELD[1]

    def loss(v: Floats) -> tuple[float, Floats]:
        """Negative log posterior of the coefficients, and its gradient."""
        score, away = x @ v, v - centre
        value = np.logaddexp(0, score).sum() - y @ score + 0.5 * (weight * away**2).sum()
        return float(value), np.asarray(x.T @ (expit(score) - y) + weight * away)

    found = minimize(loss, centre, jac=True, method="L-BFGS-B").x
    return np.asarray(expit(design @ found))


@dataclass(frozen=True)
class Claim:
    """What the random answers say of the first sites of a list.

    Attributes:
        sites: how many sites that is; 0 where no part of the list passes.
        answers: random answers among them.
        real: those that are real.
        low: least share of real ones at the confidence asked for.
    """

    sites: int
    answers: int
    real: int
    low: float


def claimed(order: IntArray, random: IntArray, real: Mask, planned: int, asked: tuple[float, float]) -> Claim:
    """The longest part of a list of which surely enough sites are real.

    Args:
        order: (n,) the sites, the surest first, by a model that has not seen the random answers.
        random: (m,) the random sites answered so far, in the order of the draw.
        real: (m,) whether they are.
        planned: how many random sites were drawn.
        asked: the share of real ones, and the confidence.
    """
    precision, confidence = asked
    counted = len(random) if len(random) >= planned else len(random) // LOOK * LOOK
    level = (1 - confidence) / (max(1, -(-planned // LOOK)) * len(PARTS))
    best = Claim(0, counted, int(real[:counted].sum()), 0.0)
    for part in PARTS:
        first = order[: round(part * len(order))]
        inside = np.isin(random[:counted], first)
        answers, hits = int(inside.sum()), int(real[:counted][inside].sum())
        low = float(betaincinv(hits, answers - hits + 1, level)) if hits else 0.0
        if low >= precision:
            best = Claim(len(first), answers, hits, low)
    return best


def as_told(score: Floats, order: IntArray, claim: Claim, told: Mapping[int, bool]) -> tuple[Floats, Mask, Claim]:
    """What is known of the sites once those that people told of count as they said.

    Args:
        score: (n,) probability of each by the model.
        order: (n,) the sites, the surest first, that the claim is about.
        claim: of the first of them.
        told: whether a site is real, for each that people told of.

    Returns:
        Probabilities (n,), which sites are claimed (n,), and the claim of so many.
    """
    known, vouched = score.copy(), np.zeros(len(score), bool)
    vouched[order[: claim.sites]] = True
    for site, real in told.items():
        known[site], vouched[site] = real, real and claim.sites > 0
    return known, vouched, replace(claim, sites=int(vouched.sum()))
