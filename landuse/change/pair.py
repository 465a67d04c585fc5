"""Cells seen in two surveys, all that change is inferred from, and what is inferred of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.grid import IntArray
from landuse.models.learnt_features import Bytes

PIECE = 1 << 18
"""Joint probabilities of pairs of classes that are in memory at once."""
UNNAMED = 0.49
"""Most that a change counts which the two maps' labels do not name: where truth is known, none that seemed surer was real."""
Bands = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SurveyPair:
    """n cells with an answer in both surveys.

    Attributes:
        before, after: (n, K) probabilities of the classes, rows sum to 1.
        lines, columns: int64 (n,) place of each cell in the image of the common ground.
        labels: (n, 2) positions of the classes that the two maps name.
        components: uint8 (n, 2, M), principal components of the network's features in each survey, as
            `landuse.models.learnt_features.to_bytes` has them; None where a map has none.
    """

    before: Floats
    after: Floats
    lines: IntArray
    columns: IntArray
    labels: IntArray
    components: Bytes | None = None

    @classmethod
    def of(
        cls, bands: tuple[Bands, Bands], known: Mask, labels: IntArray, components: Sequence[Bytes] | None = None
    ) -> SurveyPair:
        """The known cells (H, W) of two rasters of probabilities (K, H, W), and of components (M, H, W), in image order."""
        before, after = (np.asarray(band[:, known].T, np.float64) for band in bands)
        lines, columns = np.nonzero(known)
        looks = None if components is None else np.stack([band[:, known].T for band in components], axis=1)
        return cls(before, after, lines, columns, labels, looks)

    @classmethod
    def in_image_order(cls, parts: Iterable[SurveyPair], most: int) -> SurveyPair | None:
        """The cells of some parts, at most so many, line by line; None where there are none.

        Each part is copied and let go: many small arrays that stay would keep the memory between them from being used again.
        """
        whole: dict[str, npt.NDArray[Any]] = {}
        done = 0
        for part in parts:
            some = part.take(slice(most - done))
            for name, values in vars(some).items():
                if values is not None:
                    column = whole.setdefault(name, np.empty((most, *values.shape[1:]), values.dtype))
                    column[done : done + len(some)] = values
            done += len(some)
        if not done:
            return None
        order = np.lexsort((whole["columns"][:done], whole["lines"][:done]))
        return cls(**{name: whole.pop(name)[order] for name in tuple(whole)})

    def __len__(self) -> int:
        return len(self.before)

    @property
    def differ(self) -> Mask:
        """(n,) cells that the two maps name differently."""
        return np.asarray(self.labels[:, 0] != self.labels[:, 1])

    @property
    def same(self) -> Mask:
        """(n,) cells whose two vectors are equal to the last bit: one look that stands in both surveys."""
        return np.asarray((self.before == self.after).all(axis=1))

    def take(self, chosen: IntArray | Mask | slice) -> SurveyPair:
        """Some of the cells, by number or by a mask."""
        looks = None if self.components is None else self.components[chosen]
        lines, columns = self.lines[chosen], self.columns[chosen]
        return SurveyPair(self.before[chosen], self.after[chosen], lines, columns, self.labels[chosen], looks)

    def moved(self, down: int, right: int) -> SurveyPair:
        """The same cells in an image that begins so many lines further up and columns further left."""
        return replace(self, lines=self.lines + down, columns=self.columns + right)

    def changes(self, joint: Callable[[SurveyPair], Floats]) -> CellChanges:
        """What `joint` says of the cells: from some of them to the probability (n, K, K) of each pair of their classes."""
        piece = max(1, PIECE // self.before.shape[1] ** 2)
        parts = [self.take(slice(start, start + piece)) for start in range(0, max(len(self), 1), piece)]
        return CellChanges.joined([CellChanges.of(joint(part), part.labels) for part in parts])


@dataclass(frozen=True, eq=False)
class CellChanges:
    """What is inferred of n cells.

    Attributes:
        change: (n,) probability that the class changed.
        move: (n, 2) most likely change: the likeliest pair of two different classes, as positions in the legend.
        moved: (n,) probability of that very change.
        named: (n,) probability of the pair of classes that was asked about: those of the two maps' labels.
    """

    change: Floats
    move: IntArray
    moved: Floats
    named: Floats

    @classmethod
    def of(cls, joint: Floats, named: IntArray) -> CellChanges:
        """What joint probabilities (n, K, K) of the classes before and after say; `named` (n, 2) is asked about."""
        every, classes = np.arange(len(joint)), joint.shape[1]
        off = np.where(np.eye(classes, dtype=bool), -1.0, joint)
        move = np.stack(np.divmod(off.reshape(len(joint), classes**2).argmax(axis=1), classes), axis=1)
        return cls(
            change=np.clip(1.0 - np.trace(joint, axis1=1, axis2=2), 0.0, 1.0),
            move=move,
            moved=np.maximum(off[every, move[:, 0], move[:, 1]], 0.0),
            named=joint[every, named[:, 0], named[:, 1]],
        )

    def as_labelled(self, labels: IntArray) -> CellChanges:
        """The same, where a change that the labels (n, 2) do not name is less likely than not."""
        named = (self.move == labels).all(axis=1)
        return replace(self, moved=np.where(named, self.moved, np.minimum(self.moved, UNNAMED)))

    def take(self, chosen: Mask) -> CellChanges:
        """Some of the cells, by a mask."""
        return CellChanges(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[CellChanges]) -> CellChanges:
        """The cells of some parts, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def probability_matrix(values: npt.ArrayLike, name: str) -> Floats:
    """(n, K) float64 probabilities whose rows sum to 1; raises `UsageError` for anything that is none."""
    matrix = np.array(values, np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise UsageError(
            f"The probabilities {name} have shape {matrix.shape}; a row a cell and a column a class is needed."
        )
    total = matrix.sum(axis=1, keepdims=True)
    if not (np.isfinite(matrix).all() and (matrix >= 0).all() and (np.abs(total - 1) < 0.02).all()):
        raise UsageError(f"The probabilities {name} are not numbers from 0 to 1 that sum to 1 in every cell.")
    return np.asarray(matrix / total)


def raised(matrix: Floats, least: float) -> Floats:
    """Rows of probabilities, none of them below `least`."""
    found = np.maximum(matrix, least)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
