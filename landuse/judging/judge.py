"""A model on labelled data of whatever kind: chips, and image files in class folders, tables and annotation folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE
from landuse.errors import NoOverlapError, SourceNotFoundError, UsageError
from landuse.evaluation.predictions import predictions_of
from landuse.judging.case import Case, read_labels
from landuse.judging.chips import judge_chip_table, judge_chips
from landuse.models.bundle import Bundle
from landuse.outputs.record import identify
from landuse.scoring import ScoreSettings
from landuse.training.images import file_features
from landuse.training.learnt import Learnt, file_marks
from landuse.training.listing import ImageList, class_folders, is_voc, voc_images
from landuse.training.tables import is_table, read_table, table_images


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
    paths, learnt = tuple(images.paths[i] for i in seen), Learnt.of(bundle.training)
    answers = bundle.head.apply(found.features[read])
    groups = None if images.groups is None else images.groups[seen]
    return Case(
        predictions_of(bundle.legend.names, labels.members[seen], answers, bundle.head.thresholds, groups),
        (identify(settings.model), *((identify(data),) if data.is_file() else ())),
        "row" if groups is None else f"values of {group_by}",
        bundle.legend,
        (*images.skipped, *found.skipped, *labels.unknown),
        paths=paths,
        seen=None if learnt is None else learnt.holds(file_marks(paths)),
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
