"""Calibration of a head on held-back data: by a temperature, or by a scale and an offset for each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

from landuse.accuracy.metrics import calibration_error
from landuse.accuracy.reliability import reliability
from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.models.arrays import Floats
from landuse.models.heads import Head, calibrate

Method = Literal["temperature", "vector"]
Fitter = Callable[[Head, Floats, IntArray], "Scaling"]
PRIOR = 1.0
"""Weight of the pull of vector scaling towards the temperature's answer: as much as one sample's log loss for a class that is
off by sqrt(2). Classes with few held-back samples stay near it."""


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
        method: that of the least held-back log loss.
        scaling: found on all held-back samples; fits another head of the same classes and settings too.
        probabilities: float32 (n, K), of each held-back sample by a calibration that has not seen it.
        report: figures for the model file.
    """

    method: Method
    scaling: Scaling
    probabilities: Floats
    report: dict[str, Any]


def fit_temperature(head: Head, features: Floats, labels: IntArray) -> Scaling:
    """The temperature that fits held-back samples best; see `calibrate`."""
    return Scaling(calibrate(head, features, labels).temperature)


def fit_vector(head: Head, features: Floats, labels: IntArray) -> Scaling:
    """Vector scaling (Guo et al. 2017, section 4.2): a scale above 0 and an offset for each class's score.

    They minimise the negative log-likelihood and a
    Gaussian prior around the best temperature.

    Args:
        head: to calibrate; its present temperature is replaced.
        features: (n, D), not used in fitting.
        labels: class position of each row.

    Raises:
        UsageError: without rows.
    """
    start = calibrate(head, features, labels)
    scores = head.scaled(1.0, 0.0, 1.0).scores(features)
    classes, rows = head.class_count, np.arange(len(labels))
    centre = -np.log(start.temperature)

    def loss(values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scale, offset = np.exp(centre + values[:classes]), values[classes:]
        logs = log_softmax(scores * scale + offset, axis=1)
        slope = np.exp(logs)
        slope[rows, labels] -= 1
        gradient = np.concatenate([(slope * scores).sum(axis=0) * scale, slope.sum(axis=0)]) + PRIOR * values
        return -float(logs[rows, labels].sum()) + PRIOR / 2 * float(values @ values), gradient

    bounds = [(-3.0, 3.0)] * classes + [(-20.0, 20.0)] * classes
    found = minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B", bounds=bounds)
    return Scaling(1.0, np.exp(centre + found.x[:classes]), found.x[classes:])


def calibrate_vector(head: Head, features: Floats, labels: IntArray) -> Head:
    """The head with the vector scaling that fits held-back samples best; see `fit_vector`."""
    return fit_vector(head, features, labels).of(head)


METHODS: dict[Method, Fitter] = {"temperature": fit_temperature, "vector": fit_vector}


def choose_calibration(head: Head, features: Floats, labels: IntArray, folds: IntArray) -> Calibration:
    """Calibrate by the method of the least log loss on held-back samples, each judged by a fit without its own fold.

    Args:
        head: fitted on other samples.
        features: (n, D) of the held-back samples.
        labels: class position of each.
        folds: int64 (n,), which samples are left out together; with one fold only there is no choice but the temperature.

    Raises:
        UsageError: without samples.
    """
    if not len(labels):
        raise UsageError("Calibration needs held-back samples, and there are none.")
    plain = head.scaled(1.0, 0.0, 1.0)
    crossed = folds.max(initial=0) > 0
    tried: dict[Method, Floats] = {
        method: _crossed(fit, plain, features, labels, folds)
        for method, fit in METHODS.items()
        if crossed or method == "temperature"
    }
    before = plain.apply(features)
    losses = {name: log_loss(labels, p) for name, p in tried.items()}
    method = min(losses, key=lambda name: losses[name])
    report = {
        "method": method,
        "samples": len(labels),
        "folds": int(folds.max(initial=0)) + 1,
        "log_loss": {"none": log_loss(labels, before)} | losses,
        "ece_before": _error(labels, before),
        "ece_after": _error(labels, tried[method]),
        "bins_before": reliability_bins(labels, before),
        "bins_after": reliability_bins(labels, tried[method]),
    }
    return Calibration(method, METHODS[method](plain, features, labels), tried[method], report)


def _crossed(fit: Fitter, head: Head, features: Floats, labels: IntArray, folds: IntArray) -> Floats:
    """Probabilities of each sample by a calibration on the other folds; with one fold, on all of it."""
    numbers = np.unique(folds)
    probabilities = np.empty((len(labels), head.class_count), np.float32)
    for number in numbers:
        here = folds == number
        there = ~here if len(numbers) > 1 else here
        probabilities[here] = fit(head, features[there], labels[there]).of(head).apply(features[here])
    return probabilities


def log_loss(labels: IntArray, probabilities: Floats) -> float:
    """Mean negative log of the probability of the right class; a probability below 1e-12 counts as that."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -float(np.log(np.maximum(right, 1e-12)).mean())


def reliability_bins(labels: IntArray, probabilities: Floats) -> list[dict[str, Any]]:
    """Data of a reliability diagram as JSON: each bin of confidence with its bounds, samples, confidence and accuracy."""
    prediction = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), prediction].astype(np.float64)
    return [asdict(found) for found in reliability(confidence, prediction == labels)]


def _error(labels: IntArray, probabilities: Floats) -> float | None:
    exact = probabilities.astype(np.float64)
    return calibration_error(labels, exact.argmax(axis=1).astype(np.int64), exact)
