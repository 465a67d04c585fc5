"""How far a comparison can be believed: which classes the pair can tell apart, and what limits the answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from landuse.change.comparison import Comparison
from landuse.change.pair import SurveyPair
from landuse.change.posterior import FLOOR, Floats, Mask

FEW_CELLS = 200
"""Cells below which a pair says little of itself."""
MOST_DIFFER = 0.5
"""Share of label differences from which the figures of a pair are not printed: two such maps are not of one kind."""
TOLD_APART = 0.8
"""Area under the curve below which two classes count as not told apart by the later survey."""
SAMPLE = 20_000


@dataclass(frozen=True)
class Trust:
    """What is said of a comparison.

    Attributes:
        told_apart: area under the curve of the later survey's evidence for the classes of each pair, where the earlier map
            names one of them: 1 tells them apart, 0.5 is chance; by positions in the legend, the smaller first.
        limits: sentences on what limits the answer; empty where nothing does.
        figures: whether the expected figures may be printed.
    """

    told_apart: dict[tuple[int, int], float]
    limits: tuple[str, ...]
    figures: bool

    def between(self, first: int, second: int) -> float | None:
        """How well two classes are told apart; None where one of them does not occur."""
        return self.told_apart.get((min(first, second), max(first, second)))


def trust_of(found: Comparison, cells: int, differing: float) -> Trust:
    """Judge a comparison of so many cells, of which that share differ. Without probabilities there is nothing to judge."""
    if found.sample is None:
        return Trust({}, (), False)
    apart = told_apart(found.sample)
    said = [*_of_models(found), *_of_labels(differing), *_of_number(cells), *_of_classes(found, apart)]
    return Trust(apart, tuple(said), differing <= MOST_DIFFER)


def told_apart(pair: SurveyPair) -> dict[tuple[int, int], float]:
    """Area under the curve for each pair of classes that the earlier map names; see `Trust`."""
    some = np.linspace(0, len(pair) - 1, min(len(pair), SAMPLE)).astype(np.int64)
    labels, logs = pair.labels[some, 0], np.log(np.maximum(pair.after[some], FLOOR))
    found = {}
    for first, second in combinations(np.unique(labels).tolist(), 2):
        cells = (labels == first) | (labels == second)
        found[first, second] = _area_under(logs[cells, second] - logs[cells, first], labels[cells] == second)
    return found


def _area_under(score: Floats, positive: Mask) -> float:
    """Area under the ROC curve (Mann and Whitney 1947), ties counted half."""
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return float((rankdata(score)[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _of_models(found: Comparison) -> list[str]:
    first, second = found.before.model, found.after.model
    if first is None or second is None or first == second:
        return []
    return [
        "The two maps were made by different models, so part of what differs is the models; classify both surveys with one."
    ]


def _of_labels(share: float) -> list[str]:
    if share <= MOST_DIFFER:
        return []
    return [
        f"The labels differ in {share:.0%} of the cells, far more than land changes: the surveys or seasons differ too much. "
        "Use the ranking to look at images; how many changes are real cannot be said."
    ]


def _of_number(cells: int) -> list[str]:
    if cells >= FEW_CELLS:
        return []
    return [f"With {cells} cells in common there is too little ground to learn how the two surveys differ."]


def _of_classes(found: Comparison, apart: dict[tuple[int, int], float]) -> list[str]:
    names = found.legend.names
    return [
        f"{names[i]} and {names[j]} are hardly told apart between these surveys ({area:.2f}, where 0.5 is chance); "
        "change between them is not to be relied on."
        for (i, j), area in apart.items()
        if area < TOLD_APART
    ]
