"""Lists of labelled images: class folders, and annotation folders in the manner of PASCAL VOC.

Annotations are one XML file an image, whose labels are the names of its objects. `ImageSets/Main` may say what is for testing:
the images of `test.txt`, or where that names none, those of `val.txt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from landuse.errors import LabelsError, SourceNotFoundError
from landuse.mosaic.addresses import entries
from landuse.outputs.chip_images import UNLABELLED
from landuse.training.split import Mask, Names

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif"}
ANNOTATIONS, IMAGES = "Annotations", "JPEGImages"
SETS, TEST, VALIDATION, LEARNING = Path("ImageSets", "Main"), "test", "val", ("train", "trainval")
MOST_BYTES = 4_000_000
LONGEST = 1000


@dataclass(frozen=True, eq=False)
class ImageList:
    """Image files with what is known of each.

    Attributes:
        paths: n files, which may be missing or damaged.
        labels: n tuples of label names.
        multi: whether an image may have any number of labels.
        weights: float64 (n,), or None for 1 each.
        groups: object (n,), or None.
        sides: bool (n,), True where given to be held back, or None.
    """

    title: str
    paths: tuple[Path, ...]
    labels: tuple[tuple[str, ...], ...]
    multi: bool = False
    weights: npt.NDArray[np.float64] | None = None
    groups: Names | None = None
    sides: Mask | None = None
    skipped: tuple[str, ...] = ()


def is_multi_label(labels: Sequence[Sequence[str]]) -> bool:
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


@dataclass(frozen=True)
class Annotation:
    """One file: the image it speaks of (None where it names none), and the names of its objects, each once, in order."""

    filename: str | None
    names: tuple[str, ...]


def is_voc(folder: Path) -> bool:
    """Whether a folder holds annotations: XML files in `Annotations`, or beside each other."""
    return bool(_annotation_files(folder))


def voc_images(folder: Path) -> ImageList:
    """The images of an annotation folder. Files that are no annotations are skipped, with the cause.

    Where the lists of `ImageSets` say which images are for testing, those in no list are skipped too.

    Raises:
        SourceNotFoundError: there is not one annotation that can be read.
    """
    paths, labels, skipped, names = [], [], [], []
    lists = read_sets(folder)
    for file in _annotation_files(folder):
        if lists is not None and file.stem not in lists.known:
            skipped.append(f"{file}: it is in none of the lists of {SETS}")
            continue
        try:
            annotation = read_annotation(file)
        except (LabelsError, OSError) as error:
            skipped.append(f"{file}: {' '.join(str(error).split())}")
            continue
        paths.append(_image_of(annotation, file, folder))
        labels.append(annotation.names)
        names.append(file.stem)
    if not paths:
        cause = f"; the first: {skipped[0]}" if skipped else ""
        raise SourceNotFoundError(f"{folder} holds no annotation that can be read{cause}.")
    sides: Mask | None = None if lists is None else np.array([name in lists.held for name in names], bool)
    return ImageList(
        folder.name, tuple(paths), tuple(labels), is_multi_label(labels), sides=sides, skipped=tuple(skipped)
    )


@dataclass(frozen=True)
class ImageSets:
    """The names of images that some list has, and of those that are held back."""

    known: frozenset[str]
    held: frozenset[str]


def read_sets(folder: Path) -> ImageSets | None:
    """The lists of an annotation folder, a name a line; None where they put nothing on two sides."""
    learning = frozenset[str]().union(*(_names(folder, name) for name in LEARNING))
    test, validation = _names(folder, TEST), _names(folder, VALIDATION)
    held = test or validation
    learning = (learning | validation) - held
    return ImageSets(learning | held, held) if held and learning else None


def _names(folder: Path, name: str) -> frozenset[str]:
    """The first word of each line of a list; none where there is no such list, or it is too large to be one."""
    path = folder / SETS / f"{name}.txt"
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return frozenset()
    lines = path.read_text("utf8", errors="replace").splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip())


def read_annotation(path: Path) -> Annotation:
    """Read one file.

    Raises:
        LabelsError: it is too large, no XML, no annotation, or it declares a document type or entities, by which a small
            file can fetch others or grow without bound.
    """
    from defusedxml import DefusedXmlException, ElementTree

    if path.stat().st_size > MOST_BYTES:
        raise LabelsError(f"it is too large to be an annotation ({path.stat().st_size:,} bytes)")
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise LabelsError("it declares a document type or entities, which annotations have no use for") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise LabelsError(f"it is not sound XML ({error})") from error
    if root.tag != "annotation":
        raise LabelsError(f"its outermost element is {root.tag[:40]!r}, not 'annotation'")
    names = [
        _text(name) for name in root.iterfind("object/name")
    ]  # objects' own parts have names too, which do not count
    return Annotation(_text(root.find("filename")) or None, tuple(dict.fromkeys(filter(None, names))))


def _text(element: Element | None) -> str:
    if element is None:
        return ""
    return (element.text or "").strip()[:LONGEST]


def _annotation_files(folder: Path) -> list[Path]:
    """XML files in `Annotations`, or in the folder itself; not the sidecars that GDAL leaves beside images."""
    inside = folder / ANNOTATIONS
    place = inside if inside.is_dir() else folder
    return [p for p in entries(place) if p.suffix == ".xml" and not p.name.lower().endswith(".aux.xml")]


def _image_of(annotation: Annotation, file: Path, folder: Path) -> Path:
    """The image file: by the bare name that the annotation gives or by its own, in `JPEGImages`, beside it or in `folder`.

    Of the name only the last part counts, so that no annotation reaches out of its folder. Where no file exists the first
    place is named, and the image is skipped later.
    """
    name = (annotation.filename or "").replace("\\", "/").rpartition("/")[2]
    names = [name] if Path(name).suffix.lower() in SUFFIXES else [f"{name or file.stem}{s}" for s in sorted(SUFFIXES)]
    places = [folder / IMAGES, file.parent, folder]
    candidates = [place / n for place in places for n in names]
    return next((c for c in candidates if c.is_file()), candidates[0])
