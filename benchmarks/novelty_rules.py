"""Ways to say how far features are from those of a training, on equal footing: the one that models keep, and its rivals.

A rule takes training features (n, D) and the class of each, and gives a distance of other features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

from landuse.models.arrays import Floats
from landuse.models.novelty import POWER, Labels, conformal_levels, find_centres, nearest_distance, raised, unit

AXES = 64
"""Of the subspace that a residual is taken from; 128 gave the same."""
Distance = Callable[[Floats], Floats]
Rule = Callable[[Floats, Labels], Distance]


def rooted(features: Floats) -> Floats:
    """Square roots of features, at length 1."""
    return unit(raised(features, POWER))


def bank(features: Floats, _: Labels) -> Distance:
    """The nearest of all samples (Sun et al. 2022)."""
    vectors = unit(features)
    return lambda found: nearest_distance(unit(found), vectors)


def centres(prepare: Distance) -> Rule:
    """The nearest of 256 centres of the samples."""

    def fit(features: Floats, _: Labels) -> Distance:
        kept = find_centres(prepare(features), np.random.default_rng(0))
        return lambda found: nearest_distance(prepare(found), kept)

    return fit


def axes_of(rows: Floats) -> tuple[Floats, Floats]:
    """Principal axes (k, D) of centred rows (n, D) and the variance along each, largest first."""
    small = len(rows) < rows.shape[1]
    values, vectors = np.linalg.eigh((rows @ rows.T if small else rows.T @ rows).astype(np.float64))
    kept = np.flatnonzero(values > values[-1] * 1e-6)[::-1]
    axes = vectors[:, kept].T
    if small:
        axes = (axes @ rows) / np.sqrt(values[kept])[:, None]
    return axes.astype(np.float32), (values[kept] / len(rows)).astype(np.float32)


def residual(prepare: Distance) -> Rule:
    """What the principal axes of the samples leave of a vector (ViM without its logit, Wang et al. 2022)."""

    def fit(features: Floats, _: Labels) -> Distance:
        vectors = prepare(features)
        mean = vectors.mean(axis=0)
        axes = axes_of(vectors - mean)[0][:AXES]

        def distance(found: Floats) -> Floats:
            rest = prepare(found) - mean
            return np.asarray((rest**2).sum(axis=1) - ((rest @ axes.T) ** 2).sum(axis=1), np.float32)

        return distance

    return fit


def mahalanobis(*, classes: bool = False) -> Rule:
    """Squared distance to the mean, or to the nearest mean of a class by the covariance within classes.

    The covariance is shrunken (Ledoit and Wolf 2004).
    """

    def fit(features: Floats, labels: Labels) -> Distance:
        vectors = unit(features)
        kinds, index = np.unique(labels if classes else np.zeros_like(labels), return_inverse=True)
        means = np.stack([vectors[index == kind].mean(axis=0) for kind in range(len(kinds))])
        rows = vectors - means[index]
        axes, variances = axes_of(rows)
        share = float(ledoit_wolf_shrinkage(rows, assume_centered=True))
        floor = share * float((rows**2).sum() / rows.size)
        weights = 1 / ((1 - share) * variances + floor) - 1 / floor
        places = means @ axes.T

        def distance(found: Floats) -> Floats:
            lying = unit(found) @ axes.T
            lengths = [((unit(found) - own) ** 2).sum(axis=1) / floor for own in means]
            along = [((lying - place) ** 2) @ weights for place in places]
            return np.min(np.add(lengths, along), axis=0)

        return distance

    return fit


def cross(rule: Rule, features: Floats, labels: Labels, folds: Labels) -> Floats:
    """Distance of each row by a rule that was fitted without its fold."""
    found = np.empty(len(features), np.float32)
    for number in np.unique(folds):
        out = folds == number
        found[out] = rule(features[~out], labels[~out])(features[out])
    return found


def flag_of(held: Floats) -> float:
    """The distance that one in a hundred of such distances lies beyond."""
    return float(conformal_levels(held)[990])


RULES: Mapping[str, Rule] = {
    "bank": bank,
    "centres": centres(unit),
    "Mahalanobis": mahalanobis(),
    "of classes": mahalanobis(classes=True),
    "residual": residual(unit),
    "root centres": centres(rooted),
    "root residual": residual(rooted),
}


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances of some sets by one rule, and the distance from which on their images are flagged."""

    flag: float
    sets: tuple[Floats, ...]


def measure(known: Floats, labels: Labels, folds: Labels, sets: Sequence[Floats]) -> dict[str, Measured]:
    """Every rule, and two that are made of two: relative Mahalanobis (Ren et al. 2021), and the larger of two distances."""
    parts = {name: (cross(rule, known, labels, folds), *map(rule(known, labels), sets)) for name, rule in RULES.items()}
    pairs = zip(parts["of classes"], parts["Mahalanobis"], strict=True)
    parts["relative"] = tuple(near - overall for near, overall in pairs)
    flags = [flag_of(parts[name][0]) for name in ("root centres", "root residual")]
    both = zip(parts["root centres"], parts["root residual"], strict=True)
    parts["larger of both"] = tuple(np.maximum(one / flags[0], other / flags[1]) for one, other in both)
    return {name: Measured(flag_of(held), found) for name, (held, *found) in parts.items()}
