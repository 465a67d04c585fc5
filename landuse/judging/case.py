"""`Case`: predictions, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landuse.chips import ChipSet
from landuse.evaluation.predictions import Judged, Mask
from landuse.legend import Legend
from landuse.outputs.record import FileIdentity


@dataclass(frozen=True, eq=False)
class Case:
    """Predictions with where they come from.

    Attributes:
        rows: reference and prediction of every row.
        inputs: the files read.
        unit: what the rows' groups are; "row" where each stands alone.
        legend: of the classes, where it is known.
        skipped: rows that could not be read, each with its cause.
        chips: those of the rows, where they are places.
        paths: the images of the rows, where they are files.
        seen: bool (n,), rows that the model has learnt from; None where that is not known.
        held_back: figures of the model file, of samples that were held back when it was trained.
    """

    rows: Judged
    inputs: tuple[FileIdentity, ...]
    unit: str = "row"
    legend: Legend | None = None
    skipped: tuple[str, ...] = ()
    chips: ChipSet | None = None
    paths: tuple[Path, ...] = ()
    seen: Mask | None = None
    held_back: Mapping[str, Any] = field(default_factory=dict)
