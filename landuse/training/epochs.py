"""The epochs of fine-tuning: steps over shuffled pictures, a look at the validation samples, and states on disk after each.

A training goes on from its last whole epoch, and ends when nothing gets better.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.special import softmax

from landuse.engine.progress import Progress
from landuse.errors import DamagedSourceError
from landuse.grid import IntArray
from landuse.models.libraries import Floats
from landuse.options.training import FineTuneOptions
from landuse.training.pictures import PictureStream
from landuse.training.report import Epoch, best_of, validated

if TYPE_CHECKING:
    from landuse.training.network import TrainableNetwork

WARM_UP = 0.1
"""Share of all steps in which the rate grows."""
LATEST, BEST = "epoch-", "best"
SUFFIX, PARTIAL = ".safetensors", ".partial"
KEPT = 2
"""Epochs whose state is kept: should the newest be damaged, the one before serves."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The samples of a fine-tuning, and its targets.

    Attributes:
        train: int64 (m,), positions of the samples that steps are taken on.
        targets: float32 (n, K), what each of them counts for each class; 0 for the others.
        validation: int64 (v,), positions of the validation samples.
        labels: int64 (n,), class of every sample.
        seed: of the order and of the changes of the images.
    """

    train: IntArray
    targets: Floats
    validation: IntArray
    labels: IntArray
    names: Sequence[str]
    seed: int


class Training:
    """One training, which goes on where an earlier one of the same key ended."""

    def __init__(
        self,
        network: TrainableNetwork,
        stream: PictureStream,
        data: TrainingSet,
        options: FineTuneOptions,
        store: CheckpointStore,
    ) -> None:
        self._network, self._stream, self._data = network, stream, data
        self._options, self._store = options, store
        self._steps = -(-len(data.train) // options.batch)
        self._schedule = Schedule(options.learning_rate, self._steps * options.epochs)

    def run(self) -> list[Epoch]:
        """All epochs that are left; the network then has the weights of the best one.

        Returns:
            The history, from epoch 0, the head on the frozen backbone.
        """
        history = self._begun()
        with Progress(self._options.epochs * len(self._data.train), "images", "learning") as progress:
            progress.begin()
            progress.skip((len(history) - 1) * len(self._data.train))
            while not self._over(history):
                history.append(self._epoch(len(history), progress))
                self._save(history)
        best = self._store.best()
        if best is not None:
            self._network.restore(best.arrays)
        return history

    def _begun(self) -> list[Epoch]:
        state = self._store.latest()
        if state is not None:
            self._network.restore(state.arrays)
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
        started, seed = time.perf_counter(), self._data.seed
        order = np.random.default_rng([seed, number]).permutation(self._data.train)
        losses, counts = [], []
        first = (number - 1) * self._steps
        for step, (images, positions) in enumerate(self._stream.batches(order), first):
            rate, draw = self._schedule.rate(step), (seed % 2**31, step)
            losses.append(self._network.step(images, self._data.targets[positions], rate, draw))
            counts.append(len(positions))
            progress.advance(len(positions))
        if not counts:
            raise DamagedSourceError("Not one picture of the training side can be read any more; restore the images.")
        return self._noted(number, float(np.average(losses, weights=counts)), started)

    def _noted(self, number: int, loss: float | None, started: float) -> Epoch:
        rate = self._schedule.rate(number * self._steps - 1) if number else 0.0
        figures = self._validated()
        return Epoch(number, rate, loss, **figures, seconds=time.perf_counter() - started)

    def _validated(self) -> dict[str, float]:
        scores, seen = [], []
        for images, positions in self._stream.batches(self._data.validation):
            scores.append(self._network.scores(images).numpy())
            seen.append(positions)
        if not seen:
            raise DamagedSourceError("Not one picture of the validation side can be read any more; restore the images.")
        probabilities = softmax(np.concatenate(scores), axis=1)
        return validated(self._data.labels[np.concatenate(seen)], probabilities, self._data.names)

    def _save(self, history: list[Epoch]) -> None:
        newest = best_of(history) is history[-1]
        self._store.save(self._network.state(), [asdict(epoch) for epoch in history], best=newest)


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017, without restarts)."""

    peak: float
    steps: int

    def rate(self, step: int) -> float:
        """The rate of a step; the first is 0."""
        warm = max(1, round(WARM_UP * self.steps))
        if step < warm:
            return self.peak * (step + 1) / warm
        return self.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A state.

    Attributes:
        history: what was noted of each epoch so far, JSON data.
    """

    arrays: Mapping[str, Any]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class CheckpointStore:
    """The states of one training.

    Attributes:
        key: digest of all that shapes the training; states of another are not used.
    """

    folder: Path
    key: str

    def save(self, arrays: Mapping[str, Any], history: list[dict[str, Any]], *, best: bool) -> None:
        """Keep the state after the last epoch of the history; the oldest states go."""
        epoch = history[-1]["epoch"]
        if best:
            self._write(BEST, arrays, history)
        self._write(f"{LATEST}{epoch:04d}", arrays, history)
        for path in sorted(self.folder.glob(f"{LATEST}*{SUFFIX}"))[:-KEPT]:
            path.unlink(missing_ok=True)

    def latest(self) -> Checkpoint | None:
        """The state after the last whole epoch; None where there is none of this training."""
        found = (self._read(path) for path in sorted(self.folder.glob(f"{LATEST}*{SUFFIX}"), reverse=True))
        return next((state for state in found if state is not None), None)

    def best(self) -> Checkpoint | None:
        """The state of the best epoch."""
        return self._read(self.folder / f"{BEST}{SUFFIX}")

    def clear(self) -> None:
        """Remove all states."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, arrays: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}{PARTIAL}"
        save_file(dict(arrays), partial, metadata={"key": self.key, "history": json.dumps(history)})
        partial.replace(self.folder / f"{name}{SUFFIX}")

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            with safe_open(path, framework="numpy") as file:
                said = file.metadata() or {}
                if said.get("key") != self.key:
                    return None
                return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, json.loads(said["history"]))  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError):
            return None
