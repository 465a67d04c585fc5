"""What a user may choose of a fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from landuse.errors import UsageError
from landuse.models.runtime import Precision

Layers = Literal["last-block", "all"] | int
LAST_BLOCK: Literal["last-block"] = "last-block"
ALL: Literal["all"] = "all"


@dataclass(frozen=True)
class FineTuneOptions:
    """How the backbone learns on.

    Attributes:
        layers: ``last-block``: what works at the coarsest resolution; ``all``; or so many convolutions and dense layers,
            counted from the top.
        epochs: at most so many.
        batch: images of a step.
        learning_rate: at its height, after the warm-up.
        patience: stop after so many epochs without a better validation loss.
        train_batch_norm: batch norms learn too, and take up the statistics of these images.
        augment: turn, mirror, scale and light each image anew in each epoch.
        precision: arithmetic of the steps; ``auto`` takes bf16 where the processor or the GPU has it.
    """

    layers: Layers = LAST_BLOCK
    epochs: int = 20
    batch: int = 32
    learning_rate: float = 3e-4
    patience: int = 5
    train_batch_norm: bool = False
    augment: bool = True
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.layers, int) and self.layers < 1:
            raise UsageError(f"--fine-tune {self.layers} trains no layer; give last-block, all or a number from 1.")
        if min(self.epochs, self.batch, self.patience) < 1 or not 0 < self.learning_rate < 1:
            raise UsageError(
                "Epochs, batch and patience are numbers from 1, and the learning rate lies between 0 and 1."
            )


def parse_layers(text: str) -> Layers:
    """``last-block``, ``all`` or a number such as ``4`` or ``4-layers``. Raises `UsageError` for anything else."""
    if text == LAST_BLOCK:
        return LAST_BLOCK
    if text == ALL:
        return ALL
    number = text.removesuffix("-layers").removesuffix("-layer")
    if number.isascii() and number.isdigit() and int(number):
        return int(number)
    raise UsageError(f"--fine-tune is last-block, all or a number of layers from the top, not {text!r}.")
