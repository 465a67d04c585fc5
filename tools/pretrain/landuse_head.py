"""The land-use head: fitted on views of several collections, and judged by collections that it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from landuse.evaluation.metrics import calibration_error
from landuse.models.arrays import Floats
from landuse.models.calibration import calibrate
from landuse.models.heads import LogisticHead
from tools.pretrain.features import Seen
from tools.pretrain.probe import fit_quickly
from tools.pretrain.sources import Ints

WEIGHTS = {"plain": 1.0, "coarse": 0.5, "far": 1.0, "lakes": 0.5}
"""How much each kind of view weighs beside the images as they are."""
PENALTY = 0.001
"""Inverse strength of the penalty, chosen among 0.0003, 0.001 and 0.003 by collections held out whole."""


@dataclass(frozen=True, eq=False)
class Part:
    """Views of one kind of one collection."""

    source: str
    kind: str
    seen: Seen


@dataclass(frozen=True)
class Fitted:
    """A head, calibrated, and its figures by name."""

    head: LogisticHead
    metrics: Mapping[str, float]


def fit_landuse_head(parts: Sequence[Part], class_count: int) -> Fitted:
    """Fit on all collections; choose the temperature by turns in which one of them is held out whole, and judge it there.

    A head is surer of ground that it knows than of another survey's. Its temperature is the geometric mean of what fits the
    held-out images of its collections, and of what fits the collections that were held out whole, each in its turn. In a turn
    the head is judged by the temperatures of the other collections, so no figure has seen the collection that it is of.
    """
    plain = {part.source: part.seen for part in parts if part.kind == "plain"}
    turns = {name: _fit([part for part in parts if part.source != name], class_count) for name in plain}
    head = _fit(parts, class_count)
    held = {name: seen.take(seen.held_out) for name, seen in plain.items()}
    own = {name: calibrate(head, seen.features, seen.labels).temperature for name, seen in held.items()}
    strange = {name: calibrate(turns[name], seen.features, seen.labels).temperature for name, seen in plain.items()}
    metrics: dict[str, float] = {}
    for name, seen in plain.items():
        others = [found[other] for found in (own, strange) for other in plain if other != name]
        judged = replace(turns[name], temperature=_mean(others))
        metrics |= figures(f"without_{name}", judged.apply(seen.features), seen.labels)
    head = replace(head, temperature=_mean([*own.values(), *strange.values()]))
    for name, seen in held.items():
        metrics |= figures(name, head.apply(seen.features), seen.labels)
    return Fitted(head, metrics | {"temperature": round(head.temperature, 4)})


def fit_class_head(seen: Seen, class_count: int, penalty: float = 0.01) -> Fitted:
    """The head for class folders themselves: fitted on what is not held out, calibrated and measured on halves of the rest."""
    free, odd = ~seen.held_out, np.arange(len(seen.labels)) % 2 == 1  # neighbours in a class go to two halves
    learnt, tuning, judged = (seen.take(rows) for rows in (free, seen.held_out & odd, seen.held_out & ~odd))
    head = fit_quickly(learnt.features, learnt.labels, class_count=class_count, penalty=penalty)
    head = calibrate(head, tuning.features, tuning.labels)
    return Fitted(head, figures("images", head.apply(judged.features), judged.labels))


def _fit(parts: Sequence[Part], class_count: int) -> LogisticHead:
    learnt = [(part, part.seen.take(~part.seen.held_out)) for part in parts]
    weight = np.concatenate([WEIGHTS[part.kind] * balanced(seen.labels) for part, seen in learnt])
    return fit_quickly(
        np.concatenate([seen.features for _, seen in learnt]),
        np.concatenate([seen.labels for _, seen in learnt]),
        class_count=class_count,
        penalty=PENALTY,
        sample_weight=weight * len(weight) / weight.sum(),
    )


def balanced(labels: Ints) -> npt.NDArray[np.float64]:
    """Weights (n,) that make the classes alike; their sum is the square root of the number of rows."""
    weight = 1 / np.bincount(labels)[labels]
    return np.asarray(weight / weight.sum() * np.sqrt(len(labels)), np.float64)


def _mean(values: Sequence[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def figures(what: str, probabilities: Floats, labels: Ints) -> dict[str, float]:
    """Accuracy, mean recall of the classes and expected calibration error."""
    found = probabilities.argmax(axis=1)
    recall = [float((found == labels)[labels == label].mean()) for label in np.unique(labels)]
    return {
        f"{what}_accuracy": round(float((found == labels).mean()), 4),
        f"{what}_mean_recall": round(float(np.mean(recall)), 4),
        f"{what}_ece": round(calibration_error(labels, found, probabilities.astype(np.float64)) or 0.0, 4),
        f"{what}_n": float(len(labels)),
    }
