"""Labelled samples as features, of whatever kind the data are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landuse.chips import CHIPS_FILE
from landuse.errors import SourceNotFoundError, UsageError
from landuse.training.chip_samples import chip_samples, table_chip_samples
from landuse.training.dataset import Samples, SampleSettings
from landuse.training.image_samples import image_samples
from landuse.training.listing import class_folders
from landuse.training.tables import is_table, read_table, table_images
from landuse.training.voc import is_voc, voc_images

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
