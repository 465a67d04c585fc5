"""A model on labelled data of whatever kind: chips, and image files in class folders, tables and annotation folders."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import CHIPS_FILE, ChipSet, read_chips
from landuse.engine.progress import Progress
from landuse.errors import ConfigError, NoOverlapError, SourceNotFoundError, UsageError
from landuse.evaluation.predictions import Mask, Names, predictions_of
from landuse.judging.case import Case, read_labels
from landuse.legend import MOST_CODE, CodeArray, Legend
from landuse.models.bundle import Bundle
from landuse.outputs.record import identify
from landuse.scoring import ScoreSettings, score_chips
from landuse.training.chip_samples import chip_groups, find_chips, strangers
from landuse.training.listing import ImageList, class_folders, is_voc, voc_images
from landuse.training.reading import file_features
from landuse.training.sample_marks import SampleMarks, chip_marks, file_marks
from landuse.training.tables import LabelTable, is_table, read_table, table_images

SPAN = 8
"""Chips of a block's side: those of one block are drawn together, because neighbours are alike."""


def judge(
    bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None, root: Path | None = None
) -> Case:
    """Predictions of labelled data; see `judge_chips`, `judge_chip_table` and `judge_images`."""
    if data.name == CHIPS_FILE or (data / CHIPS_FILE).is_file():
        return judge_chips(bundle, data, settings, group_by)
    if is_table(data):
        table = read_table(data, group_by)
        if table.key == "chip_id":
            return judge_chip_table(bundle, table, settings, group_by, root)
    return judge_images(bundle, data, settings, group_by, root)


def judge_images(
    bundle: Bundle, data: Path, settings: ScoreSettings, group_by: str | None = None, root: Path | None = None
) -> Case:
    """Predictions of labelled images.

    Where a table has the column `split`, or annotations a list of what is for testing, only what is held back counts: what
    is to train on would flatter the model.

    Args:
        bundle: the model.
        data: a folder of class folders or of annotations, or a table with the columns path and label.
        settings: the model's file, and how it is run.
        group_by: column of a table that says which images belong together.
        root: folder that the paths of a table are relative to; None is the table's own.

    Raises:
        SourceNotFoundError: there is nothing of any kind.
        UsageError: several labels an image and a model that gives one, or an option that this kind of data has no use for.
        NoOverlapError: not one image is of a class of the model, or can be read.
    """
    images = list_images(data, group_by, root)
    labels = read_labels(images.labels, bundle, str(data), multi=images.multi)
    kept = np.flatnonzero(labels.known & (True if images.sides is None else images.sides))
    if not len(kept):
        raise NoOverlapError(
            f"Not one image of {data} is of a class that the model knows: {', '.join(bundle.legend.names)}."
        )
    found = file_features([images.paths[i] for i in kept], settings)
    read = np.asarray(np.isfinite(found.features).all(axis=1), np.bool_)
    if not read.any():
        raise NoOverlapError(f"Not one image of {data} can be read; the first: {found.skipped[0]}.")
    seen = kept[read]
    paths, marks = tuple(images.paths[i] for i in seen), SampleMarks.of(bundle.training)
    answers = bundle.head.apply(found.features[read])
    groups = None if images.groups is None else images.groups[seen]
    return Case(
        predictions_of(bundle.legend.names, labels.members[seen], answers, bundle.head.thresholds, groups),
        (identify(settings.model), *((identify(data),) if data.is_file() else ())),
        "row" if groups is None else f"values of {group_by}",
        bundle.legend,
        (*images.skipped, *found.skipped, *labels.unknown),
        paths=paths,
        seen=None if marks is None else marks.holds(file_marks(paths)),
        held_back=bundle.metrics,
    )


def list_images(data: Path, group_by: str | None, root: Path | None) -> ImageList:
    """The labelled images of a folder or a table; see `judge_images` for what is raised."""
    if is_table(data):
        table = read_table(data, group_by)
        return table_images(table, root)
    if not data.is_dir():
        raise SourceNotFoundError(
            f"There is no folder {data} of labelled chips or of class folders, and no such table."
        )
    if group_by is not None:
        raise UsageError(f"{data} has no columns to group by; --group-by is for tables and chips.")
    return voc_images(data) if is_voc(data) else class_folders(data)


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
    judged, marks = chips.subset(read), SampleMarks.of(bundle.training)
    return Case(
        predictions_of(bundle.legend.names, work.members[read], answers, limits, work.groups[read]),
        (*scores.inputs, identify(settings.model)),
        f"blocks of {SPAN} x {SPAN} cells" if work.column is None else f"values of {work.column}",
        bundle.legend,
        tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined),
        judged,
        seen=None if marks is None else marks.holds(chip_marks(judged)),
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
