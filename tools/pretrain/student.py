"""Tuning the backbone on aerial images: three tasks on one batch, small relative steps, averaged weights."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from landuse.models.architectures import Architecture
from landuse.models.arrays import Floats, Weights
from landuse.models.heads import LogisticHead
from landuse.models.keras_networks import assign, build
from landuse.models.keras_networks import variables as variables_of
from tools.pretrain.batches import Batch, Drawer

log = logging.getLogger(__name__)
Tensor = Any  # TensorFlow's own annotations are partial
SMOOTHING = 0.1
PROJECTED = 128
CONTRAST_TEMPERATURE = 0.15
SMALLEST_SCALE = 1e-2
"""Least size of a tensor's values that the learning rate is multiplied with; biases may start at 0."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one image size."""

    px: int
    steps: int


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        phases: one after the other.
        naming: weight of naming the classes of labelled views.
        pairing: weight of telling which two views show one place.
        keeping: weight of seeing in a spoilt view what the start saw in the unspoilt image.
        rate: largest learning rate, as a share of a tensor's root mean square; it rises, then falls along a cosine.
        averaging: share of the averaged weights that each step keeps.
        seed: of the order and the spoiling.
        save_every: steps between checkpoints.
    """

    phases: tuple[Phase, ...]
    naming: float = 1.0
    pairing: float = 0.5
    keeping: float = 2.0
    rate: float = 2e-3
    averaging: float = 0.99
    seed: int = 0
    save_every: int = 50

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def px_at(self, step: int) -> int:
        """Image size of a step."""
        for phase in self.phases:
            if step < phase.steps:
                return phase.px
            step -= phase.steps
        return self.phases[-1].px

    def rate_at(self, step: int) -> float:
        """Learning rate of a step: linear warm-up over a tenth (at most 30 steps), then half a cosine down to 2 %."""
        warm = min(1.0, (step + 1) / max(1, min(30, self.steps // 10)))
        return self.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


class Student:
    """The backbone, a head for the classes and a projection for the pairs, with Adam's moments and averaged weights."""

    def __init__(self, architecture: Architecture, start: Weights, head: LogisticHead, plan: Plan) -> None:
        self._plan = plan
        self._model = build(architecture)
        assign(self._model, start, "The start")
        self._factor, self._offset = architecture.preprocess.affine()
        self._mean, self._scale = tf.constant(head.mean), tf.constant(head.scale)
        rng = np.random.default_rng([plan.seed, 9])
        projection = rng.normal(0, len(head.mean) ** -0.5, (len(head.mean), PROJECTED)).astype(np.float32)
        extra = {"head/kernel": head.weight, "head/bias": head.bias, "projection/kernel": projection}
        self._extra = {name: tf.Variable(value) for name, value in extra.items()}
        self.variables = variables_of(self._model)
        self._names = tuple(self.variables | self._extra)
        trained = [*self.variables.values(), *self._extra.values()]
        self._slots = [[tf.Variable(tf.zeros_like(v)) for v in trained] for _ in range(2)]
        self._average = [tf.Variable(v) for v in trained]
        self._trained = trained
        self._compiled = tf.function(self._step, reduce_retracing=False)

    def step(self, batch: Batch, step: int) -> Tensor:
        """One step of Adam. Returns the three losses and the share of labelled views named rightly, float32 (4,)."""
        number = tf.constant(step + 1, tf.float32)
        rate = tf.constant(self._plan.rate_at(step), tf.float32)
        return self._compiled(batch.images, batch.wanted, batch.shares, rate, number)

    def _step(self, images: Tensor, wanted: Tensor, shares: Tensor, rate: Tensor, number: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            seen = self._model(tf.cast(images, tf.float32) * self._factor + self._offset)
            standard = (seen - self._mean) / self._scale
            scores = standard @ self._extra["head/kernel"] + self._extra["head/bias"]
            losses = (
                naming_loss(scores, shares),
                pairing_loss(standard @ self._extra["projection/kernel"], shares),
                keeping_loss(standard - (wanted - self._mean) / self._scale),
            )
            plan = self._plan
            loss = plan.naming * losses[0] + plan.pairing * losses[1] + plan.keeping * losses[2]
        self._move(tape.gradient(loss, self._trained), rate, number)
        return tf.stack([*losses, _share_right(scores, shares)])

    def _move(self, gradients: list[Tensor], rate: Tensor, number: Tensor) -> None:
        """Adam (Kingma and Ba 2015), its step scaled with each tensor's size; then the averages."""
        fade1, fade2 = 1 - 0.9**number, 1 - 0.99**number
        keep = tf.minimum(self._plan.averaging, number / (number + 10))
        for i, (variable, gradient) in enumerate(zip(self._trained, gradients, strict=True)):
            if gradient is None:
                continue
            first, second = self._slots[0][i], self._slots[1][i]
            first.assign(0.9 * first + 0.1 * gradient)
            second.assign(0.99 * second + 0.01 * gradient * gradient)
            size = tf.maximum(tf.sqrt(tf.reduce_mean(variable * variable)), SMALLEST_SCALE)
            variable.assign_sub(rate * size * (first / fade1) / (tf.sqrt(second / fade2) + 1e-8))
            self._average[i].assign(keep * self._average[i] + (1 - keep) * variable)

    def weights(self) -> Weights:
        """The backbone's averaged weights."""
        return {name: value.numpy() for name, value in zip(self.variables, self._average, strict=False)}

    def state(self) -> dict[str, Floats]:
        """Everything that a resumed run needs."""
        kinds = {"value": self._trained, "first": self._slots[0], "second": self._slots[1], "average": self._average}
        return {f"{kind}:{n}": v.numpy() for kind, vs in kinds.items() for n, v in zip(self._names, vs, strict=True)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take up what `state` gave."""
        kinds = {"value": self._trained, "first": self._slots[0], "second": self._slots[1], "average": self._average}
        for kind, variables in kinds.items():
            for name, variable in zip(self._names, variables, strict=True):
                variable.assign(state[f"{kind}:{name}"])


def naming_loss(scores: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy with smoothed class shares, over the views whose classes are known."""
    known = tf.reduce_sum(shares, -1)
    smooth = shares * (1 - SMOOTHING) + SMOOTHING / shares.shape[-1]
    entropy = tf.nn.softmax_cross_entropy_with_logits(smooth, scores)
    return tf.reduce_sum(entropy * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def pairing_loss(projected: Tensor, shares: Tensor) -> Tensor:
    """InfoNCE (van den Oord et al. 2018): which view shows the same place, among all views of the batch.

    The views without classes come first: p places at a date, then the same at another.
    """
    unit = tf.math.l2_normalize(projected, -1)
    pairs = tf.reduce_sum(tf.cast(tf.reduce_sum(shares, -1) < 0.5, tf.int32)) // 2
    ours = tf.range(2 * pairs)
    others = tf.where(ours < pairs, ours + pairs, ours - pairs)
    likeness = unit[: 2 * pairs] @ tf.transpose(unit) / CONTRAST_TEMPERATURE
    likeness -= 1e9 * tf.one_hot(ours, tf.shape(unit)[0])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(others, likeness)
    return tf.reduce_sum(losses) / tf.maximum(tf.cast(2 * pairs, tf.float32), 1.0)


def keeping_loss(error: Tensor) -> Tensor:
    """Huber loss of standardised features, so that single large ones do not rule."""
    size = tf.abs(error)
    return tf.reduce_mean(tf.where(size < 2.0, 0.5 * size * size, 2.0 * size - 2.0))


def _share_right(scores: Tensor, shares: Tensor) -> Tensor:
    known = tf.cast(tf.reduce_max(shares, -1) > 0.5, tf.float32)
    right = tf.cast(tf.argmax(scores, -1) == tf.argmax(shares, -1), tf.float32)
    return tf.reduce_sum(right * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def train_student(student: Student, drawer: Drawer, plan: Plan, checkpoint: Path) -> Weights:
    """Train to the end of the plan, from the checkpoint if there is one. Returns the averaged weights."""
    first, totals, started = _resume(student, checkpoint), np.zeros(4), time.monotonic()

    def draw(step: int) -> Batch:
        """The batch of a step, the same in every run."""
        return drawer.draw(plan.px_at(step), np.random.default_rng([plan.seed, 2, step]))

    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(draw, first)
        for step in range(first, plan.steps):
            batch, waiting = waiting.result(), ahead.submit(draw, step + 1)
            totals += student.step(batch, step).numpy()
            if (step + 1) % 20 == 0:
                pace = (step + 1 - first) / (time.monotonic() - started)
                shown = " ".join(f"{value:.3f}" for value in totals / 20)
                log.info("step %d of %d, %d px, %.2f/s, %s", step + 1, plan.steps, plan.px_at(step), pace, shown)
                totals[:] = 0
            if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
                _save(student, step + 1, checkpoint)
    return student.weights()


def _save(student: Student, step: int, checkpoint: Path) -> None:
    """Write the checkpoint beside, then rename it: it is whole or the one before."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    beside = checkpoint.with_suffix(".part.npz")
    np.savez(beside, step=np.array(step), **student.state())  # type: ignore[arg-type]
    beside.replace(checkpoint)


def _resume(student: Student, checkpoint: Path) -> int:
    """Put the student where the checkpoint left it. Returns the next step."""
    if not checkpoint.exists():
        return 0
    with np.load(checkpoint, allow_pickle=False) as stored:
        student.restore(stored)
        return int(stored["step"])
