"""What `summary.json` says of a comparison: cells, hectares, sites, and what the model estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from landuse.change.comparison import Comparison
from landuse.change.ranking import Ranking
from landuse.change.several import WITH, WITHOUT
from landuse.change.sites import TIERS, tier_counts
from landuse.change.transitions import CrossTable
from landuse.change.trust import Trust

UNRATED = (
    "At least one map carries no probabilities, so every difference of labels is listed as change and none is rated; "
    "expect many of them to be errors of the maps."
)


@dataclass(frozen=True, eq=False)
class Told:
    """What a summary is made of beside the comparison: tables of labels and of confirmed cells, tiers, ranking, verdict."""

    labels: CrossTable
    confirmed: CrossTable
    tiers: Sequence[str]
    ranking: Ranking
    trust: Trust


def summarise(found: Comparison, told: Told) -> dict[str, Any]:
    """The content of `summary.json`, its key `codes` apart."""
    labels = told.labels
    rated = found.probability is not None
    limits = list(told.trust.limits) + _within_budget(found, told.trust)
    return {
        "before": found.before.name,
        "after": found.after.name,
        "classes": list(found.legend.names),
        "cells": {
            "compared": labels.compared_cells,
            "only_before": int(labels.cells[1:, 0].sum()),
            "only_after": int(labels.cells[0, 1:].sum()),
            "label_differences": int(found.differ.sum()),
            "confirmed": int(found.confirmed.sum()),
            "expected_false_alarms": _false_alarms(found) if told.trust.figures else None,
            "false_change_budget": _budget(found) if told.trust.figures else None,
        },
        "area_ha": _areas(labels, told.confirmed),
        "sites": len(found.sites),
        "sites_by_tier": tier_counts(told.tiers),
        "tiers": TIERS,
        "ranking": told.ranking.expected() if told.trust.figures else {},
        "limits": limits,
        "pairs": _pairs(found, told),
        "model": _model_summary(found, told.trust),
        "note": (" ".join(limits) or None) if rated else UNRATED,
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
    if found.fitted is None or not told.trust.figures:
        return []
    names, hectares = found.legend.names, found.fitted.transition * told.labels.compared_ha
    return [
        {"from": names[i], "to": names[j], "expected_ha": _ha(hectares[i, j]), "told_apart": told.trust.between(i, j)}
        for i, j in permutations(range(len(names)), 2)
    ]


def _model_summary(found: Comparison, trust: Trust) -> dict[str, Any] | None:
    """What the model estimated; None where there is none."""
    if found.fitted is None or found.cells is None:
        return None
    share = round(float(found.cells.change.mean()), 8)
    return {
        "method": found.rule.method,
        "expected_change_share": share if trust.figures else None,
        "transition": np.round(found.fitted.transition, 8).tolist(),
        "iterations": found.fitted.iterations,
        "converged": found.fitted.converged,
    }


def _false_alarms(found: Comparison) -> float | None:
    """Confirmed cells that are expected not to have changed as their labels say, by their own probabilities."""
    if found.cells is None:
        return None
    named = found.cells.named[found.confirmed[found.known]]
    return round(float((1.0 - named).sum()), 4)


def _budget(found: Comparison) -> float | None:
    """Label differences that are expected though the land did not change so."""
    if found.cells is None:
        return None
    named = found.cells.named[found.differ[found.known]]
    return round(float((1.0 - named).sum()), 4)


def _within_budget(found: Comparison, trust: Trust) -> list[str]:
    alarms, confirmed = _false_alarms(found), int(found.confirmed.sum())
    if not trust.figures or alarms is None or not confirmed or confirmed > 2 * alarms:
        return []
    return ["What is confirmed is no more than may be found where nothing changed; look at both images."]


def gains_and_losses(found: Comparison) -> dict[str, float]:
    """Hectares of confirmed change to a class and from it, and of the class before and after, on the common ground."""
    confirmed, labels = found.confirmed_table().area_ha, found.labels_table().area_ha
    return {
        "before": _ha(labels[WITH, 1:].sum()),
        "after": _ha(labels[1:, WITH].sum()),
        "gained": _ha(confirmed[WITHOUT, WITH]),
        "lost": _ha(confirmed[WITH, WITHOUT]),
    }


def _ha(value: float) -> float:
    return round(float(value), 4)
