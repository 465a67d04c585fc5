"""What `summary.json` says of a comparison: cells, hectares, sites, and what the model estimated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landuse.change.comparison import Comparison
from landuse.change.several import WITH, WITHOUT
from landuse.change.sites import TIERS, tier_counts
from landuse.change.transitions import CrossTable

UNRATED = (
    "At least one map carries no probabilities, so every difference of labels is listed as change and none is rated; "
    "expect many of them to be errors of the maps."
)


def summarise(found: Comparison, tables: tuple[CrossTable, CrossTable], tiers: Sequence[str]) -> dict[str, Any]:
    """The content of `summary.json`, its key `codes` apart."""
    labels, confirmed = tables
    off = ~np.eye(len(labels.cells), dtype=bool)
    inner = (slice(1, None), slice(1, None))
    rated = found.probability is not None
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
            "expected_false_alarms": _false_alarms(found),
        },
        "area_ha": {
            "compared": _ha(labels.compared_ha),
            "only_before": _ha(labels.area_ha[1:, 0].sum()),
            "only_after": _ha(labels.area_ha[0, 1:].sum()),
            "label_differences": _ha(labels.area_ha[inner][off[inner]].sum()),
            "confirmed": _ha(confirmed.area_ha.sum()),
        },
        "sites": len(found.sites),
        "sites_by_tier": tier_counts(tiers),
        "tiers": TIERS,
        "model": _model_summary(found),
        "note": None if rated else UNRATED,
    }


def _model_summary(found: Comparison) -> dict[str, Any] | None:
    """What the model estimated; None where there is none."""
    if found.model is None or found.probability is None or found.calibration is None:
        return None
    known = found.probability[np.isfinite(found.probability)]
    return {
        "expected_change_share": round(float(known.mean()), 8),
        "transition": np.round(found.model.transition, 8).tolist(),
        "iterations": found.model.iterations,
        "converged": found.model.converged,
        "calibration": {
            "cells": found.calibration.cells,
            "mixing": np.round(found.calibration.mixing, 6).tolist(),
            "bias": np.round(found.calibration.bias, 6).tolist(),
        },
    }


def _false_alarms(found: Comparison) -> float | None:
    """Confirmed cells that are expected not to have changed, by their own probabilities."""
    if found.probability is None:
        return None
    return round(float((1.0 - found.probability[found.confirmed].astype(np.float64)).sum()), 4)


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
