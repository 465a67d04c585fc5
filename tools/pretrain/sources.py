"""Collections of labelled images to learn from, in the classes of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from landuse.errors import SourceNotFoundError
from landuse.legend import Legend
from landuse.models.libraries import Images

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff"})
HELD_OUT_SHARE = 0.2
SIDE = 256
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Source:
    """Images of one collection; neighbours in the order of the files often show one place.

    Attributes:
        name: of the collection.
        folders: names of its class folders.
        paths: the images, class by class, each class in the order of its files.
        labels: int64 (n,), index in `folders`.
        ranks: float64 (n,), place of an image in its class, from 0 up to below 1.
    """

    name: str
    folders: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Ints
    ranks: npt.NDArray[np.float64]

    @property
    def held_out(self) -> Mask:
        """The last fifth of each class, which nothing is fitted on: a random fifth would flatter."""
        return self.ranks >= 1 - HELD_OUT_SHARE

    def classes(self, legend: Legend) -> Ints:
        """Index in a legend of each image's class, int64 (n,), -1 where the legend leaves it out."""
        index = {code: position for position, code in enumerate(legend.codes)}
        return np.array([index.get(legend.code_of(name), -1) for name in self.folders], np.int64)[self.labels]

    def take(self, chosen: npt.NDArray[np.integer]) -> Source:
        """Some of the images."""
        paths = tuple(self.paths[int(row)] for row in chosen)
        return Source(self.name, self.folders, paths, self.labels[chosen], self.ranks[chosen])

    def images(self, side: int = SIDE) -> Images:
        """The pixels, uint8 (n, side, side, 3)."""
        return np.stack([read(path, side) for path in self.paths])


def read_source(folder: Path, every: int = 1, most: int | None = None) -> Source:
    """One of `every` images of `folder`/<class>/, from the first `most` of each class where that is given.

    Raises:
        SourceNotFoundError: there is no class folder with an image.
    """
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))
    files = [
        sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES)[:most:every] for name in names
    ]
    if not any(files):
        raise SourceNotFoundError(f"{folder} holds no folder of images: give the folder of class folders.")
    labels = np.repeat(np.arange(len(names)), [len(found) for found in files])
    ranks = np.concatenate([np.arange(len(found)) / max(1, len(found)) for found in files])
    return Source(folder.name, names, tuple(path for found in files for path in found), labels, ranks)


def read(path: Path, side: int) -> Images:
    """An image as uint8 (side, side, 3)."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        method = Image.Resampling.BICUBIC if max(rgb.size) > side else Image.Resampling.BILINEAR
        return np.asarray(rgb if rgb.size == (side, side) else rgb.resize((side, side), method))


def differences(images: Images) -> npt.NDArray[np.bool_]:
    """Difference hashes, bool (n, 256): whether each of 16 x 16 cells is brighter than its eastern neighbour.

    Two images of one scene differ in few bits, whatever their size, light and compression.
    """
    small = [np.asarray(Image.fromarray(image).convert("L").resize((17, 16), Image.Resampling.BOX)) for image in images]
    grey = np.stack(small).astype(np.int64)
    return np.asarray((np.diff(grey, axis=2) > 0).reshape(len(images), -1))


def near_duplicates(sources: Sequence[Source], most: int = 26) -> list[tuple[Path, Path]]:
    """Pairs of images of different collections whose hashes differ in at most `most` of 256 bits."""
    hashes = [differences(source.images()).astype(np.float32) for source in sources]
    found = []
    for first in range(len(sources)):
        for second in range(first + 1, len(sources)):
            one, other = hashes[first], hashes[second]
            apart = one.sum(axis=1)[:, None] + other.sum(axis=1) - 2 * one @ other.T
            rows, cols = np.nonzero(apart <= most)
            pairs = zip(rows.tolist(), cols.tolist(), strict=True)
            found += [(sources[first].paths[row], sources[second].paths[col]) for row, col in pairs]
    return found
