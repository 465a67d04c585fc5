"""A model on the labelled chips of a chip table."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import ChipSet, read_chips
from landuse.engine.progress import Progress
from landuse.errors import ConfigError, NoOverlapError, UsageError
from landuse.evaluation.predictions import Mask, Names, predictions_of
from landuse.judging.case import Case, read_labels
from landuse.legend import MOST_CODE, CodeArray, Legend
from landuse.models.bundle import Bundle
from landuse.outputs.record import identify
from landuse.scoring import ScoreSettings, score_chips
from landuse.training.chip_samples import chip_groups, find_chips, strangers
from landuse.training.learnt import Learnt, chip_marks
from landuse.training.tables import LabelTable

SPAN = 8
"""Chips of a block's side: those of one block are drawn together, because neighbours are alike."""


def judge_chips(bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None) -> Case:
    """Predictions of the labelled chips of a chip table.

    Args:
        bundle: the model, for its legend.
        data: folder of `tile --labels`, or its chip table.
        settings: the model's file, and how it is run.
        group_by: column that says which chips belong together; None takes blocks of 8 x 8 cells.

    Raises:
        UsageError: the chips carry no labels.
        NoOverlapError: not one has a label.
        ConfigError: a label is no class of the model.
        ChipTableError: the chip table lacks the column.
    """
    table = read_chips(data)
    if table.legend is None or table.labels is None:
        raise UsageError(
            f"The chips of {data} carry no labels; cut them with landuse tile --labels FILE --legend NAME."
        )
    labelled = table.labels > 0
    chips = table.subset(labelled)
    if not len(chips) or chips.labels is None:
        raise NoOverlapError(f"Not one chip of {data} has a label, so there is nothing to compare with.")
    members = positions(chips.labels, table.legend, bundle.legend)[:, None] == np.arange(len(bundle.legend))
    groups = block_names(chips) if group_by is None else chip_groups(data, table, group_by)[labelled]
    return score_case(bundle, LabelledChips(chips, members, groups, group_by), settings)


def judge_chip_table(
    bundle: Bundle, table: LabelTable, settings: ScoreSettings, group_by: str | None = None, root: Path | None = None
) -> Case:
    """Predictions of the chips that a table labels by their ids, with one class each or several.

    Of a table with the column `split` only the rows that are held back count: those to train on would flatter the model.

    Args:
        bundle: the model.
        table: the labels.
        settings: the model's file, and how it is run.
        group_by: column of the table that says which chips belong together; None takes blocks of 8 x 8 cells.
        root: folder of the chip table; None is that of the table of labels.

    Raises:
        UsageError: several labels a chip, and a model that gives one.
        NoOverlapError: not one chip of the table is there and of a class of the model.
        ConfigError: the table has a chip twice.
    """
    folder = root or table.path.parent
    every, found = find_chips(table, folder)
    labels = read_labels(table.labels, bundle, str(table.path), multi=table.multi)
    counted = np.ones(len(found), bool) if table.sides is None else table.sides
    lines = np.flatnonzero((found >= 0) & labels.known & counted)
    if not len(lines):
        raise NoOverlapError(
            f"Not one line of {table.path} gives a chip of {folder} a class that the model knows: "
            f"{', '.join(bundle.legend.names)}."
        )
    lines = lines[np.argsort(found[lines])]
    chips = every.take(found[lines])
    groups = block_names(chips) if table.groups is None else table.groups[lines]
    work = LabelledChips(chips, labels.members[lines], groups, group_by)
    case = score_case(bundle, work, settings)
    left_out = (*table.skipped, *strangers(table, found, folder), *case.skipped, *labels.unknown)
    return replace(case, inputs=(*case.inputs, identify(table.path)), skipped=left_out)


@dataclass(frozen=True, eq=False)
class LabelledChips:
    """Chips, their classes bool (n, K), what of them belongs together (n,), and the column that says so."""

    chips: ChipSet
    members: Mask
    groups: Names
    column: str | None


def score_case(bundle: Bundle, work: LabelledChips, settings: ScoreSettings) -> Case:
    """The model's answers for labelled chips beside their labels."""
    chips = work.chips
    with (
        tempfile.TemporaryDirectory(prefix="landuse-") as parts,
        Progress(len(chips), "chips", "classifying") as progress,
    ):
        scores = score_chips(chips, settings, Path(parts), progress)
    read = np.asarray(np.isfinite(scores.probabilities).all(axis=1), np.bool_)
    answers, limits = scores.probabilities[read], bundle.head.thresholds
    judged, learnt = chips.subset(read), Learnt.of(bundle.training)
    return Case(
        predictions_of(bundle.legend.names, work.members[read], answers, limits, work.groups[read]),
        (*scores.inputs, identify(settings.model)),
        f"blocks of {SPAN} x {SPAN} cells" if work.column is None else f"values of {work.column}",
        bundle.legend,
        tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined),
        judged,
        seen=None if learnt is None else learnt.holds(chip_marks(judged)),
        held_back=bundle.metrics,
    )


def positions(labels: CodeArray, legend: Legend, known: Legend) -> npt.NDArray[np.int64]:
    """Positions (n,) of label codes in the model's legend, by class name. Raises `ConfigError` for a class it lacks."""
    table = np.full(MOST_CODE + 1, -1, np.int64)
    for c in legend.classes:
        table[c.code] = known.positions(np.array(known.code_of(c.name), known.dtype))
    strange = np.unique(labels[table[labels] < 0]).tolist()
    if strange:
        raise ConfigError(
            f"The data have the class {legend.name_of(strange[0])!r}, which the model does not know; "
            f"it knows {', '.join(known.names)}."
        )
    return table[labels]


def block_names(chips: ChipSet) -> Names:
    """The block of 8 x 8 cells that each chip lies in, as text (n,)."""
    blocks = zip((chips.rows // SPAN).tolist(), (chips.cols // SPAN).tolist(), strict=True)
    return np.array([f"{row} {col}" for row, col in blocks], dtype=object)
