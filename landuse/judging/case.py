"""`Case`: predictions, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landuse.chips import ChipSet
from landuse.evaluation.predictions import Judged
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
    """

    rows: Judged
    inputs: tuple[FileIdentity, ...]
    unit: str = "row"
    legend: Legend | None = None
    skipped: tuple[str, ...] = ()
    chips: ChipSet | None = None
    paths: tuple[Path, ...] = ()
