"""Fitting logistic heads: the least penalised loss of an affine classifier, in the terms of Spark MLlib.

What is minimised, over standardised features and with a bias that is not penalised, is

    sum_i w_i loss_i / sum_i w_i  +  reg_param * (elastic_net * |W|_1 + (1 - elastic_net) / 2 * |W|_2^2),

which is the objective of pyspark.ml.classification.LogisticRegression with its default `standardization`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax

from landuse.errors import UsageError
from landuse.models.heads import ABSENT, DenseHead, Labels, Mask, halves, logistic
from landuse.models.libraries import Floats

Exact = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.floating]
Link = Callable[[Exact, Numbers], tuple[Exact, Exact]]
"""From scores (n, K) and targets (n, K) to each row's losses (n, K) or (n, 1) and their slopes (n, K)."""
MAX_ITER = 1000
TOLERANCE = 1e-5
"""Steepest slope of the objective at which a fit is done. At a tenth of it, probabilities are within 4e-4 and the time is
four times as long."""
EXACT_SIZE = 50_000_000
"""Numbers up to which features are fitted in float64; above, memory counts for more than the seventh digit."""
FLAT = 1e-6


@dataclass(frozen=True)
class Penalty:
    """How a logistic head is held back, as Spark MLlib names it.

    Attributes:
        reg_param: strength, from 0 (`regParam`).
        elastic_net: share of the L1 norm in it, 0 to 1 (`elasticNetParam`).
    """

    reg_param: float
    elastic_net: float = 0.0
    max_iter: int = MAX_ITER


@dataclass(frozen=True, eq=False)
class Standard:
    """What is taken off features and what they are then divided by; float64 (D,) each, `scale` above 0."""

    mean: Exact
    scale: Exact

    def of(self, features: Floats) -> Numbers:
        """The features so standardised (n, D), float64 where that is not too much."""
        kind = np.float64 if features.size <= EXACT_SIZE else np.float32
        centred = features.astype(kind) - self.mean.astype(kind)
        found: Numbers = np.divide(centred, self.scale.astype(kind), out=centred)
        return found


def standard_of(features: Floats, weights: Exact | None = None) -> Standard:
    """Weighted means and unbiased standard deviations of features (n, D), as MLlib's Summarizer has them.

    A feature that does not vary gets scale 1.
    """
    times = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)
    total = times.sum()
    mean = times @ features / total
    spread = times @ np.square(features - mean) / max(total - np.square(times).sum() / total, 1e-300)
    scale = np.sqrt(spread)
    return Standard(mean, np.where(scale > FLAT, scale, 1.0))


def solve_softmax(features: Numbers, labels: npt.NDArray[np.integer], weights: Exact, penalty: Penalty) -> Exact:
    """Weights of a multinomial logistic regression, float64 (D + 1, K) with the biases last.

    By scikit-learn's L-BFGS without L1, by `solve` with it. Scikit-learn weighs the loss, not the penalty: its C is
    1 / (reg_param * sum of weights). Two classes are one sigmoid, for Spark and for scikit-learn alike.

    Args:
        features: (n, D), standardised.
        labels: (n,) classes 0 to K - 1, each of which occurs.
        weights: (n,).
    """
    classes = int(labels.max()) + 1
    if penalty.elastic_net > 0 and penalty.reg_param > 0:
        if classes > 2:
            return solve(features, np.eye(classes)[labels], weights, penalty, softmax_loss)
        return _both(solve(features, labels[:, None].astype(np.float64), weights, penalty, sigmoid_loss))
    from sklearn.exceptions import ConvergenceWarning  # a second to import, and no worker that only infers needs it
    from sklearn.linear_model import LogisticRegression

    strength = 1 / (penalty.reg_param * weights.sum()) if penalty.reg_param else np.inf
    model = LogisticRegression(C=strength, max_iter=penalty.max_iter, tol=TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a slightly early stop costs nothing here
        model.fit(features, labels, sample_weight=weights)
    found: Exact = np.concatenate([model.coef_, model.intercept_[:, None]], axis=1).T.astype(np.float64)
    return found if classes > 2 else _both(found)


def _both(one: Exact) -> Exact:
    return np.concatenate([-one, one], axis=1) / 2


def solve(features: Numbers, targets: Numbers, weights: Exact, penalty: Penalty, link: Link) -> Exact:
    """Weights float64 (D + 1, K), the biases last, by L-BFGS-B.

    Args:
        features: (n, D), standardised.
        targets: (n, K).
        weights: (n,) of rows, or (n, K) of rows and classes.
    """
    from scipy.optimize import minimize  # a third of a second to import, and no worker that only infers needs it

    classes = targets.shape[1]
    share = (weights if weights.ndim == 2 else weights[:, None]) / weights.sum(axis=0).max()
    ridge, lasso = penalty.reg_param * (1 - penalty.elastic_net), penalty.reg_param * penalty.elastic_net
    objective = _Objective(features, targets, share, link, ridge, lasso)
    count = (2 if lasso else 1) * features.shape[1] * classes
    bounds = [(0.0, None) if lasso else (None, None)] * count + [(None, None)] * classes
    options = {"maxiter": penalty.max_iter, "maxfun": 2 * penalty.max_iter + 100, "gtol": TOLERANCE, "ftol": 1e-13}
    start = np.zeros(count + classes)
    best: Exact = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return np.concatenate([objective.weights(best), best[-classes:][None]])


@dataclass(frozen=True, eq=False)
class _Objective:
    """The penalised mean loss of one row of numbers: weights (D, K), then biases (K,).

    With an L1 norm the weights are the difference of two matrices that are not negative, one after the other in the row, which
    makes the loss smooth.

    Attributes:
        features: (n, D), standardised.
        targets: (n, K).
        share: (n, 1) or (n, K), what each row or its class counts.
    """

    features: Numbers
    targets: Numbers
    share: Exact
    link: Link
    ridge: float
    lasso: float

    def weights(self, values: Exact) -> Exact:
        """The weights (D, K) that a row stands for."""
        classes = self.targets.shape[1]
        pairs = values[:-classes].reshape(-1, self.features.shape[1], classes)
        return np.asarray(pairs[0] - pairs[1] if len(pairs) == 2 else pairs[0])

    def __call__(self, values: Exact) -> tuple[float, Exact]:
        """The loss, and its slope along each number of the row."""
        classes, weights = self.targets.shape[1], self.weights(values)
        losses, slopes = self.link(self.features @ weights + values[-classes:], self.targets)
        slopes = slopes * self.share
        down = self.features.T @ slopes + self.ridge * weights
        pieces = [down.ravel() + self.lasso, self.lasso - down.ravel()] if self.lasso else [down.ravel()]
        value = float((losses * self.share).sum()) + self.ridge / 2 * float((weights**2).sum())
        value += self.lasso * float(values[:-classes].sum()) if self.lasso else 0.0
        return value, np.concatenate([*pieces, slopes.sum(axis=0)])


def softmax_loss(scores: Exact, targets: Numbers) -> tuple[Exact, Exact]:
    """Cross-entropy (n, 1) of a softmax, and its slopes."""
    logs = log_softmax(scores, axis=1)
    return -(targets * logs).sum(axis=1, keepdims=True), np.exp(logs) - targets


def sigmoid_loss(scores: Exact, targets: Numbers) -> tuple[Exact, Exact]:
    """Binary cross-entropy (n, K) of each class by itself, and its slopes."""
    return np.logaddexp(0, scores) - targets * scores, expit(scores) - targets


def fit_logistic(
    features: Floats,
    labels: Labels,
    *,
    class_count: int,
    C: float = 1.0,
    sample_weight: npt.NDArray[np.floating] | None = None,
    penalty: Penalty | None = None,
) -> DenseHead:
    """Fit a multinomial logistic regression on the driver.

    Args:
        features: (n, D).
        labels: class index of each row, 0 to `class_count` - 1. A class without a row gets probability 0.
        class_count: K.
        C: inverse strength of an L2 penalty on standardised features; used where no penalty is given.
        sample_weight: (n,), or None for equal weights.

    Raises:
        UsageError: without rows, for labels outside the legend, or with one class only.
    """
    present, own = present_classes(labels, class_count)
    weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    rule = penalty or Penalty(1 / (C * float(weights.sum())))
    standard = standard_of(features, weights)
    found = solve_softmax(standard.of(features), own, weights, rule)
    return logistic_head(found, standard, present, class_count)


def present_classes(labels: Labels, class_count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The classes that occur, and each label's position among them. Raises as `fit_logistic`."""
    present, own = np.unique(np.asarray(labels, np.int64), return_inverse=True)
    if not len(labels) or present[0] < 0 or present[-1] >= class_count:
        raise UsageError(f"Labels must be class indices from 0 to {class_count - 1}, and there must be some.")
    if len(present) == 1:
        raise UsageError("All samples are of one class: a head needs samples of at least two.")
    return present, own.astype(np.int64)


def logistic_head(
    found: npt.NDArray[np.float64], standard: Standard, present: npt.NDArray[np.int64], class_count: int
) -> DenseHead:
    """A head of K classes from weights float64 (D + 1, P) of the P that occurred, biases last."""
    weight = np.zeros((len(found) - 1, class_count), np.float32)
    bias = np.full(class_count, ABSENT, np.float32)
    weight[:, present], bias[present] = found[:-1], found[-1]
    return logistic(weight, bias, standard.mean.astype(np.float32), standard.scale.astype(np.float32))


def fit_multi_logistic(
    features: Floats, targets: Floats, weights: npt.NDArray[np.float64], penalty: Penalty
) -> DenseHead:
    """A logistic regression of each class against its absence, all at once: binary cross-entropy with elastic net.

    A class that no row has gets probability 0, one that every row has 1.

    Args:
        features: (n, D).
        targets: float32 (n, K), 0 or 1.
        weights: (n, K), what each row says of each class counts.
    """
    both = varied(targets)
    standard = standard_of(features, weights.mean(axis=1))
    present = np.flatnonzero(both)
    found = solve(standard.of(features), targets[:, both], weights[:, both], penalty, sigmoid_loss)
    head = logistic_head(found, standard, present, targets.shape[1])
    always = targets.all(axis=0) & ~both
    bias = np.where(always, -ABSENT, head.bias).astype(np.float32)
    return replace(head, biases=(bias,), thresholds=halves(len(bias)))


def varied(targets: Floats) -> Mask:
    """Which classes some rows have and others have not, bool (K,). Raises `UsageError` where there is none."""
    both = np.asarray(targets.any(axis=0) & ~targets.all(axis=0))
    if not both.any():
        raise UsageError("Every class is in all samples or in none, so there is nothing to tell apart.")
    return both
