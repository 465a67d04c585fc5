"""From samples to a head: which kind, by what means, and on which rows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from landuse.engine.session import spark_session
from landuse.errors import UsageError
from landuse.models.heads import Head, fit_logistic
from landuse.models.heads_multi import MultiLabelHead, fit_multi_logistic, halves, varied
from landuse.models.heads_solver import MAX_ITER, Exact, Penalty
from landuse.models.heads_spark import ForestRule, fit_forest_spark, fit_logistic_spark, fitting_frame
from landuse.options.training import HeadOptions
from landuse.training.balance import BalanceRule, Rows, class_factors, fitting_rows
from landuse.training.dataset import Samples
from landuse.training.places import Mask
from landuse.training.split import SplitRule, split

STOP_SHARE = 0.15
"""Share of the samples on which a dense head sees when to stop."""
WORTH_THREADS = 2e8
"""Multiplications of one step of a fit from which several threads gain; below it they wait for each other for longer than they
compute (measured: 5 to 10 times as long on two busy cores)."""


def penalty_of(options: HeadOptions, total: float) -> Penalty:
    """The penalty of a logistic head, for samples that weigh `total` together."""
    strength = 1 / (options.regularisation * total) if options.reg_param is None else options.reg_param
    return Penalty(strength, options.elastic_net, options.max_iter or MAX_ITER)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head, and what its fit has to tell: a line an epoch of a dense one."""

    head: Head
    history: tuple[dict[str, float], ...] = ()


def fit_samples(samples: Samples, rule: HeadOptions, balance: BalanceRule, apart: SplitRule) -> Fitted:
    """A head on the samples, classes balanced as asked; one of several labels where the samples have lists of them.

    Args:
        samples: what to learn.
        rule: the head.
        balance: what each class counts.
        apart: how a dense head's samples are split to see when to stop; its share does not matter.

    Raises:
        UsageError: samples from which such a head cannot be learnt.
    """
    with one_thread(samples):
        if samples.multi:
            return _fit_multi(samples, rule, balance, apart)
        rows = fitting_rows(samples, balance)
        if rule.head == "dense":
            targets = np.eye(len(samples.legend), dtype=np.float32)[rows.labels]
            held = _held(samples, apart)[rows.samples]
            return _fit_dense((samples.features[rows.samples], targets, rows.weights, held), rule, None)
        if rule.by_spark:
            return Fitted(_fit_spark(samples, rows, rule))
        return Fitted(
            fit_logistic(
                samples.features[rows.samples],
                rows.labels,
                class_count=len(samples.legend),
                sample_weight=rows.weights,
                penalty=penalty_of(rule, float(rows.weights.sum())),
            )
        )


def _fit_multi(samples: Samples, rule: HeadOptions, balance: BalanceRule, apart: SplitRule) -> Fitted:
    """A head that gives any number of labels. Each class is a question of its own, and all questions weigh the same."""
    if rule.by_spark:
        raise UsageError("Spark MLlib fits one class a sample; for lists of labels give --head logistic or dense.")
    if balance.balance == "downsample":
        raise UsageError("Samples with lists of labels cannot be downsampled class by class; give --balance none.")
    factors = class_factors(balance.class_weights, samples.legend)
    weights = samples.weights * (len(samples) / samples.weights.sum())
    if rule.head == "dense":
        varied(samples.targets)
        found = _fit_dense((samples.features, samples.targets, weights, _held(samples, apart)), rule, factors)
        return replace(found, head=MultiLabelHead(found.head, halves(len(factors))))  # type: ignore[arg-type]  # a DenseHead
    each: Exact = weights[:, None] * np.where(samples.targets > 0, factors, 1.0)
    return Fitted(fit_multi_logistic(samples.features, samples.targets, each, penalty_of(rule, float(weights.sum()))))


def _fit_dense(data: tuple[Any, Any, Exact, Mask], rule: HeadOptions, factors: Exact | None) -> Fitted:
    from landuse.models.heads_keras import DenseData, DenseRule, fit_dense  # which imports TensorFlow

    own = DenseRule(rule.hidden, rule.dropout, rule.max_iter or DenseRule.epochs, rule.seed)
    head, history = fit_dense(DenseData(*data, factors), own)
    return Fitted(head, tuple(history))


def _held(samples: Samples, apart: SplitRule) -> Mask:
    """Samples on which a dense head sees when to stop: whole blocks or groups, as in every split."""
    return split(replace(samples.layout, sides=None), replace(apart, share=STOP_SHARE, buffer_m=0.0)).test


def _fit_spark(samples: Samples, rows: Rows, rule: HeadOptions) -> Head:
    count = len(samples.legend)
    with spark_session(rule.master) as session:
        data, present = fitting_frame(session, samples.features[rows.samples], rows.labels, rows.weights, count)
        data = data.cache()
        try:
            if rule.head == "forest":
                return fit_forest_spark(data, present, count, ForestRule(rule.trees, rule.depth, rule.seed))
            return fit_logistic_spark(data, present, count, penalty_of(rule, float(rows.weights.sum())))
        finally:
            data.unpersist()


def one_thread(samples: Samples) -> AbstractContextManager[Any]:
    """A context in which linear algebra has one thread for work that is not worth more."""
    work = samples.features.size * len(samples.legend)
    limits: AbstractContextManager[Any] = threadpool_limits(1 if work < WORTH_THREADS else None, "blas")
    return limits
