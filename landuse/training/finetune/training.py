"""The epochs: steps over shuffled pictures, a look at the validation samples, a checkpoint, an end when nothing gets better."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import softmax

from landuse.engine.progress import Progress
from landuse.errors import DamagedSourceError
from landuse.grid import IntArray
from landuse.models.arrays import Floats
from landuse.options.training import FineTuneOptions
from landuse.training.finetune.checkpoint import CheckpointStore
from landuse.training.finetune.history import Epoch, Schedule, best_of, validated
from landuse.training.finetune.stream import PictureStream
from landuse.training.finetune.student import Student


@dataclass(frozen=True, eq=False)
class Lessons:
    """What is learnt from.

    Attributes:
        fit: int64 (m,), positions of the samples that steps are taken on.
        targets: float32 (n, K), what each of them counts for each class; 0 for the others.
        watch: int64 (v,), positions of the validation samples.
        labels: int64 (n,), class of every sample.
        names: of the classes.
        seed: of the order and of the changes of the images.
    """

    fit: IntArray
    targets: Floats
    watch: IntArray
    labels: IntArray
    names: Sequence[str]
    seed: int


class Training:
    """One training, which goes on where an earlier one of the same key ended.

    Args:
        student: what learns.
        stream: its pictures.
        lessons: what is learnt from.
        options: how.
        store: where its states are kept.
    """

    def __init__(
        self,
        student: Student,
        stream: PictureStream,
        lessons: Lessons,
        options: FineTuneOptions,
        store: CheckpointStore,
    ) -> None:
        self._student, self._stream, self._lessons = student, stream, lessons
        self._options, self._store = options, store
        self._steps = -(-len(lessons.fit) // options.batch)
        self._schedule = Schedule(options.learning_rate, self._steps * options.epochs)

    def run(self) -> list[Epoch]:
        """All epochs that are left; the student then has the weights of the best one.

        Returns:
            The history, from epoch 0, the head on the frozen backbone.
        """
        history = self._begun()
        with Progress(self._options.epochs * len(self._lessons.fit), "images", "learning") as progress:
            progress.begin()
            progress.skip((len(history) - 1) * len(self._lessons.fit))
            while not self._over(history):
                history.append(self._epoch(len(history), progress))
                self._save(history)
        best = self._store.best()
        if best is not None:
            self._student.restore(best.arrays)
        return history

    def _begun(self) -> list[Epoch]:
        """The history so far, with the student in its last state."""
        state = self._store.latest()
        if state is not None:
            self._student.restore(state.arrays)
            return [Epoch(**epoch) for epoch in state.history]
        self._store.clear()
        started = time.perf_counter()
        history = [self._noted(0, None, started)]
        self._save(history)
        return history

    def _over(self, history: list[Epoch]) -> bool:
        last = history[-1].epoch
        return last >= self._options.epochs or last - best_of(history).epoch >= self._options.patience

    def _epoch(self, number: int, progress: Progress) -> Epoch:
        """One walk over the samples, in an order of its own."""
        started, seed = time.perf_counter(), self._lessons.seed
        order = np.random.default_rng([seed, number]).permutation(self._lessons.fit)
        losses, counts = [], []
        first = (number - 1) * self._steps
        for step, (images, positions) in enumerate(self._stream.batches(order), first):
            rate, draw = self._schedule.rate(step), (seed % 2**31, step)
            losses.append(self._student.step(images, self._lessons.targets[positions], rate, draw))
            counts.append(len(positions))
            progress.advance(len(positions))
        if not counts:
            raise DamagedSourceError("Not one picture of the training side can be read any more; restore the images.")
        return self._noted(number, float(np.average(losses, weights=counts)), started)

    def _noted(self, number: int, loss: float | None, started: float) -> Epoch:
        """The line of an epoch in the history."""
        rate = self._schedule.rate(number * self._steps - 1) if number else 0.0
        figures = self._validated()
        return Epoch(number, rate, loss, **figures, seconds=time.perf_counter() - started)

    def _validated(self) -> dict[str, float]:
        """The figures on the validation samples as the student now judges them."""
        scores, seen = [], []
        for images, positions in self._stream.batches(self._lessons.watch):
            scores.append(self._student.scores(images).numpy())
            seen.append(positions)
        if not seen:
            raise DamagedSourceError("Not one picture of the validation side can be read any more; restore the images.")
        probabilities = softmax(np.concatenate(scores), axis=1)
        return validated(self._lessons.labels[np.concatenate(seen)], probabilities, self._lessons.names)

    def _save(self, history: list[Epoch]) -> None:
        newest = best_of(history) is history[-1]
        self._store.save(self._student.state(), [asdict(epoch) for epoch in history], best=newest)
