"""`train` as it is asked for: one setting, several compared, or layers that learn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landuse.models.bundle import Bundle
from landuse.options.training import TrainingOptions
from landuse.training.report import Trial


@dataclass(frozen=True, eq=False)
class Trained:
    """The model as written, and what was compared to find it, best first; nothing where there was one setting."""

    bundle: Bundle
    trials: tuple[Trial, ...] = ()


def run_training(data: Sequence[Path], out: Path, options: TrainingOptions) -> Trained:
    """Train as the options say; raises as `train`, `tune` and `fine_tune`."""
    if options.layers is not None:
        from landuse.stages.finetune import fine_tune

        return Trained(fine_tune(data, out, options, options))
    if options.grid or options.folds is not None:
        from landuse.stages.tune import tune

        found = tune(data, out, options, options)
        return Trained(found.bundle, found.trials)
    from landuse.stages.train import train

    return Trained(train(data, out, options))
