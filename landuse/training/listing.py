"""Lists of labelled images: what class folders, tables and annotation folders have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import SourceNotFoundError
from landuse.files import entries
from landuse.outputs.chip_images import UNLABELLED
from landuse.training.places import Mask
from landuse.training.split import Names

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif"}


@dataclass(frozen=True, eq=False)
class ImageList:
    """Image files with what is known of each.

    Attributes:
        title: what to call them, and a legend made of their labels.
        paths: n files, which may be missing or damaged.
        labels: n tuples of label names.
        multi: whether an image may have any number of labels.
        weights: float64 (n,), or None for 1 each.
        groups: object (n,), or None.
        sides: bool (n,), True where given to be held back, or None.
        skipped: entries that name no usable image, each with its cause.
    """

    title: str
    paths: tuple[Path, ...]
    labels: tuple[tuple[str, ...], ...]
    multi: bool = False
    weights: npt.NDArray[np.float64] | None = None
    groups: Names | None = None
    sides: Mask | None = None
    skipped: tuple[str, ...] = ()


def several(labels: Sequence[Sequence[str]]) -> bool:
    """Whether lists of labels are more than plain labels: some image has none, or two different ones."""
    return any(len(set(names)) != 1 for names in labels)


def class_folders(folder: Path) -> ImageList:
    """Images one level down, sorted by class and name; not those of the folder in which exported chips without a label lie.

    Entries that are hidden or that other programs left there are no classes and no images.

    Raises `SourceNotFoundError` where there are none.
    """
    found = [
        (path, group.name)
        for group in entries(folder)
        if group.is_dir() and group.name != UNLABELLED
        for path in entries(group)
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise SourceNotFoundError(
            f"{folder} holds no chips.parquet, no class folders with images in them, and no annotations as XML."
        )
    return ImageList(folder.name, tuple(path for path, _ in found), tuple((name,) for _, name in found))
