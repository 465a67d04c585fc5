"""What a user may choose of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landuse.errors import UsageError
from landuse.models.foreign import Declared
from landuse.models.preprocess import PREPROCESSING
from landuse.training.balance import Balance, BalanceRule
from landuse.training.fitting import HeadRule
from landuse.training.split import SplitRule


@dataclass(frozen=True)
class TrainOptions(HeadRule):
    """What a user may choose: a head, as `HeadRule` has it, and all else. The seed is also of the split and of random weights.

    Attributes:
        backbone: name of a backbone, or a model file whose backbone serves.
        weights: ``imagenet``, ``random`` or a file; None takes the backbone's own.
        preprocess: how images are prepared for a `.keras` or `.onnx` backbone: a name of `PREPROCESSING`.
        input_px: pixels of such a backbone's input; None takes what its file states.
        feature_layer: layer of such a backbone that makes the features; None takes the last global pooling.
        legend: legend name or file for images; None makes one of their labels.
        min_purity: least share of a chip under its label.
        root: folder that the paths of a table are relative to; None is the table's own.
        soft_labels: learn a chip's area shares, not its label alone.
        holdout: share of the samples held back to calibrate and to measure.
        block_m: side of the squares of land that stay on one side of the split, metres; None is eight chips.
        buffer_m: least ground between a sample trained on and one held back, metres.
        group_by: column whose groups stay on one side of the split.
        balance: ``weights``, ``downsample`` or ``none``.
        class_weights: factors for classes by name.
        doubt_odds: leave out samples whose label is this many times less likely than another class; None keeps all.
        parts: address where workers leave features if they do not share this machine's disk.
        cache: keep features, and use those kept.
        fresh: replace an existing model file.
    """

    backbone: str = "builtin"
    weights: str | None = None
    preprocess: str | None = None
    input_px: int | None = None
    feature_layer: str | None = None
    legend: str | None = None
    min_purity: float = 0.0
    root: Path | None = None
    soft_labels: bool = False
    holdout: float = 0.2
    block_m: float | None = None
    buffer_m: float = 0.0
    group_by: str | None = None
    balance: Balance = "weights"
    class_weights: Mapping[str, float] = field(default_factory=dict)
    doubt_odds: float | None = None
    parts: str | None = None
    cache: bool = True
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.preprocess is not None and self.preprocess not in PREPROCESSING:
            raise UsageError(f"No preprocessing {self.preprocess!r}: choose one of {', '.join(PREPROCESSING)}.")
        if self.doubt_odds is not None and self.doubt_odds <= 1:
            raise UsageError(f"--doubt-odds must be above 1, not {self.doubt_odds:g}.")
        super().__post_init__()

    @property
    def declared(self) -> Declared | None:
        """What is said of a foreign backbone; None where nothing is."""
        if self.preprocess is None:
            return None
        return Declared(PREPROCESSING[self.preprocess], self.input_px, self.feature_layer)

    @property
    def split_rule(self) -> SplitRule:
        """How samples are held back."""
        return SplitRule(self.holdout, self.seed, self.block_m, self.buffer_m)

    @property
    def balance_rule(self) -> BalanceRule:
        """How classes are brought to weight."""
        return BalanceRule(self.balance, self.class_weights, self.seed)
