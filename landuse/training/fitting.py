"""From samples to a head: which kind, by what means, and on which rows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from landuse.engine.session import spark_session
from landuse.errors import UsageError
from landuse.models.heads import Head, fit_logistic
from landuse.models.heads_multi import MultiLabelHead, fit_multi_logistic, halves, varied
from landuse.models.heads_solver import MAX_ITER, Exact, Penalty
from landuse.models.heads_spark import ForestRule, fit_forest_spark, fit_logistic_spark, fitting_frame
from landuse.training.balance import BalanceRule, Rows, class_factors, fitting_rows
from landuse.training.dataset import Samples
from landuse.training.places import Mask
from landuse.training.split import SplitRule, split

HeadKind = Literal["logistic", "dense", "forest"]
FitWith = Literal["driver", "spark"]
HEADS: tuple[HeadKind, ...] = get_args(HeadKind)
INLINE = "inline"
STOP_SHARE = 0.15
"""Share of the samples on which a dense head sees when to stop."""
WORTH_THREADS = 2e8
"""Multiplications of one step of a fit from which several threads gain; below it they wait for each other for longer than they
compute (measured: 5 to 10 times as long on two busy cores)."""


@dataclass(frozen=True)
class HeadRule:
    """What a head is like and how it is fitted.

    Attributes:
        head: ``logistic``, ``dense`` or ``forest``.
        fit_with: what fits a logistic head: ``driver`` (scikit-learn) or ``spark`` (MLlib); the results are the same.
        regularisation: inverse strength of a logistic head's penalty, as scikit-learn's C; used where `reg_param` is None.
        reg_param: its strength as Spark MLlib has it, from 0.
        elastic_net: share of the L1 norm in it, 0 to 1.
        max_iter: most steps of its solver, or epochs of a dense head; None takes the kind's own.
        hidden: units of each hidden layer of a dense head.
        dropout: share of those left out at random while fitting.
        trees, depth: of a forest.
        master: Spark master for what Spark fits.
        seed: of all that draws.
    """

    head: HeadKind = "logistic"
    fit_with: FitWith = "driver"
    regularisation: float = 0.03
    reg_param: float | None = None
    elastic_net: float = 0.0
    max_iter: int | None = None
    hidden: tuple[int, ...] = (256,)
    dropout: float = 0.3
    trees: int = 100
    depth: int = 10
    master: str = INLINE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise UsageError(f"No head {self.head!r}: choose one of {', '.join(HEADS)}.")
        if self.head != "logistic" and (self.reg_param is not None or self.elastic_net or self.fit_with != "driver"):
            raise UsageError(
                f"--reg-param, --elastic-net and --fit-with are for the logistic head, not for a {self.head} one."
            )
        if not all(1 <= units <= 16_384 for units in self.hidden) or not 0 <= self.dropout < 1:
            raise UsageError("Hidden layers have 1 to 16,384 units each, and the dropout is a share below 1.")
        if self.by_spark and self.master == INLINE:
            what = "A forest" if self.head == "forest" else "--fit-with spark"
            raise UsageError(f"{what} needs Spark: give --master local[*] or a cluster, not {INLINE}.")

    @property
    def by_spark(self) -> bool:
        """Whether Spark MLlib fits it."""
        return self.head == "forest" or self.fit_with == "spark"

    def penalty(self, total: float) -> Penalty:
        """The penalty of a logistic head, for samples that weigh `total` together."""
        strength = 1 / (self.regularisation * total) if self.reg_param is None else self.reg_param
        return Penalty(strength, self.elastic_net, self.max_iter or MAX_ITER)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head, and what its fit has to tell: a line an epoch of a dense one."""

    head: Head
    history: tuple[dict[str, float], ...] = ()


def fit_samples(samples: Samples, rule: HeadRule, balance: BalanceRule, apart: SplitRule) -> Fitted:
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
                penalty=rule.penalty(float(rows.weights.sum())),
            )
        )


def _fit_multi(samples: Samples, rule: HeadRule, balance: BalanceRule, apart: SplitRule) -> Fitted:
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
    return Fitted(fit_multi_logistic(samples.features, samples.targets, each, rule.penalty(float(weights.sum()))))


def _fit_dense(data: tuple[Any, Any, Exact, Mask], rule: HeadRule, factors: Exact | None) -> Fitted:
    from landuse.models.heads_keras import DenseData, DenseRule, fit_dense  # which imports TensorFlow

    own = DenseRule(rule.hidden, rule.dropout, rule.max_iter or DenseRule.epochs, rule.seed)
    head, history = fit_dense(DenseData(*data, factors), own)
    return Fitted(head, tuple(history))


def _held(samples: Samples, apart: SplitRule) -> Mask:
    """Samples on which a dense head sees when to stop: whole blocks or groups, as in every split."""
    return split(replace(samples.layout, sides=None), replace(apart, share=STOP_SHARE, buffer_m=0.0)).test


def _fit_spark(samples: Samples, rows: Rows, rule: HeadRule) -> Head:
    count = len(samples.legend)
    with spark_session(rule.master) as session:
        data, present = fitting_frame(session, samples.features[rows.samples], rows.labels, rows.weights, count)
        data = data.cache()
        try:
            if rule.head == "forest":
                return fit_forest_spark(data, present, count, ForestRule(rule.trees, rule.depth, rule.seed))
            return fit_logistic_spark(data, present, count, rule.penalty(float(rows.weights.sum())))
        finally:
            data.unpersist()


def one_thread(samples: Samples) -> AbstractContextManager[Any]:
    """A context in which linear algebra has one thread for work that is not worth more."""
    work = samples.features.size * len(samples.legend)
    limits: AbstractContextManager[Any] = threadpool_limits(1 if work < WORTH_THREADS else None, "blas")
    return limits
