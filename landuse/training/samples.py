"""Labelled samples as features: from chip tables, or from a folder of class folders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.chips import CHIPS_FILE, ChipSet, read_chips
from landuse.engine.progress import Progress
from landuse.errors import GridMismatchError, NoOverlapError, SourceNotFoundError, UsageError
from landuse.export import folder_names
from landuse.grid import IntArray
from landuse.legend import Legend
from landuse.scoring import ScoreSettings, score_chips
from landuse.training.images import find_images, image_features

BLOCK_CELLS = 8
"""Side of the squares of cells that stay on one side of a split: 1.8 km for chips of 224 m."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples.

    Attributes:
        features: float32 (n, d).
        labels: uint8 (n,), class codes of `legend`.
        groups: int64 (n,); samples of one group stay on one side of every split.
        legend: the classes.
        digest: of what they were made from.
        skipped: samples that could not be read, each with its cause.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    groups: IntArray
    legend: Legend
    digest: str
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class SampleSettings:
    """How samples are read.

    Attributes:
        score: the backbone and where it runs; features are kept.
        legend: classes for class folders; None makes one of the folder names.
        min_purity: least share of a chip under its label.
        parts: folder for results of blocks.
    """

    score: ScoreSettings
    legend: Legend | None
    min_purity: float
    parts: Path


def read_samples(data: Sequence[Path], settings: SampleSettings) -> Samples:
    """Features and labels of chip folders made by `tile --labels`, or of one folder of class folders.

    Raises:
        SourceNotFoundError: there is nothing of either kind.
        UsageError: chips without labels, or both kinds at once.
        NoOverlapError: not one sample has a label.
    """
    tables = [p for p in data if p.name == CHIPS_FILE or (p / CHIPS_FILE).is_file()]
    if tables and len(tables) == len(data):
        return chip_samples([read_chips(p) for p in tables], settings)
    if tables or len(data) != 1:
        raise UsageError("Give folders of labelled chips, or one folder of class folders, not both.")
    if not data[0].is_dir():
        raise SourceNotFoundError(f"There is no folder {data[0]} of labelled chips or of class folders.")
    return folder_samples(data[0], settings)


def chip_samples(tables: Sequence[ChipSet], settings: SampleSettings) -> Samples:
    """Samples of one or more labelled chip tables on one lattice. The same place of two years is one group."""
    check_tables(tables)
    legend = tables[0].legend
    if legend is None:
        raise UsageError("The chips carry no labels; cut them with landuse tile --labels FILE --legend NAME.")
    with Progress(sum(map(len, tables)), "chips") as progress:
        pieces = [_labelled(table, settings, progress) for table in tables]
    if not any(len(p) for p in pieces):
        raise NoOverlapError("Not one chip has a label, so there is nothing to learn from.")
    return Samples(
        features=np.concatenate([p.features for p in pieces]),
        labels=np.concatenate([p.labels for p in pieces]),
        groups=np.concatenate([p.groups for p in pieces]),
        legend=legend,
        digest=_digest([p.digest for p in pieces]),
        skipped=tuple(s for p in pieces for s in p.skipped),
    )


def check_tables(tables: Sequence[ChipSet]) -> None:
    """Raise unless all tables share one lattice and one legend."""
    first = tables[0]
    for other in tables[1:]:
        if not first.grid.same_lattice(other.grid):
            raise GridMismatchError(
                "The chip folders lie on different lattices; cut them with the same --crs and --chip-size."
            )
        if other.legend != first.legend:
            raise UsageError("The chip folders have different legends; cut them with the same --legend.")


def _labelled(table: ChipSet, settings: SampleSettings, progress: Progress) -> Samples:
    """Features of the labelled chips of one table, those that cannot be read left out and named."""
    if table.labels is None or table.legend is None:
        raise UsageError("The chips carry no labels; cut them with landuse tile --labels FILE --legend NAME.")
    pure = np.ones(len(table), bool) if table.purity is None else table.purity >= settings.min_purity
    chips = table.subset((table.labels > 0) & pure)
    labels = np.empty(0, np.uint8) if chips.labels is None else chips.labels
    scores = score_chips(chips, replace(settings.score, features=True), settings.parts, progress)
    features = np.empty((len(chips), 0), np.float32) if scores.features is None else scores.features
    read = np.isfinite(features).all(axis=1)
    groups = (chips.rows // BLOCK_CELLS) * 2**32 + chips.cols // BLOCK_CELLS
    return Samples(
        features[read],
        labels[read],
        groups[read],
        table.legend,
        _digest([i.digest for i in scores.inputs] + [str(labels.tolist())]),
        tuple(f"{q.chip_id}: {q.cause}" for q in scores.quarantined),
    )


def folder_samples(folder: Path, settings: SampleSettings) -> Samples:
    """Samples of a folder of class folders; images of any size are brought to the model's chip size."""
    images = find_images(folder)
    legend = settings.legend or legend_of_names(sorted({image.label for image in images}), folder.name)
    codes = {name: folder_code(legend, name) for name in {image.label for image in images}}
    kept = [image for image in images if codes[image.label]]
    if not kept:
        raise NoOverlapError(f"Not one class folder of {folder} is a class of legend {legend.name}.")
    features, skipped = image_features([i.path for i in kept], settings.score)
    read = np.isfinite(features).all(axis=1)
    labels = np.array([codes[i.label] for i in kept], np.uint8)
    return Samples(
        features[read],
        labels[read],
        np.arange(int(read.sum()), dtype=np.int64),
        legend,
        _digest([f"{i.path.relative_to(folder)}:{i.path.stat().st_size}" for i in kept]),
        skipped,
    )


def folder_code(legend: Legend, name: str) -> int:
    """Code of a class folder: by the class's name, or by the name that `tile --export` makes safe for a path; 0 for none."""
    safe = {folder.casefold(): code for code, folder in folder_names(legend).items()}
    return legend.code_of(name) or safe.get(name.casefold(), 0)


def legend_of_names(names: Sequence[str], title: str) -> Legend:
    """A legend of class names alone, coded from 1, with colours spread over the hues."""
    import colorsys

    classes = []
    for position, name in enumerate(names):
        lightness = (0.35, 0.55, 0.72)[position % 3]
        red, green, blue = colorsys.hls_to_rgb(position * 0.61803 % 1, lightness, 0.65)
        color = f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
        classes.append({"code": position + 1, "name": name, "color": color})
    return Legend.model_validate({"name": title or "classes", "classes": classes})


def _digest(parts: Sequence[str]) -> str:
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()
