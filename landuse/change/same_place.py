"""Whether two looks are of one place: evidence for change beside that of the classes.

Nearly all cells did not change, so the pair itself shows how the second look goes with the first. The principal components of
both, x and y, are taken for normally distributed together, so that the log-likelihood ratio of two places to one is

    s(x, y) = log p(x) p(y) / p(x, y),

as in probabilistic linear discriminant analysis (Prince and Elder 2007). A tenth of the cells, the least alike, takes no part
in the estimate, and no cell takes part in that by which it is judged. What s is worth is learnt from cells beside stand-ins
for change: the later look of a cell with another's mixed in, half of it at least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from landuse.change.pair import Bands, Floats, Mask, SurveyPair
from landuse.grid import IntArray
from landuse.models.learnt_features import from_bytes

FEWEST = 60
"""Cells from which on anything is learnt."""
FOLDS = 10
ALIKE, ROUNDS = 0.9, 2
"""Share of the cells that a normal distribution is estimated from, and how often they are chosen."""
SHRUNK, TINY = 0.1, 1e-6
"""How far correlations are drawn towards 0, and what a component that never varies has for a variance."""
UNCHANGED = 0.99
"""Share of the cells, the most alike, that stand for those that did not change: odd looks are among them."""
DRAWS, MOST_DRAWN = 4, 20_000
"""Stand-ins for change for each cell, and about how many in all."""
RIDGE = 1e-4
"""Keeps a slope finite where the stand-ins are parted perfectly from the cells."""
MOST = 5.0
"""Largest log odds of one cell."""
SEED = 0


@dataclass(frozen=True, eq=False)
class JointNormal:
    """A normal distribution of two looks, of M components each, as a quadratic form (2M, 2M) around means (2M,)."""

    means: Floats
    form: Floats
    constant: float

    @classmethod
    def fitted(cls, looks: Floats) -> JointNormal:
        """That of most of n pairs of looks (n, 2M): those that it finds most alike in turn."""
        chosen = np.ones(len(looks), bool)
        for _ in range(ROUNDS):
            apart = cls._of(looks[chosen]).apart(looks)
            chosen = apart <= np.quantile(apart, ALIKE)
        return cls._of(looks[chosen])

    @classmethod
    def _of(cls, looks: Floats) -> JointNormal:
        half = looks.shape[1] // 2
        spread: Floats = np.asarray(np.cov(looks.T), np.float64)
        spread += SHRUNK * (np.diag(np.diag(spread)) - spread) + TINY * np.eye(2 * half)
        form, constant = np.linalg.inv(spread), float(np.linalg.slogdet(spread)[1])
        for side in (slice(0, half), slice(half, None)):
            form[side, side] -= np.linalg.inv(spread[side, side])
            constant -= float(np.linalg.slogdet(spread[side, side])[1])
        return cls(looks.mean(axis=0), np.asarray(form, np.float64), constant)

    def apart(self, looks: Floats) -> Floats:
        """How much likelier (n,) pairs of looks (n, 2M) are of two places than of one: s above."""
        centred = looks - self.means
        return np.asarray(0.5 * (self.constant + ((centred @ self.form) * centred).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class SamePlace:
    """What was learnt of a pair of surveys.

    Attributes:
        means, deviations: (2, M) of the components in each survey.
        normals: a distribution for each fold of cells, estimated from the others.
        slope, middle: log odds of change for each unit of s, and those at 0.
    """

    means: Floats
    deviations: Floats
    normals: tuple[JointNormal, ...]
    slope: float = 1.0
    middle: float = 0.0

    @classmethod
    def fitted(cls, sample: SurveyPair) -> SamePlace | None:
        """Learnt from cells with their components; None where they have none, are few, or tell nothing."""
        if sample.components is None:
            return None
        seen: Mask = np.asarray((sample.components > 0).all(axis=(1, 2)))
        if seen.sum() < FEWEST:
            return None
        components, folds = from_bytes(sample.components[seen]), fold_of(sample)[seen]
        means, deviations = components.mean(axis=0, dtype=np.float64), components.std(axis=0, dtype=np.float64)
        plain = cls(means, np.where(deviations > 0, deviations, 1.0), ())
        looks = plain._looks(components)
        normals = tuple(JointNormal.fitted(looks[folds != fold]) for fold in range(FOLDS))
        judge = cls(plain.means, plain.deviations, normals)
        apart = judge._apart(looks, folds)
        changed = judge._apart(*_stand_ins(looks, folds, sample.labels[seen, 0]))
        return judge._weighed(apart[apart <= np.quantile(apart, UNCHANGED)], changed)

    def _weighed(self, same: Floats, changed: Floats) -> SamePlace | None:
        """With what s is worth, by logistic regression of pairs that changed against those that did not, which count alike."""
        if not len(changed):
            return None
        from scipy.optimize import minimize  # a third of a second to import, and many maps have no components

        def loss(line: Floats) -> float:
            """Mean loss of both kinds of pairs by a slope and an offset (2,)."""
            right = (-line[0] * changed - line[1], line[0] * same + line[1])
            return float(sum(np.logaddexp(0, odds).mean() for odds in right) + RIDGE * line[0] ** 2)

        slope, middle = map(float, minimize(loss, [1.0, 0.0], method="BFGS").x)
        return replace(self, slope=slope, middle=middle) if slope > 0 else None

    def log_odds(self, block: SurveyPair) -> Floats:
        """Log odds (n,) that cells changed, for even odds before; 0 for those without components."""
        if block.components is None:
            return np.zeros(len(block))
        apart = self._apart(self._looks(from_bytes(block.components)), fold_of(block))
        return np.nan_to_num(np.clip(self.slope * apart + self.middle, -MOST, MOST))

    def _looks(self, components: Bands) -> Floats:
        """Both looks (n, 2M) of cells with components (n, 2, M), each survey's at a deviation of 1."""
        return np.asarray(((components - self.means) / self.deviations).reshape(len(components), -1))

    def _apart(self, looks: Floats, folds: IntArray) -> Floats:
        found = np.zeros(len(looks))
        for fold, normal in enumerate(self.normals):
            found[folds == fold] = normal.apart(looks[folds == fold])
        return found


def fold_of(cells: SurveyPair) -> IntArray:
    """The fold (n,) of each cell, by its place alone: neighbours are in different ones."""
    return np.asarray((cells.lines + 3 * cells.columns) % FOLDS)


def _stand_ins(looks: Floats, folds: IntArray, labels: IntArray) -> tuple[Floats, IntArray]:
    """Cells half or more of whose second look is that of a cell of the same fold with another label; looks and folds."""
    rng, half, found = np.random.default_rng(SEED), looks.shape[1] // 2, []
    for fold in range(FOLDS):
        cells = np.flatnonzero(folds == fold)
        for _ in range(max(1, min(DRAWS, MOST_DRAWN // len(looks)))):
            others = rng.permutation(cells)
            share = rng.uniform(0.5, 1, len(cells))[:, None]
            mixed = looks[cells].copy()
            mixed[:, half:] += share * (looks[others, half:] - mixed[:, half:])
            found.append((mixed, folds[cells], labels[cells] != labels[others]))
    mixed, of, other = (np.concatenate(part) for part in zip(*found, strict=True))
    return mixed[other], of[other]


def changed_by(joint: Floats, log_odds: Floats) -> Floats:
    """Joint probabilities (n, K, K) with the odds of every change raised or lowered (n,)."""
    unchanged: Mask = np.eye(joint.shape[1], dtype=bool)
    found = joint * np.where(unchanged, 1.0, np.exp(log_odds)[:, None, None])
    return np.asarray(found / found.sum(axis=(1, 2), keepdims=True))
