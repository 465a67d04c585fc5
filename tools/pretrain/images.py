"""The images to learn from: class folders with labels, and a folder of images of known places without."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from landuse.errors import SourceNotFoundError
from landuse.models.arrays import Images

SIDE = 256
UNLABELLED = -1
HELD_OUT_SHARE = 0.2
_PLACE = re.compile(r"(?P<city>.+)_(?P<year>\d{4})_(?P<number>\d+)$")
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ImageSet:
    """Images in memory.

    Attributes:
        images: uint8 (n, 256, 256, 3).
        labels: int64 (n,), index into `names`, -1 without a label.
        held_out: bool (n,), True for images that nothing may learn from.
        names: class names.
        places: (n,), name of the place that an image without a label shows; its own name where it stands alone.
    """

    images: Images
    labels: Ints
    held_out: Mask
    names: tuple[str, ...]
    places: tuple[str, ...]

    def of_class(self, label: int) -> Ints:
        """Indices of the images of a class that may be learnt from."""
        return np.flatnonzero((self.labels == label) & ~self.held_out)

    def of_places(self) -> list[Ints]:
        """Indices of the unlabelled images that may be learnt from, one array (its dates) a place."""
        found: dict[str, list[int]] = {}
        for index in np.flatnonzero((self.labels == UNLABELLED) & ~self.held_out):
            found.setdefault(self.places[index], []).append(int(index))
        return [np.array(rows) for rows in found.values()]

    def without(self, classes: Collection[str] = (), cities: Collection[str] = ()) -> ImageSet:
        """The same images, those of these classes and of these cities held out as well."""
        named = np.isin(self.labels, [self.names.index(name) for name in classes])
        placed = np.array([place.rpartition("_")[0] in cities for place in self.places])
        return replace(self, held_out=self.held_out | named | placed)

    @property
    def digest(self) -> str:
        """SHA-256 of all pixels."""
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def read_images(class_folders: Path, aerial: Path | None) -> ImageSet:
    """All JPEG, PNG and TIFF images of `class_folders`/<class>/ and of `aerial`, cut to 256 px.

    In each class the last fifth in the order of the file names is held out: neighbours in that order often show the
    same place, so a random fifth would flatter. Files of `aerial` that are called CITY_YEAR_NUMBER show one place a
    CITY and NUMBER.

    Raises:
        SourceNotFoundError: where there is no class folder with an image.
    """
    names = tuple(sorted(p.name for p in class_folders.iterdir() if p.is_dir()))
    files = [(path, label, rank) for label, name in enumerate(names) for path, rank in _ranked(class_folders / name)]
    if not files:
        raise SourceNotFoundError(f"{class_folders} holds no folder of images: give the folder of class folders.")
    loose = [(path, UNLABELLED, 0.0) for path, _ in _ranked(aerial)] if aerial else []
    images = np.stack([_read(path) for path, _, _ in (*files, *loose)])
    labels = np.array([label for _, label, _ in (*files, *loose)], np.int64)
    held_out = np.array([rank >= 1 - HELD_OUT_SHARE for _, _, rank in (*files, *loose)])
    return ImageSet(images, labels, held_out, names, tuple(_place(path) for path, _, _ in (*files, *loose)))


def _place(path: Path) -> str:
    """CITY_NUMBER of CITY_YEAR_NUMBER, else the file's name."""
    parts = _PLACE.fullmatch(path.stem)
    return f"{parts['city']}_{parts['number']}" if parts else path.stem


def _ranked(folder: Path) -> list[tuple[Path, float]]:
    """Image files in order, each with its rank from 0 up to below 1."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".tiff"))
    return [(path, index / len(files)) for index, path in enumerate(files)]


def _read(path: Path) -> Images:
    """The image as uint8 (256, 256, 3), resized where its sides differ."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        return np.asarray(rgb if rgb.size == (SIDE, SIDE) else rgb.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
