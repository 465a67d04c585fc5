"""Which samples are for what: steps, stopping in time, calibration, judgement. No sample serves two of the first three."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.training.samples import Samples
from landuse.training.split import Split, SplitRule, split


@dataclass(frozen=True, eq=False)
class Sides:
    """Who learns, who watches, who calibrates, who judges; int64 positions of samples.

    Attributes:
        fit: steps are taken on them.
        watch: they say when to stop, and which epoch is kept.
        held: they calibrate; where the data give no test side, they also judge, each by a calibration without its fold.
        test: given by the data, used for the figures alone; else empty.
        parts: the split into training and held back that the model file reports.
    """

    fit: IntArray
    watch: IntArray
    held: IntArray
    test: IntArray
    parts: Split


def sides_of(samples: Samples, rule: SplitRule) -> Sides:
    """Split the samples as `train` does, and the training side once more by the same rule."""
    if samples.multi:
        raise UsageError("The samples carry lists of labels; fine-tuning learns one class a sample.")
    every = np.arange(len(samples))
    parts = split(samples.layout, rule)
    known, held, test = every[parts.train], every[parts.test], np.empty(0, np.int64)
    if parts.kind == "given":
        test = held
        known, held = _halved(samples, known, rule, 1)
    fit, watch = _halved(samples, known, rule, 2)
    if not (len(held) and len(watch)):
        raise UsageError(
            "Fine-tuning holds samples back twice, to stop in time and to calibrate, and these cannot be split so: give a "
            "--holdout above 0, a smaller --block-m or more data."
        )
    return Sides(fit, watch, held, test, parts)


def _halved(samples: Samples, rows: IntArray, rule: SplitRule, draw: int) -> tuple[IntArray, IntArray]:
    """Some samples split again by the rule of the options: those trained on, and those held back."""
    found = split(replace(samples.take(rows).layout, sides=None), replace(rule, seed=rule.seed + draw))
    return rows[found.train], rows[found.test]
