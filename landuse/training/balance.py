"""What each sample counts: weights of classes and samples, downsampling, soft labels as weighted rows, and label noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.legend import Legend
from landuse.models.heads import Head
from landuse.options.training import WeightOptions
from landuse.training.samples import Samples
from landuse.training.split import Mask

SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class Rows:
    """What a head is fitted on.

    Attributes:
        samples: int64 (m,), position of the sample that a row is of.
        labels: int64 (m,), position of its class in the legend.
        weights: float64 (m,), with mean weight 1 a sample.
    """

    samples: IntArray
    labels: IntArray
    weights: npt.NDArray[np.float64]


def fitting_rows(samples: Samples, rule: WeightOptions) -> Rows:
    """The rows of samples of one class each. A soft label becomes a row a class, with its share as the weight.

    Raises:
        UsageError: the samples carry lists of labels, or a class weight names no class.
    """
    if samples.multi:
        raise UsageError("The samples carry lists of labels; this head gives each sample one class.")
    factors = class_factors(rule.class_weights, samples.legend)
    chosen = np.arange(len(samples))
    if rule.balance == "downsample":
        chosen = downsample(samples.positions, rule.seed)
    rows, labels = np.nonzero(samples.targets[chosen])
    weights = samples.targets[chosen][rows, labels].astype(np.float64) * samples.weights[chosen][rows]
    if rule.balance == "weights":
        totals = np.bincount(labels, weights, minlength=len(samples.legend))
        weights = weights / np.where(totals > 0, totals, 1.0)[labels]
    weights = weights * factors[labels]
    kept = weights > 0
    if not kept.any():
        raise UsageError("Every sample has the weight 0, so there is nothing to learn from.")
    weights = weights * (len(np.unique(rows[kept])) / weights.sum())
    return Rows(chosen[rows[kept]].astype(np.int64), labels[kept].astype(np.int64), weights[kept])


def class_factors(weights: Mapping[str, float], legend: Legend) -> npt.NDArray[np.float64]:
    """Factor of each class in legend order, float64 (K,). Raises `UsageError` for a name or a number that cannot be."""
    factors = np.ones(len(legend))
    for name, weight in weights.items():
        code = legend.code_of(name)
        if not code:
            raise UsageError(f"--class-weight: {name!r} is none of the classes {', '.join(legend.names)}.")
        factors[legend.codes.index(code)] = weight
    return factors


def downsample(labels: IntArray, seed: int) -> IntArray:
    """Positions, sorted, of exactly as many samples of every class present as the rarest has."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    least = min(map(len, members), default=0)
    drawn = [rng.choice(m, least, replace=False) for m in members]
    return np.sort(np.concatenate(drawn)).astype(np.int64) if drawn else np.empty(0, np.int64)


def likely_wrong(samples: Samples, folds: IntArray, odds: float, fit: Callable[[Samples], Head]) -> Mask:
    """Which samples have a label that is at least `odds` times less likely than another class; bool (n,).

    Each sample is judged by a head that was fitted without its fold, so that a wrong label cannot speak for itself (after
    confident learning, Northcutt, Jiang and Chuang 2021).

    Args:
        folds: number of each sample's fold, int64 (n,); what must stay together is in one fold.
        odds: how much more likely the other class must be, above 1.
    """
    wrong = np.zeros(len(samples), bool)
    for fold in np.unique(folds):
        inside = folds == fold
        others = samples.take(~inside)
        if len(np.unique(others.positions)) < 2:
            continue
        probabilities = fit(others).apply(samples.features[inside])
        own = probabilities[np.arange(int(inside.sum())), samples.positions[inside]]
        known = np.isin(samples.positions[inside], others.positions)
        wrong[inside] = known & (own * odds < probabilities.max(axis=1) + SMALLEST)
    return wrong
