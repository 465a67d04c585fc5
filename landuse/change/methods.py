"""The ways to infer change, by the name that `diff --method` takes: one class a way, one line of `METHODS` each.

A way is fitted to a sample of the cells that two surveys share, and then applied to all of them, block by block: a block is as
large as memory likes, and what is said of a cell depends on the cells around it at most, not on the block that it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from landuse.change.classwise import Classwise
from landuse.change.pair import CellChanges, Floats, SurveyPair
from landuse.change.posterior import Joint
from landuse.errors import UsageError


class FittedChange(Protocol):
    """What a way to infer change has learnt from a pair of surveys."""

    @property
    def transition(self) -> Floats:
        """(K, K) estimated share of cells in each (before, after) pair; sums to 1."""

    @property
    def iterations(self) -> int:
        """Rounds of estimation; 0 where there are none."""

    @property
    def converged(self) -> bool:
        """Whether they settled."""

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell of a block, which has a rim of one cell around what is wanted: neighbours may count."""


class ChangeModel(Protocol):
    """A way to infer change."""

    def fit(self, sample: SurveyPair) -> FittedChange:
        """Learn from a random sample of cells, in image order: all of them up to some hundred thousand."""


class Independent:
    """1 - sum p q: the chance that two independent looks mean different classes. It is here to be compared with."""

    def fit(self, sample: SurveyPair) -> FittedChange:
        """Nothing is learnt from the pair; the transition shares are the mean of the cells' own."""
        return _Unlearnt(sample.before.T @ sample.after / len(sample))


@dataclass(frozen=True, eq=False)
class _Unlearnt:
    """Each cell's own product of its two vectors."""

    transition: Floats
    iterations: int = 0
    converged: bool = True

    def apply(self, block: SurveyPair) -> CellChanges:
        """What is said of each cell of a block."""
        return block.changes(lambda cells: cells.before[:, :, None] * cells.after[:, None, :])


METHODS: Mapping[str, ChangeModel] = {
    "classwise": Classwise(),
    "joint": Joint(),
    "independent": Independent(),
}
DEFAULT = "classwise"


def change_model(name: str) -> ChangeModel:
    """The way to infer change of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        raise UsageError(f"No method {name!r} to infer change: choose one of {', '.join(METHODS)}.")
    return METHODS[name]
