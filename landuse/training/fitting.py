"""From samples to a head: which kind, by what means, and on which rows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

from landuse.engine.session import spark_session
from landuse.errors import UsageError
from landuse.models.heads import DenseHead, Head, halves
from landuse.models.heads_linear import MAX_ITER, Exact, Penalty, fit_logistic, fit_multi_logistic, standard_of, varied
from landuse.models.libraries import Floats, KerasModel, keras
from landuse.options.training import HeadOptions, HoldoutOptions, TrainOptions
from landuse.training.balance import Rows, class_factors, fitting_rows
from landuse.training.samples import Samples
from landuse.training.split import Mask, split

STOP_SHARE = 0.15
"""Share of the samples on which a dense head sees when to stop."""
BATCH = 64
PATIENCE = 10
"""Epochs without a lower loss on the samples held out, after which the best epoch's weights are taken."""
EPOCHS = 200
BLIND_EPOCHS = 30
"""Epochs where nothing is held out to say when to stop."""
RATE = 1e-3
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


def fit_samples(samples: Samples, options: TrainOptions) -> Fitted:
    """A head on the samples, classes balanced as asked; one of several labels where the samples have lists of them.

    Raises:
        UsageError: samples from which such a head cannot be learnt.
    """
    with one_thread(samples):
        if samples.multi:
            return _fit_multi(samples, options)
        rows = fitting_rows(samples, options)
        if options.head == "dense":
            targets = np.eye(len(samples.legend), dtype=np.float32)[rows.labels]
            held = _held(samples, options)[rows.samples]
            return fit_dense(DenseData(samples.features[rows.samples], targets, rows.weights, held), options)
        if options.by_spark:
            return Fitted(_fit_spark(samples, rows, options))
        return Fitted(
            fit_logistic(
                samples.features[rows.samples],
                rows.labels,
                class_count=len(samples.legend),
                sample_weight=rows.weights,
                penalty=penalty_of(options, float(rows.weights.sum())),
            )
        )


def _fit_multi(samples: Samples, options: TrainOptions) -> Fitted:
    if options.by_spark:
        raise UsageError("Spark MLlib fits one class a sample; for lists of labels give --head logistic or dense.")
    if options.balance == "downsample":
        raise UsageError("Samples with lists of labels cannot be downsampled class by class; give --balance none.")
    factors = class_factors(options.class_weights, samples.legend)
    weights = samples.weights * (len(samples) / samples.weights.sum())
    if options.head == "dense":
        varied(samples.targets)
        data = DenseData(samples.features, samples.targets, weights, _held(samples, options), factors)
        return fit_dense(data, options)
    each: Exact = weights[:, None] * np.where(samples.targets > 0, factors, 1.0)
    penalty = penalty_of(options, float(weights.sum()))
    return Fitted(fit_multi_logistic(samples.features, samples.targets, each, penalty))


def _held(samples: Samples, rule: HoldoutOptions) -> Mask:
    apart = HoldoutOptions(holdout=STOP_SHARE, seed=rule.seed, block_m=rule.block_m)
    return split(replace(samples.layout, sides=None), apart).test


def _fit_spark(samples: Samples, rows: Rows, rule: HeadOptions) -> Head:
    from landuse.spark_ml.heads import fit_forest_spark, fit_logistic_spark, fitting_frame  # which imports pyspark

    count = len(samples.legend)
    with spark_session(rule.master) as session:
        data, present = fitting_frame(session, samples.features[rows.samples], rows.labels, rows.weights, count)
        data = data.cache()
        try:
            if rule.head == "forest":
                return fit_forest_spark(data, present, count, rule)
            return fit_logistic_spark(data, present, count, penalty_of(rule, float(rows.weights.sum())))
        finally:
            data.unpersist()


def one_thread(samples: Samples) -> AbstractContextManager[Any]:
    """A context in which linear algebra has one thread for work that is not worth more."""
    work = samples.features.size * len(samples.legend)
    limits: AbstractContextManager[Any] = threadpool_limits(1 if work < WORTH_THREADS else None, "blas")
    return limits


@dataclass(frozen=True, eq=False)
class DenseData:
    """What a dense head is fitted on.

    Attributes:
        features: (n, D).
        targets: float (n, K): shares that sum to 1, or, with factors, 0 and 1.
        weights: (n,), what each row counts.
        held: bool (n,), rows that say when to stop and are not learnt from.
        factors: (K,), of lists of labels what having a class counts against not having it; else None.
    """

    features: Floats
    targets: Floats
    weights: Exact
    held: Mask
    factors: Exact | None = None


def fit_dense(data: DenseData, rule: HeadOptions) -> Fitted:
    """Fit by Adam with dropout and early stopping on the cross-entropy; binary for several labels.

    Returns:
        The head of the best epoch, and each epoch's loss on what it learns from and on what is held out.
    """
    learning = ~data.held
    standard = standard_of(data.features[learning], data.weights[learning])
    values = np.asarray(standard.of(data.features), np.float32)
    keras.utils.set_random_seed(rule.seed)
    model = _model(values.shape[1], data.targets.shape[1], rule)
    model.compile(keras.optimizers.Adam(RATE), _loss(data.factors))
    epochs, watched = rule.max_iter or EPOCHS, bool(data.held.any())
    stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    found = model.fit(
        values[learning],
        data.targets[learning],
        sample_weight=data.weights[learning].astype(np.float32),
        validation_data=(values[data.held], data.targets[data.held], data.weights[data.held]) if watched else None,
        batch_size=BATCH,
        epochs=epochs if watched else min(epochs, BLIND_EPOCHS),
        callbacks=[stop] if watched else [],
        verbose=0,
    )
    layers = [layer.get_weights() for layer in model.layers if layer.get_weights()]
    mean, scale = standard.mean.astype(np.float32), standard.scale.astype(np.float32)
    limits = None if data.factors is None else halves(len(data.factors))
    kernels, biases = zip(*layers, strict=True)
    head = DenseHead(kernels, biases, mean, scale, thresholds=limits)
    return Fitted(head, _history(found.history))


def _model(depth: int, classes: int, rule: HeadOptions) -> KerasModel:
    values = inputs = keras.Input((depth,))
    for units in rule.hidden:
        values = keras.layers.Dense(units, activation="relu")(values)
        values = keras.layers.Dropout(rule.dropout)(values)
    return keras.Model(inputs, keras.layers.Dense(classes)(values))


def _loss(factors: Exact | None) -> Any:  # noqa: ANN401
    if factors is None:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    extra = np.asarray(factors - 1, np.float32)

    def binary(truth: Any, scores: Any) -> Any:  # noqa: ANN401
        """Mean over the classes of each row's losses."""
        each = keras.ops.softplus(scores) - truth * scores
        return keras.ops.mean(each * (1 + truth * extra), axis=-1)

    return binary


def _history(found: dict[str, list[float]]) -> tuple[dict[str, float], ...]:
    names = {"loss": "loss", "val_loss": "held_out_loss"}
    kept = {names[name]: values for name, values in found.items() if name in names}
    return tuple(dict(zip(kept, map(float, row), strict=True)) for row in zip(*kept.values(), strict=True))
