"""What `summary.json` says of a comparison: cells, hectares, sites, what the model estimated, and what limits the answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np

from landuse.change.comparison import Comparison
from landuse.change.methods import FLOOR
from landuse.change.pair import Floats, SurveyPair
from landuse.change.passes import Tally
from landuse.change.presence import WITH, WITHOUT
from landuse.change.sites import TIERS
from landuse.change.transitions import CrossTable
from landuse.evaluation.scores import Ranking

FEW_CELLS = 200
"""Cells below which a pair says little of itself."""
MOST_DIFFER = 0.2
"""Share of label differences from which the expected figures of a pair are not printed: of the pairs whose truth is known, they
were within a factor of 1.8 in twelve of thirteen cases where fewer labels differ, and off by up to four where more do
(docs/change.md)."""
TOLD_APART = 0.8
"""Area under the curve below which two classes count as not told apart by the later survey."""
SAMPLE = 20_000
UNRATED = (
    "At least one map carries no probabilities, so every difference of labels is listed as change and none is rated; "
    "expect many of them to be errors of the maps."
)


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
        ranking = Ranking.of(labels[cells] == second, logs[cells, second] - logs[cells, first])
        found[first, second] = ranking.auc() or 0.0
    return found


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
        f"The labels differ in {share:.0%} of the cells, more than land changes: the surveys or seasons differ too much. "
        "Look at the images of what is ranked first; how many changes are real cannot be said."
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


@dataclass(frozen=True, eq=False)
class Told:
    """What a summary is made of beside the comparison.

    Attributes:
        labels: cells and hectares by the labels of both maps.
        confirmed: those that are confirmed.
        tally: what was counted of the cells with probabilities.
        sites: how many are confirmed.
        false_cells: their cells that are expected not to have changed so.
        tiers: all sites of each tier.
        trust: the verdict on the pair.
    """

    labels: CrossTable
    confirmed: CrossTable
    tally: Tally
    sites: int
    false_cells: float
    tiers: dict[str, int]
    trust: Trust

    @property
    def false_alarms(self) -> float | None:
        """Confirmed cells that are expected not to have changed as their labels say; None where nobody can say."""
        if not self.tally.known:
            return None
        return round(self.false_cells, 4)

    def expected_ha(self, found: Comparison) -> Floats | None:
        """Hectares (K, K) expected in each pair of classes; None where such figures may not be printed."""
        if found.fitted is None or not self.trust.figures:
            return None
        return np.asarray(self.tally.shares(found.fitted.transition) * self.labels.compared_ha)


def summarise(found: Comparison, told: Told) -> dict[str, Any]:
    """The content of `summary.json`, its key `codes` apart."""
    labels, figures = told.labels, told.trust.figures
    limits = list(told.trust.limits) + _within_budget(told)
    off = labels.cells[1:, 1:].sum() - np.trace(labels.cells[1:, 1:])
    return {
        "before": found.before.name,
        "after": found.after.name,
        "classes": list(found.legend.names),
        "cells": {
            "compared": labels.compared_cells,
            "only_before": int(labels.cells[1:, 0].sum()),
            "only_after": int(labels.cells[0, 1:].sum()),
            "label_differences": int(off),
            "confirmed": int(told.confirmed.cells.sum()),
            "expected_false_alarms": told.false_alarms if figures else None,
            "false_change_budget": round(told.tally.budget, 4) if figures and told.tally.known else None,
        },
        "area_ha": _areas(labels, told.confirmed),
        "sites": told.sites,
        "sites_by_tier": told.tiers,
        "tiers": TIERS,
        "ranking": told.tally.ranking.expected() if figures else {},
        "limits": limits,
        "pairs": _pairs(found, told),
        "model": _model_summary(found, told),
        "note": (" ".join(limits) or None) if found.rated else UNRATED,
    }


def _areas(labels: CrossTable, confirmed: CrossTable) -> dict[str, float]:
    off = ~np.eye(len(labels.cells), dtype=bool)
    inner = (slice(1, None), slice(1, None))
    return {
        "compared": _ha(labels.compared_ha),
        "only_before": _ha(labels.area_ha[1:, 0].sum()),
        "only_after": _ha(labels.area_ha[0, 1:].sum()),
        "label_differences": _ha(labels.area_ha[inner][off[inner]].sum()),
        "confirmed": _ha(confirmed.area_ha.sum()),
    }


def _pairs(found: Comparison, told: Told) -> list[dict[str, Any]]:
    """Each transition: hectares expected, and how well the later survey tells its two classes apart."""
    names, hectares = found.legend.names, told.expected_ha(found)
    if hectares is None:
        return []
    return [
        {"from": names[i], "to": names[j], "expected_ha": _ha(hectares[i, j]), "told_apart": told.trust.between(i, j)}
        for i, j in permutations(range(len(names)), 2)
    ]


def _model_summary(found: Comparison, told: Told) -> dict[str, Any] | None:
    """What the model estimated; None where there is none."""
    if found.fitted is None or found.sample is None:
        return None
    share = round(told.tally.change / max(told.tally.known, 1), 8)
    return {
        "method": found.rule.method,
        "expected_change_share": share if told.trust.figures else None,
        "transition": np.round(told.tally.shares(found.fitted.transition), 8).tolist(),
        "iterations": found.fitted.iterations,
        "converged": found.fitted.converged,
        "learnt_from": len(found.sample),
    }


def _within_budget(told: Told) -> list[str]:
    alarms, confirmed = told.false_alarms, int(told.confirmed.cells.sum())
    if not told.trust.figures or alarms is None or not confirmed or confirmed > 2 * alarms:
        return []
    return ["What is confirmed is no more than may be found where nothing changed; look at both images."]


def gains_and_losses(told: Told) -> dict[str, float]:
    """Hectares of confirmed change to a class and from it, and of the class before and after, on the common ground."""
    confirmed, labels = told.confirmed.area_ha, told.labels.area_ha
    return {
        "before": _ha(labels[WITH, 1:].sum()),
        "after": _ha(labels[1:, WITH].sum()),
        "gained": _ha(confirmed[WITHOUT, WITH]),
        "lost": _ha(confirmed[WITH, WITHOUT]),
    }


def _ha(value: float) -> float:
    return round(float(value), 4)
