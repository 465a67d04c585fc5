"""Calibration of a head on held-back data: by a temperature, or by a scale and an offset for each class.

A head of one class a row is judged by its log loss and labels (n,), one of several by its binary log loss and targets (n, K);
such a head also gets the threshold of each class here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from landuse.errors import UsageError
from landuse.evaluation.scores import expected_error, reliability
from landuse.grid import IntArray
from landuse.models.heads import HALF, DenseHead, Head, Labels
from landuse.models.heads_linear import Link, sigmoid_loss, softmax_loss
from landuse.models.libraries import Floats

Method = Literal["temperature", "vector"]
Truth = npt.NDArray[Any]
"""Labels int64 (n,) of one class each, or targets (n, K) of several."""
Fitter = Callable[[Head, Floats, Truth], "Scaling"]
SMALLEST = 1e-12
NONE_HELD = "Calibration needs held-back samples, and there are none."
PRIOR = 1.0
"""Weight of the pull of vector scaling towards the temperature's answer: as much as one sample's log loss for a class that is
off by sqrt(2). Classes with few held-back samples stay near it."""
AnyHead = TypeVar("AnyHead", bound=Head)
FEWEST = 5
"""Samples with and without a class below which its threshold stays one half: fewer say nothing."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """What is done to the scores of a head before the softmax: score * scale + offset, then divided by the temperature.

    Attributes:
        temperature: above 0.
        scale: float64 (K,), above 0, or None for 1.
        offset: float64 (K,), or None for 0.
    """

    temperature: float = 1.0
    scale: npt.NDArray[np.float64] | None = None
    offset: npt.NDArray[np.float64] | None = None

    def of(self, head: Head) -> Head:
        """The head so scaled; its present temperature is replaced. Scale and offset become part of it."""
        scale = 1.0 if self.scale is None else self.scale
        offset = 0.0 if self.offset is None else self.offset
        return head.scaled(scale, offset, self.temperature)


@dataclass(frozen=True, eq=False)
class Calibration:
    """How a head was calibrated.

    Attributes:
        scaling: found on all held-back samples; fits another head of the same classes and settings too.
        probabilities: float32 (n, K), of each held-back sample by a calibration that has not seen it.
        thresholds: float32 (K,) of a head of several labels, chosen on all held-back samples; else None.
        given: bool (n, K), the labels that such a head gives each held-back sample by thresholds that have not seen it.
    """

    method: Method
    scaling: Scaling
    probabilities: Floats
    report: dict[str, Any]
    thresholds: Floats | None = None
    given: npt.NDArray[np.bool_] | None = None

    def of(self, head: Head) -> Head:
        """The head so calibrated, with these thresholds where it has some."""
        found = self.scaling.of(head)
        return replace(found, thresholds=self.thresholds) if isinstance(found, DenseHead) else found


def fit_temperature(head: Head, features: Floats, labels: Truth) -> Scaling:
    """The temperature of the least negative log-likelihood on held-back samples (Guo et al. 2017, section 4.2).

    Args:
        features: (n, D), not used in fitting.
        labels: class position of each row, or targets (n, K) of several labels.

    Raises:
        UsageError: without rows.
    """
    if not len(labels):
        raise UsageError(NONE_HELD)
    scores, targets = head.scaled(1.0, 0.0, 1.0).scores(features), targets_of(head, labels)
    link, bounds = link_of(head), (np.log(0.05), np.log(20.0))
    best = minimize_scalar(
        lambda x: float(link(scores / np.exp(x), targets)[0].mean()), bounds=bounds, method="bounded"
    )
    return Scaling(float(np.exp(best.x)))


def link_of(head: Head) -> Link:
    """The loss by which a head is judged."""
    return softmax_loss if head.thresholds is None else sigmoid_loss


def fit_vector(head: Head, features: Floats, labels: Truth) -> Scaling:
    """Vector scaling (Guo et al. 2017, section 4.2): a scale above 0 and an offset for each class's score.

    They minimise the negative log-likelihood and a Gaussian prior around the best temperature. With several labels this is
    Platt's scaling of each class. Arguments as for `fit_temperature`.
    """
    start = fit_temperature(head, features, labels)
    scores, targets = head.scaled(1.0, 0.0, 1.0).scores(features), targets_of(head, labels)
    classes, link = head.class_count, link_of(head)
    centre = -np.log(start.temperature)

    def loss(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """Penalised negative log-likelihood of logarithms of scales (K) and of offsets (K), and its gradient (2 K,)."""
        scale, offset = np.exp(centre + values[:classes]), values[classes:]
        losses, slope = link(scores * scale + offset, targets)
        gradient = np.concatenate([(slope * scores).sum(axis=0) * scale, slope.sum(axis=0)]) + PRIOR * values
        return float(losses.sum()) + PRIOR / 2 * float(values @ values), gradient

    bounds = [(-3.0, 3.0)] * classes + [(-20.0, 20.0)] * classes
    found = minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B", bounds=bounds)
    return Scaling(1.0, np.exp(centre + found.x[:classes]), found.x[classes:])


def targets_of(head: Head, labels: Truth) -> npt.NDArray[np.float64]:
    """Targets float64 (n, K) of labels: themselves where they are targets, else one 1 a row."""
    return np.asarray(labels if labels.ndim == 2 else np.eye(head.class_count)[labels], np.float64)


def choose_calibration(head: Head, features: Floats, labels: Truth, folds: IntArray) -> Calibration:
    """Calibrate by the method of the least log loss on held-back samples, each judged by a fit without its own fold.

    Args:
        features: (n, D) of the held-back samples.
        labels: class position of each, or targets (n, K) of several labels.
        folds: int64 (n,), which samples are left out together; with one fold only there is no choice but the temperature.

    Raises:
        UsageError: without samples.
    """
    if not len(labels):
        raise UsageError(NONE_HELD)
    plain = head.scaled(1.0, 0.0, 1.0)
    methods: list[Method] = ["temperature", "vector"] if folds.max(initial=0) > 0 else ["temperature"]
    tried = {method: _crossed(METHODS[method], plain, features, labels, folds) for method in methods}
    before = plain.apply(features)
    losses = {name: log_loss(labels, answer.probabilities) for name, answer in tried.items()}
    method = min(methods, key=lambda name: losses[name])
    after = tried[method]
    report = {
        "method": method,
        "samples": len(labels),
        "folds": int(folds.max(initial=0)) + 1,
        "log_loss": {"none": log_loss(labels, before)} | losses,
        "ece_before": expected_error(*statements(labels, before)),
        "ece_after": expected_error(*statements(labels, after.probabilities)),
        "bins_before": [asdict(found) for found in reliability(*statements(labels, before))],
        "bins_after": [asdict(found) for found in reliability(*statements(labels, after.probabilities))],
    }
    scaling = METHODS[method](plain, features, labels)
    if head.thresholds is None:
        return Calibration(method, scaling, after.probabilities, report)
    thresholds = best_thresholds(labels, scaling.of(head).apply(features))
    return Calibration(method, scaling, after.probabilities, report, thresholds, after.given)


@dataclass(frozen=True, eq=False)
class _Answer:
    """Probabilities float32 (n, K) of samples, and the labels bool (n, K) that they amount to; the latter for several only."""

    probabilities: Floats
    given: npt.NDArray[np.bool_]


def _crossed(fit: Fitter, head: Head, features: Floats, labels: Truth, folds: IntArray) -> _Answer:
    """The answer for each sample by a calibration on the other folds; with one fold, on all of it."""
    numbers = np.unique(folds)
    probabilities = np.empty((len(labels), head.class_count), np.float32)
    given = np.zeros(probabilities.shape, bool)
    for number in numbers:
        here = folds == number
        there = ~here if len(numbers) > 1 else here
        fitted = fit(head, features[there], labels[there]).of(head)
        probabilities[here] = fitted.apply(features[here])
        if head.thresholds is not None:
            given[here] = probabilities[here] >= best_thresholds(labels[there], fitted.apply(features[there]))
    return _Answer(probabilities, given)


def log_loss(labels: Truth, probabilities: Floats) -> float:
    """Mean negative log of the probability of what is so; a probability below 1e-12 counts as that.

    With targets (n, K) of several labels, the mean over rows and classes of the binary cross-entropy.
    """
    exact = probabilities.astype(np.float64)
    right = np.where(labels > 0, exact, 1 - exact) if labels.ndim == 2 else exact[np.arange(len(labels)), labels]
    return -float(np.log(np.maximum(right, SMALLEST)).mean())


def statements(labels: Truth, probabilities: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """What probabilities say, and whether it is so: of each row's likeliest class, or of each class where rows have several."""
    exact = probabilities.astype(np.float64)
    if labels.ndim == 2:
        return exact.ravel(), labels.ravel() > 0
    prediction = exact.argmax(axis=1)
    return exact[np.arange(len(labels)), prediction], prediction == labels


def calibrate(head: AnyHead, features: Floats, labels: Labels) -> AnyHead:
    """The head with the temperature that `fit_temperature` finds; arguments as there."""
    return cast(AnyHead, fit_temperature(head, features, labels).of(head))


def best_thresholds(targets: npt.NDArray[np.generic], probabilities: Floats) -> Floats:
    """The threshold of each class with the highest F1 on some samples, float32 (K,), halfway between two probabilities.

    Of equally good ones the highest is taken. A threshold chosen on samples flatters the F1 measured on the same ones.

    Args:
        targets: (n, K), 0 or 1.
        probabilities: float32 (n, K).
    """
    pairs = zip(np.asarray(targets, bool).T, probabilities.T.astype(np.float64), strict=True)
    return np.array([_best(members, scores) for members, scores in pairs], np.float32)


def _best(members: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    total = int(members.sum())
    if min(total, len(members) - total) < FEWEST:
        return HALF
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    found = np.cumsum(members[order])
    f1 = 2 * found / (np.arange(1, len(scores) + 1) + total)
    cuts = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # equal scores are given together or not at all
    last = int(cuts[f1[cuts].argmax()])
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)


METHODS: dict[Method, Fitter] = {"temperature": fit_temperature, "vector": fit_vector}
