"""The student learns: to see what the teacher sees, in spoilt copies, and to name the classes."""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from landuse.models.arrays import Weights
from landuse.models.backbones import Backbone, initial_weights
from landuse.models.keras_graph import build_keras, dump_weights, load_weights
from landuse.models.network import GlobalAveragePool
from landuse.models.pretrain.augment import Tensor, spoil
from landuse.models.pretrain.store import MAP_DEPTH, ViewStore
from landuse.models.pretrain.views import PX

log = logging.getLogger(__name__)
SMOOTHING = 0.1


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one image size."""

    px: int
    steps: int
    batch: int


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        phases: one after the other.
        rate: largest learning rate; it rises over the first steps and falls along a cosine over all phases.
        seed: of the initial weights, the order and the spoiling.
        save_every: steps between checkpoints.
    """

    phases: tuple[Phase, ...]
    rate: float = 2e-3
    seed: int = 0
    save_every: int = 100

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def at(self, step: int) -> Phase:
        """The phase that a step belongs to."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]

    def rate_at(self, step: int) -> float:
        """Learning rate of a step: linear warm-up over 150 steps, then half a cosine down to 1 %."""
        warm = min(1.0, (step + 1) / 150)
        return self.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


class Student:
    """The backbone with the three heads that only training needs."""

    def __init__(self, backbone: Backbone, store: ViewStore, seed: int) -> None:
        self.backbone = backbone
        self.model = build_keras(backbone.network)
        load_weights(self.model, initial_weights(backbone, seed))
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.97
        pool = [node for node in backbone.network.nodes if isinstance(node, GlobalAveragePool)][-1]
        last_map, features = (self.model.get_layer(name).output for name in (pool.inputs[0], pool.name))
        keras.utils.set_random_seed(seed)
        outputs = (
            keras.layers.Dense(store.pooled.shape[1], name="pooled")(features),
            keras.layers.Conv2D(MAP_DEPTH, 1, name="map")(last_map),
            keras.layers.Dense(store.shares.shape[1], name="classes")(features),
        )
        self.trained = keras.Model(self.model.input, outputs)
        self.optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.02, clipnorm=5.0)
        self.optimizer.build(self.trained.trainable_variables)
        sample = np.asarray(store.pooled[:2048], np.float32)
        self._mean, self._std = sample.mean(axis=0), sample.std(axis=0) + 1e-3
        factor, offset = backbone.preprocess.affine()
        self._factor, self._offset = factor, offset
        self._steps: dict[int, Any] = {}

    def step(self, batch: tuple[Tensor, ...], px: int, seed: Tensor) -> Tensor:
        """One optimiser step. Returns the three losses and the share of labelled views named rightly, float32 (4,)."""
        if px not in self._steps:
            self._steps[px] = tf.function(partial(self._step, px))
        return self._steps[px](batch, seed)

    def _step(self, px: int, batch: tuple[Tensor, ...], seed: Tensor) -> Tensor:
        images, shares, pooled, maps = batch
        spoilt, maps = spoil(images, maps, px, seed)
        wanted = (tf.cast(pooled, tf.float32) - self._mean) / self._std
        with tf.GradientTape() as tape:
            seen, seen_map, scores = self.trained(spoilt * self._factor + self._offset, training=True)
            losses = (_huber(seen - wanted), _huber(seen_map - maps), _name_loss(scores, shares))
            loss = 2.0 * losses[0] + losses[1] + losses[2]
        variables = self.trained.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return tf.stack([*losses, _share_right(scores, shares)])

    def weights(self) -> Weights:
        """The backbone's weights."""
        return dump_weights(self.model)


def _huber(error: Tensor) -> Tensor:
    size = tf.abs(error)
    return tf.reduce_mean(tf.where(size < 2.0, 0.5 * size * size, 2.0 * size - 2.0))


def _name_loss(scores: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy with smoothed class shares, over the views whose classes are known."""
    known = tf.reduce_sum(shares, -1)
    smooth = shares * (1 - SMOOTHING) + SMOOTHING / shares.shape[-1]
    entropy = tf.nn.softmax_cross_entropy_with_logits(smooth, scores)
    return tf.reduce_sum(entropy * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def _share_right(scores: Tensor, shares: Tensor) -> Tensor:
    known = tf.cast(tf.reduce_max(shares, -1) > 0.5, tf.float32)
    right = tf.cast(tf.argmax(scores, -1) == tf.argmax(shares, -1), tf.float32)
    return tf.reduce_sum(right * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def train_student(backbone: Backbone, store: ViewStore, plan: Plan, folder: Path) -> Weights:
    """Train to the end of the plan, from the last checkpoint in `folder` if there is one. Returns the weights."""
    student = Student(backbone, store, plan.seed)
    counter = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=student.trained, optimizer=student.optimizer, step=counter)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)
    checkpoint.restore(manager.latest_checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps({"steps": plan.steps, "resumed_at": int(counter)}))
    started, first, totals = time.monotonic(), int(counter), np.zeros(4)
    images, held = store.images, PX
    for step in range(first, plan.steps):
        phase = plan.at(step)
        if phase.px != held:
            images, held = store.shrunken(phase.px), phase.px
        student.optimizer.learning_rate.assign(plan.rate_at(step))
        rows = _rows(len(images), plan.seed, step, phase.batch)
        batch = (images[rows], store.shares[rows], store.pooled[rows], store.maps[rows])
        totals += student.step(batch, phase.px, tf.constant([plan.seed, step])).numpy()
        if (step + 1) % 20 == 0:
            pace = (step + 1 - first) / (time.monotonic() - started)
            log.info("step %d of %d, %d px, %.2f/s, losses %s", step + 1, plan.steps, phase.px, pace, totals / 20)
            totals[:] = 0
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            counter.assign(step + 1)
            manager.save()
    return student.weights()


def _rows(count: int, seed: int, step: int, size: int) -> npt.NDArray[np.int64]:
    """The views of a step: each epoch walks them in its own order."""
    per_epoch = count // size
    order = np.random.default_rng([seed, 2, step // per_epoch]).permutation(count)
    first = step % per_epoch * size
    return np.sort(order[first : first + size])
