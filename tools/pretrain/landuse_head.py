"""The land-use head: fitted on views of several collections, and judged by collections that it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from landuse.evaluation.scores import expected_error
from landuse.models.heads import DenseHead
from landuse.models.libraries import Floats
from landuse.training.calibration import calibrate, statements
from tools.pretrain.features import Seen
from tools.pretrain.probe import fit_quickly
from tools.pretrain.sources import Ints

WEIGHTS = {"plain": 1.0, "lit": 0.5, "coarse": 0.5, "far": 1.0, "lakes": 0.5}
"""How much each kind of view weighs beside the images as they are."""
PENALTY = 0.001
"""Inverse strength of the penalty, chosen among 0.0003, 0.001 and 0.003 by collections held out whole."""
Losses = npt.NDArray[np.float64]
"""A loss at each of `TEMPERATURES`."""
SURE = 0.9
"""Probability from which an answer counts as sure."""
LEARNT = -20.0
"""Bias of a class above which a head has learnt it (`probe.fit_quickly` gives -30 to the others)."""
TEMPERATURES = np.exp(np.linspace(np.log(0.05), np.log(20), 241))
"""Those that are tried, 2.5 % apart."""


@dataclass(frozen=True, eq=False)
class Part:
    """Views of one kind of one collection."""

    source: str
    kind: str
    seen: Seen


@dataclass(frozen=True)
class Fitted:
    """A head, calibrated, and its figures by name."""

    head: DenseHead
    metrics: Mapping[str, float]


def fit_landuse_head(parts: Sequence[Part], class_count: int) -> Fitted:
    """Fit on all collections; choose the temperature by turns in which one of them is held out whole, and judge it there.

    A head is surer than right on a survey that it does not know, and less sure than right on images like those it learnt from.
    Its temperature is the geometric mean of what fits the held-out images of its collections, and of what fits each collection
    when a head without it judges it. In a turn the same is done with the other collections, so no figure has seen the
    collection that it is of.
    """
    plain = {part.source: part.seen for part in parts if part.kind == "plain"}
    held = {name: seen.take(seen.held_out) for name, seen in plain.items()}
    turns = {name: _fit([part for part in parts if part.source != name], class_count) for name in plain}
    strange = {name: _losses(turns[name], seen) for name, seen in plain.items()}
    metrics: dict[str, float] = {}
    for name, seen in plain.items():
        others = [other for other in plain if other != name]
        known = [_losses(turns[name], held[other]) for other in others]
        judged = replace(turns[name], temperature=_between(known, [strange[other] for other in others]))
        metrics |= figures(f"without_{name}", judged.apply(seen.features), seen.labels)
    head = _fit(parts, class_count)
    known = [_losses(head, seen) for seen in held.values()]
    head = replace(head, temperature=_between(known, list(strange.values())))
    for name, seen in held.items():
        metrics |= figures(name, head.apply(seen.features), seen.labels)
    return Fitted(head, metrics | {"temperature": round(head.temperature, 4)})


def _losses(head: DenseHead, seen: Seen) -> Losses:
    """Mean negative log-likelihood (T,) at each of `TEMPERATURES`, over images of the classes that the head has learnt.

    No temperature helps a class that it has not: such images would ask for no confidence at all.
    """
    known = seen.take(head.bias[seen.labels] > LEARNT)
    scores, rows = head.scores(known.features), np.arange(len(known.labels))
    return np.array([-log_softmax(scores / value, axis=1)[rows, known.labels].mean() for value in TEMPERATURES])


def _between(known: Sequence[Losses], strange: Sequence[Losses]) -> float:
    """The geometric mean of the temperatures of the least mean loss over both; collections count alike."""
    best = [TEMPERATURES[np.mean(losses, axis=0).argmin()] for losses in (known, strange)]
    return float(np.sqrt(best[0] * best[1]))


def fit_class_head(seen: Seen, class_count: int, penalty: float = 0.01) -> Fitted:
    """The head for class folders themselves: fitted on what is not held out, calibrated and measured on halves of the rest."""
    free, odd = ~seen.held_out, np.arange(len(seen.labels)) % 2 == 1  # neighbours in a class go to two halves
    learnt, tuning, judged = (seen.take(rows) for rows in (free, seen.held_out & odd, seen.held_out & ~odd))
    head = fit_quickly(learnt.features, learnt.labels, class_count=class_count, penalty=penalty)
    head = calibrate(head, tuning.features, tuning.labels)
    return Fitted(head, figures("images", head.apply(judged.features), judged.labels))


def _fit(parts: Sequence[Part], class_count: int) -> DenseHead:
    learnt = [(part, part.seen.take(~part.seen.held_out)) for part in parts]
    labels = np.concatenate([seen.labels for _, seen in learnt])
    sources = np.concatenate([np.full(len(seen.labels), part.source) for part, seen in learnt])
    kinds = np.concatenate([np.full(len(seen.labels), WEIGHTS[part.kind]) for part, seen in learnt])
    weight = balanced(labels, sources, kinds)
    return fit_quickly(
        np.concatenate([seen.features for _, seen in learnt]),
        labels,
        class_count=class_count,
        penalty=PENALTY,
        sample_weight=weight * len(weight) / weight.sum(),
    )


def balanced(labels: Ints, sources: npt.NDArray[np.str_], weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights (n,) by which classes count alike, and in a class each collection as the square root of its views.

    Within a class and collection they stand to each other as in `weight` (n,).
    """
    found = weight.copy()
    for label in np.unique(labels):
        of_class = labels == label
        for source in np.unique(sources[of_class]):
            here = of_class & (sources == source)
            found[here] *= np.sqrt(here.sum()) / found[here].sum()
        found[of_class] /= found[of_class].sum()
    return found


def figures(what: str, probabilities: Floats, labels: Ints) -> dict[str, float]:
    """Accuracy, mean recall of the classes, expected calibration error, and the share that is `SURE` with its accuracy."""
    found = probabilities.argmax(axis=1)
    recall = [float((found == labels)[labels == label].mean()) for label in np.unique(labels)]
    sure = probabilities.max(axis=1) >= SURE
    return {
        f"{what}_accuracy": round(float((found == labels).mean()), 4),
        f"{what}_mean_recall": round(float(np.mean(recall)), 4),
        f"{what}_ece": round(expected_error(*statements(labels, probabilities)) or 0.0, 4),
        f"{what}_n": float(len(labels)),
        f"{what}_sure": round(float(sure.mean()), 4),
        f"{what}_sure_right": round(float((found == labels)[sure].mean()) if sure.any() else 0.0, 4),
    }
