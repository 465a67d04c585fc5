"""Figures beyond `metrics.json`: ranks of the right class, each class against the rest, reliability, several labels a row."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from landuse.evaluation.metrics import mean_known, ratio
from landuse.evaluation.predictions import Floats, Judged, MultiPredictions, Predictions
from landuse.evaluation.scores import Bin, reliability

TOP = (1, 2, 3, 5)


def extra_figures(rows: Judged) -> dict[str, Any]:
    """The content of `extra.json`, fit for JSON; None is undefined.

    `macro` are plain means over the classes that occur in the reference; one that is never predicted counts with precision 0.
    """
    figures = rows.figures()
    present = [c for c in figures.per_class.values() if c.support]
    multi = isinstance(rows, MultiPredictions)
    return {
        "multi_label": multi,
        "top_k": top_k(rows) if isinstance(rows, Predictions) else None,
        "several_labels": label_sets(rows) if isinstance(rows, MultiPredictions) else None,
        "macro": {name: mean_known(getattr(c, name) or 0.0 for c in present) for name in ("precision", "recall", "f1")},
        "mean_average_precision": mean_known(r.average_precision() for r in rows.rankings),
        "per_class": class_figures(rows),
        "reliability": [asdict(b) for b in reliability_of(rows)],
    }


def top_k(rows: Predictions) -> dict[str, float | None] | None:
    """Share of rows whose class is among the k most probable, for k of 1, 2, 3 and 5 below K; None without probabilities.

    Of equal probabilities the class that comes first ranks higher, as in argmax.
    """
    if rows.probabilities is None:
        return None
    own = rows.probabilities[np.arange(len(rows)), rows.truth][:, None]
    before = (rows.probabilities == own) & (np.arange(len(rows.names)) < rows.truth[:, None])
    rank = ((rows.probabilities > own) | before).sum(axis=1)
    return {str(k): ratio((rank < k).sum(), len(rows)) for k in TOP if k < len(rows.names)}


def label_sets(rows: MultiPredictions) -> dict[str, float | None]:
    """Figures of rows with several labels (Tsoumakas and Katakis 2007).

    `hamming_loss` is the share of (row, class) statements that are wrong; `jaccard` the mean share of the labels of either side
    that both have, 1 where neither has any; the `micro_` figures pool the classes.
    """
    both, either = (rows.truth & rows.prediction).sum(axis=1), (rows.truth | rows.prediction).sum(axis=1)
    tp, actual, predicted = both.sum(), rows.truth.sum(), rows.prediction.sum()
    shares = np.divide(both, either, out=np.ones(len(rows)), where=either > 0)
    return {
        "hamming_loss": ratio((rows.truth != rows.prediction).sum(), rows.truth.size),
        "jaccard": ratio(shares.sum(), len(rows)),
        "micro_precision": ratio(tp, predicted),
        "micro_recall": ratio(tp, actual),
        "micro_f1": ratio(2 * tp, actual + predicted),
    }


def class_figures(rows: Judged) -> dict[str, dict[str, Any]]:
    """For each class its 2 x 2 matrix against the rest, and the areas under its curves; its threshold where there is one."""
    counts = rows.binary()
    thresholds = rows.thresholds if isinstance(rows, MultiPredictions) else None
    found: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(rows.names):
        ranking = rows.rankings[k] if rows.rankings else None
        found[name] = {
            **{cell: int(getattr(counts, cell)[k]) for cell in ("tp", "fn", "fp", "tn")},
            "roc_auc": ranking.auc() if ranking else None,
            "average_precision": ranking.average_precision() if ranking else None,
            "threshold": None if thresholds is None else float(thresholds[k]),
        }
    return found


def reliability_of(rows: Judged) -> tuple[Bin, ...]:
    """Bins of confidence: of the class predicted, or with several labels of every class of every row."""
    if rows.probabilities is None:
        return ()
    confidence: Floats | None
    if isinstance(rows, Predictions):
        confidence, right = rows.confidence, rows.truth == rows.prediction
    else:
        confidence, right = rows.probabilities.ravel(), rows.truth.ravel()
    return () if confidence is None else reliability(confidence, right)
