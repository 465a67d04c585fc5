"""How much the figures would vary with another sample of the same kind: bootstrap confidence intervals.

`scipy.stats.bootstrap` draws row by row for one figure at a time; here whole groups are drawn, and each draw gives all figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from landuse.engine.progress import Progress, followed
from landuse.evaluation.metrics import Metrics
from landuse.evaluation.predictions import Floats, Judged, Names

CONFIDENCE = 0.95
FIGURES = (
    "accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "kappa",
    "quantity_disagreement",
    "allocation_disagreement",
    "ece",
)
CLASS_FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Interval:
    """A figure and its interval.

    Attributes:
        value: the figure of all rows.
        low, high: 2.5 and 97.5 % of its values in the resamples; None where it has a value in none, or where there are
            fewer than two units to draw from.
        defined: in how many resamples it had a value.
    """

    value: float | None
    low: float | None
    high: float | None
    defined: int


@dataclass(frozen=True)
class Bootstrap:
    """The content of `bootstrap.json`.

    Attributes:
        resamples: how many were drawn.
        seed: of the draw.
        confidence: level of the intervals.
        unit: what was drawn with replacement.
        units: how many of those there are.
        figures: by name of the figure.
        per_class: by class, then by name.
    """

    resamples: int
    seed: int
    confidence: float
    unit: str
    units: int
    figures: dict[str, Interval]
    per_class: dict[str, dict[str, Interval]]

    def as_dict(self) -> dict[str, object]:
        """Fit for JSON."""
        return asdict(self)


def bootstrap(rows: Judged, resamples: int, seed: int, unit: str = "row") -> Bootstrap:
    """Percentile intervals (Efron and Tibshirani 1993, section 13.3).

    Rows that belong together are drawn together, as whole groups (Davison and Hinkley 1997, section 3.8): neighbours say much
    the same, and drawing them one by one would make the figures look surer than they are.

    Args:
        rows: what was compared; its groups are the units, else every row is one.
        resamples: how many to draw.
        seed: of the draw.
        unit: what a unit is called in the file.
    """
    units = _units(rows.groups, len(rows))
    count = int(units.max()) + 1 if len(units) else 0
    rng = np.random.default_rng(seed)
    draws = range(resamples if count > 1 else 0)
    progress = Progress(len(draws), "resamples", "drawing")
    drawn = [rows.figures(_times(rng, count)[units]) for _ in followed(draws, progress)]
    whole = rows.figures()
    return Bootstrap(
        resamples,
        seed,
        CONFIDENCE,
        unit,
        count,
        {name: _interval(getattr(whole, name), (getattr(d, name) for d in drawn)) for name in FIGURES},
        {name: _of_class(whole, drawn, name) for name in rows.names},
    )


def _units(groups: Names | None, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Number of the unit of each row."""
    if groups is None:
        return np.arange(rows)
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def _times(rng: np.random.Generator, units: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How often each unit comes in one resample."""
    return np.bincount(rng.integers(0, units, units), minlength=units)


def _of_class(whole: Metrics, drawn: list[Metrics], name: str) -> dict[str, Interval]:
    return {
        figure: _interval(getattr(whole.per_class[name], figure), (getattr(d.per_class[name], figure) for d in drawn))
        for figure in CLASS_FIGURES
    }


def _interval(value: float | None, drawn: Iterable[float | None]) -> Interval:
    known: Floats = np.array([v for v in drawn if v is not None], np.float64)
    if value is None or not len(known):
        return Interval(value, None, None, len(known))
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high), len(known))
