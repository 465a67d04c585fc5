"""Labelled samples as features, of whatever kind the data are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE
from landuse.errors import NoOverlapError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.training.chip_samples import chip_samples, table_chip_samples
from landuse.training.dataset import Samples, SampleSettings, digest_of, strata_of, targets_of
from landuse.training.images import file_features
from landuse.training.learnt import file_marks
from landuse.training.listing import ImageList, class_folders, is_voc, voc_images
from landuse.training.pictures import FilePictures
from landuse.training.split import Layout
from landuse.training.tables import is_table, read_table, table_images

__all__ = ["SampleSettings", "Samples", "read_samples"]


def read_samples(data: Sequence[Path], settings: SampleSettings) -> Samples:
    """Features and targets of labelled data.

    Args:
        data: chip folders made by `tile --labels`; or one folder of class folders or of annotations; or one table.
        settings: backbone, classes, and what is taken of the data.

    Raises:
        SourceNotFoundError: there is nothing of any kind.
        UsageError: chips without labels, several kinds at once, or an option that this kind has no use for.
        ConfigError: a table is not one of labels.
        NoOverlapError: not one sample has a label.
    """
    tables = [p for p in data if p.name == CHIPS_FILE or (p / CHIPS_FILE).is_file()]
    if tables and len(tables) == len(data):
        return chip_samples(tables, settings)
    if tables or len(data) != 1:
        raise UsageError(
            "Give folders of labelled chips, or one folder of class folders or annotations, or one table, not both."
        )
    path = data[0]
    if settings.soft:
        raise UsageError("Soft labels are area shares, which only chips have: give folders of tile --labels.")
    if is_table(path):
        return _of_table(path, settings)
    if not path.is_dir():
        raise SourceNotFoundError(
            f"There is no folder {path} of labelled chips or of class folders, and no such table."
        )
    if settings.group_by is not None:
        raise UsageError(f"{path} has no columns to group by; --group-by is for tables and chips.")
    return image_samples(voc_images(path) if is_voc(path) else class_folders(path), settings)


def _of_table(path: Path, settings: SampleSettings) -> Samples:
    table = read_table(path, settings.group_by)
    if settings.root is not None and not settings.root.is_dir():
        raise SourceNotFoundError(f"There is no folder {settings.root} for the paths of {path}.")
    if table.key == "chip_id":
        return table_chip_samples(table, settings.root or path.parent, settings)
    return image_samples(table_images(table, settings.root), settings)


def image_samples(images: ImageList, settings: SampleSettings) -> Samples:
    """Features and targets of labelled images of any size, those that cannot be read left out and named.

    Raises:
        NoOverlapError: not one label is a class of the legend, or not one image can be read.
    """
    names = sorted({name for labels in images.labels for name in labels})
    if not names:
        raise NoOverlapError(f"Not one image of {images.title} has a label, so there is nothing to learn from.")
    legend = settings.legend or Legend.of_names(names, images.title)
    targets, ignored = targets_of(images.labels, legend)
    known = targets.any(axis=1) | np.array([images.multi and not labels for labels in images.labels], bool)
    if not targets.any():
        raise NoOverlapError(f"Not one label of {images.title} is a class of legend {legend.name}.")
    kept = np.flatnonzero(known)
    found = file_features([images.paths[i] for i in kept], settings.score, settings.cache)
    samples = Samples(
        features=found.features,
        targets=targets[kept],
        weights=np.ones(len(kept)) if images.weights is None else images.weights[kept],
        layout=Layout(
            strata_of(targets[kept]),
            groups=None if images.groups is None else images.groups[kept],
            sides=None if images.sides is None else images.sides[kept],
        ),
        legend=legend,
        digest=digest_of(
            [f"{key.hex()}:{';'.join(images.labels[i])}" for key, i in zip(found.keys, kept, strict=True)]
        ),
        multi=images.multi,
        skipped=(*images.skipped, *found.skipped),
        ignored=ignored,
        pictures=FilePictures(tuple(images.paths[i] for i in kept)),
        marks=file_marks([images.paths[i] for i in kept]),
    )
    read = np.asarray(np.isfinite(found.features).all(axis=1))
    if not read.any():
        raise NoOverlapError(f"Not one image of {images.title} can be read; the first: {found.skipped[0]}.")
    return samples.take(read)
