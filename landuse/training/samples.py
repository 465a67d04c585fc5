"""What a head learns from, as plain arrays; and which samples of a fine-tuning are for what."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import NoOverlapError, UsageError
from landuse.grid import IntArray
from landuse.legend import CodeArray, Legend, same_name
from landuse.models.runtime import read_cached
from landuse.options.training import HoldoutOptions
from landuse.outputs.chip_images import folder_names
from landuse.scoring import ScoreSettings
from landuse.training.pictures import Pictures, joined_pictures
from landuse.training.split import Layout, Mask, Names, Places, Split, split

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples.

    Attributes:
        features: float32 (n, d).
        targets: float32 (n, K) in legend order. One 1 a row for plain labels; shares that sum to 1 for soft ones; any
            number of 1s, none included, for lists of labels.
        weights: float64 (n,), what each sample counts; 1 unless the data say otherwise.
        layout: where they lie, their groups, and the side they are given to; what a split looks at.
        ignored: how many samples had a label that the legend lacks, by label.
        pictures: where their pixels are; None where only features are known.
        marks: uint32 (n,), by which each is known again (`landuse.training.sample_marks`); None where that is not known.
    """

    features: Floats
    targets: Floats
    weights: npt.NDArray[np.float64]
    layout: Layout
    legend: Legend
    digest: str
    multi: bool = False
    skipped: tuple[str, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    pictures: Pictures | None = None
    marks: npt.NDArray[np.uint32] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def positions(self) -> IntArray:
        """Position of each sample's (largest) class in the legend, int64 (n,)."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)

    @property
    def labels(self) -> CodeArray:
        """Code of each sample's (largest) class, (n,) in the legend's dtype."""
        return self.legend.as_codes(self.positions)

    @property
    def members(self) -> Mask:
        """The class of each sample, or its classes where they have lists of labels; bool (n, K)."""
        if self.multi:
            return self.targets > 0
        return np.asarray(self.positions[:, None] == np.arange(len(self.legend)))

    def metres_per_pixel(self, px: int) -> float | None:
        """Ground side of a pixel where a sample has `px` pixels a side; None of images whose ground is not known."""
        return None if self.layout.places is None else self.layout.places.chip_m / px

    def take(self, chosen: Mask | IntArray) -> Samples:
        """The samples at positions, or where a mask holds."""
        return replace(
            self,
            features=self.features[chosen],
            targets=self.targets[chosen],
            weights=self.weights[chosen],
            layout=self.layout.take(chosen),
            pictures=None if self.pictures is None else self.pictures.take(np.arange(len(self))[chosen]),
            marks=None if self.marks is None else self.marks[chosen],
        )


@dataclass(frozen=True)
class SampleSettings:
    """How samples are read.

    Attributes:
        score: how the model is run; without `features`, what it says (K probabilities) takes the place of its features.
        legend: classes for images; None makes one of the labels that occur.
        min_purity: least share of a chip under its label.
        root: folder that paths of a table are relative to, and may not leave; None is the table's own.
        group_by: column whose groups stay on one side of every split.
        soft: take a chip's area shares as its target, not its label alone.
        cache: folder of features computed earlier; None keeps none.
        one_label: refuse lists of labels.
        held_back: where the data say what is to train on, leave it out.
    """

    score: ScoreSettings
    legend: Legend | None
    min_purity: float
    parts: Path
    root: Path | None = None
    group_by: str | None = None
    soft: bool = False
    cache: Path | None = None
    one_label: bool = False
    held_back: bool = False

    @property
    def width(self) -> int:
        """How many numbers a sample's features are."""
        head = read_cached(self.score.model).head
        return head.feature_count if self.score.features else head.class_count


@dataclass(frozen=True, eq=False)
class Classed:
    """Labels of n samples as classes.

    Attributes:
        targets: float32 (n, K).
        known: bool (n,), whether a sample is of a class, or said to be of none.
        ignored: how many samples had a label that the legend lacks, by label.
    """

    legend: Legend
    targets: Floats
    known: Mask
    ignored: dict[str, int]


def classed(
    labels: Sequence[Sequence[str]], title: str, settings: SampleSettings, *, multi: bool, legend: Legend | None = None
) -> Classed:
    """The classes of samples by the names of their labels.

    Args:
        title: what messages call the data.
        multi: whether some samples have no label or several.
        legend: the data's own; that of the settings outweighs it, and without either there is one of all names.

    Raises:
        UsageError: lists of labels where the settings refuse them.
        NoOverlapError: there is no label, or none of a class of the legend.
    """
    if multi and settings.one_label:
        raise UsageError(f"{title} has several labels a row, but this model gives one class each.")
    names = sorted({name for row in labels for name in row})
    if not names:
        raise NoOverlapError(f"Not one row of {title} has a label.")
    legend = settings.legend or legend or Legend.of_names(names, title)
    targets, ignored = targets_of(labels, legend)
    if not targets.any():
        raise NoOverlapError(f"Not one label of {title} is a class of legend {legend.name}: {', '.join(legend.names)}.")
    empty = np.array([multi and not row for row in labels], bool)
    return Classed(legend, targets, np.asarray(targets.any(axis=1) | empty), ignored)


def class_code(legend: Legend, name: str) -> int:
    """Code of a label: by a class's name, or by the name that `tile --export` makes safe for a path; 0 for none."""
    safe = {same_name(folder): code for code, folder in folder_names(legend).items()}
    return legend.code_of(name) or safe.get(same_name(name), 0)


def targets_of(labels: Sequence[Sequence[str]], legend: Legend) -> tuple[Floats, dict[str, int]]:
    """Targets float32 (n, K) of the lists of labels of n samples, and how often each label occurs that has no class."""
    codes = {name: class_code(legend, name) for name in {name for names in labels for name in names}}
    column = {code: position for position, code in enumerate(legend.codes)}
    targets = np.zeros((len(labels), len(legend)), np.float32)
    ignored: dict[str, int] = {}
    for row, names in enumerate(labels):
        for name in set(names):
            if codes[name]:
                targets[row, column[codes[name]]] = 1
            else:
                ignored[name] = ignored.get(name, 0) + 1
    return targets, dict(sorted(ignored.items()))


def strata_of(targets: Floats) -> IntArray:
    """What a split keeps the shares of: the class, or with several the rarest of them; K where there is none."""
    rare_first = np.argsort(targets.sum(axis=0), kind="stable")
    ordered = targets[:, rare_first] >= targets.max(axis=1, keepdims=True)
    strata = rare_first[ordered.argmax(axis=1)]
    return np.asarray(np.where(targets.any(axis=1), strata, targets.shape[1]), np.int64)


def joined(pieces: Sequence[Samples]) -> Samples:
    """Samples of several surveys as one. All have the same legend, and all or none have places, groups and sides."""
    if not sum(map(len, pieces)):
        raise NoOverlapError("Not one chip has a label.")
    targets = np.concatenate([p.targets for p in pieces])
    marks = [p.marks for p in pieces if p.marks is not None]
    ignored: dict[str, int] = {}
    for piece in pieces:
        ignored |= {name: ignored.get(name, 0) + count for name, count in piece.ignored.items()}
    return replace(
        pieces[0],
        features=np.concatenate([p.features for p in pieces]),
        targets=targets,
        weights=np.concatenate([p.weights for p in pieces]),
        layout=_joined_layout([p.layout for p in pieces], strata_of(targets)),
        digest=digest_of([p.digest for p in pieces]),
        skipped=tuple(s for p in pieces for s in p.skipped),
        ignored=ignored,
        pictures=joined_pictures([p.pictures for p in pieces]),
        marks=np.concatenate(marks) if len(marks) == len(pieces) else None,
    )


def _joined_layout(layouts: Sequence[Layout], strata: IntArray) -> Layout:
    places = [x.places for x in layouts if x.places is not None]
    groups: list[Names] = [x.groups for x in layouts if x.groups is not None]
    sides: list[Mask] = [x.sides for x in layouts if x.sides is not None]
    return Layout(
        strata,
        Places(np.concatenate([p.rows for p in places]), np.concatenate([p.cols for p in places]), places[0].chip_m)
        if places
        else None,
        np.concatenate(groups) if groups else None,
        np.concatenate(sides) if sides else None,
    )


def digest_of(parts: Sequence[str]) -> str:
    """``sha256:`` of some lines."""
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class FineTuneSplit:
    """Which samples serve for what: int64 positions. No sample serves two of the first three.

    Attributes:
        validation: they say when to stop, and which epoch is kept.
        calibration: they calibrate; without a test side they also judge, each by a calibration without its fold.
        test: given by the data, used for the figures alone; else empty.
        split: the split into training and held back that the model file reports.
    """

    train: IntArray
    validation: IntArray
    calibration: IntArray
    test: IntArray
    split: Split


def fine_tune_split(samples: Samples, rule: HoldoutOptions) -> FineTuneSplit:
    """Split the samples as `train` does, and the training side once more by the same rule."""
    if samples.multi:
        raise UsageError("The samples carry lists of labels; fine-tuning learns one class a sample.")
    every = np.arange(len(samples))
    parts = split(samples.layout, rule)
    known, held, test = every[parts.train], every[parts.test], np.empty(0, np.int64)
    if parts.kind == "given":
        test = held
        known, held = _halved(samples, known, rule, 1)
    train, validation = _halved(samples, known, rule, 2)
    if not (len(held) and len(validation)):
        raise UsageError(
            "Fine-tuning holds samples back twice, to stop in time and to calibrate, and these cannot be split so: give a "
            "--holdout above 0, a smaller --block-m or more data."
        )
    return FineTuneSplit(train, validation, held, test, parts)


def _halved(samples: Samples, rows: IntArray, rule: HoldoutOptions, draw: int) -> tuple[IntArray, IntArray]:
    found = split(replace(samples.take(rows).layout, sides=None), rule.changed(seed=rule.seed + draw))
    return rows[found.train], rows[found.test]
