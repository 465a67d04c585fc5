"""`Case`: predictions of labelled data with where they come from, and whether the model has learnt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from landuse.chips import ChipSet
from landuse.errors import UsageError
from landuse.evaluation.predictions import Judged, Mask
from landuse.legend import Legend
from landuse.models.bundle import Bundle
from landuse.outputs.record import FileIdentity
from landuse.text import counted
from landuse.training.samples import targets_of


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


def learnt_figures(case: Case) -> dict[str, Any]:
    """How many rows the model has learnt from, and the figures of the others; empty where none is known to be.

    `others` are figures as in metrics.json, None where there are no others. `held_back` is what the model file says of samples
    that were held back when it was trained.
    """
    if case.seen is None or not case.seen.any():
        return {}
    others = case.rows.take(~case.seen)
    return {
        "learnt_from": {
            "rows": int(case.seen.sum()),
            "of": len(case.rows),
            "others": others.figures().as_dict() if len(others) else None,
            "held_back": dict(case.held_back),
        }
    }


def caution(case: Case) -> str:
    """The same as a sentence for the report; empty where no row is known to have been learnt from."""
    found = learnt_figures(case).get("learnt_from")
    if found is None:
        return ""
    said = f"the model has learnt from {found['rows']:,} of the {counted(found['of'], 'row')}, so what follows flatters it."
    if found["others"] is not None:
        left = found["of"] - found["rows"]
        right = found["others"]["accuracy"]
        said += f" Of the {counted(left, 'row')} that it has not learnt from, {right:.1%} {'is' if left == 1 else 'are'} right."
    accuracy = found["held_back"].get("accuracy")
    if isinstance(accuracy, float):
        said += f" Of samples held back when it was trained, {accuracy:.1%} were right."
    return said


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """Labels of n rows as classes.

    Attributes:
        members: bool (n, K), the classes of each row.
        known: bool (n,), whether a row can be compared: it is of a class of the model, or said to be of none.
        unknown: a sentence for each label that the model does not know.
    """

    members: Mask
    known: Mask
    unknown: tuple[str, ...]


def read_labels(labels: Sequence[Sequence[str]], bundle: Bundle, title: str, *, multi: bool) -> ReadLabels:
    """The classes of rows.

    Args:
        labels: the label names of each row.
        bundle: the model.
        title: of the data, for sentences.
        multi: whether some rows have no label or several.

    Raises:
        UsageError: they have, and the model gives one class each.
    """
    if multi and bundle.head.thresholds is None:
        raise UsageError(f"{title} has several labels a row, but this model gives one class each.")
    targets, strange = targets_of(labels, bundle.legend)
    empty = np.array([multi and not row for row in labels], bool)
    unknown = tuple(
        f"{name}: {count:,} rows of a class that the model does not know" for name, count in strange.items()
    )
    return ReadLabels(targets > 0, np.asarray(targets.any(axis=1) | empty), unknown)
