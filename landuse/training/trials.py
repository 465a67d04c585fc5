"""Settings that were tried, with how each did on every fold, and the tables that say so."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from landuse.options.training import Measure

MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True)
class FoldScore:
    """How a setting did on one fold: samples judged, the measures, and the seconds that the fit took."""

    samples: int
    accuracy: float
    f1: float
    log_loss: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """A setting with its score on each fold."""

    setting: Mapping[str, Any]
    scores: tuple[FoldScore, ...]

    def mean(self, measure: str) -> float:
        """Mean of a measure over the folds, each weighing as many samples as it has."""
        return float(np.average([getattr(s, measure) for s in self.scores], weights=[s.samples for s in self.scores]))

    def spread(self, measure: str) -> float:
        """Standard deviation of a measure over the folds."""
        return float(np.std([getattr(s, measure) for s in self.scores]))


def write_trials(path: Path, trials: Sequence[Trial]) -> None:
    """Write a line a trial, best first: rank, setting, mean and spread of each measure, seconds of all its fits."""
    names = list(trials[0].setting)
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        header = [f"{m}{s}" for m in MEASURES for s in ("", "_sd")]
        writer.writerow(["rank", *names, *header, "folds", "seconds"])
        for rank, trial in enumerate(trials, 1):
            values = [_text(trial.setting[name]) for name in names]
            scores = [f"{f(m):.6f}" for m in MEASURES for f in (trial.mean, trial.spread)]
            writer.writerow([rank, *values, *scores, len(trial.scores), f"{sum(s.seconds for s in trial.scores):.2f}"])


def write_folds(path: Path, trial: Trial) -> None:
    """Write a line a fold of a trial: its samples, its measures, and the seconds of its fit."""
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["fold", "samples", *MEASURES, "seconds"])
        for number, score in enumerate(trial.scores, 1):
            figures = [f"{getattr(score, measure):.6f}" for measure in MEASURES]
            writer.writerow([number, score.samples, *figures, f"{score.seconds:.2f}"])


def _text(value: Any) -> str:  # noqa: ANN401
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
