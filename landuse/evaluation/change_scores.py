"""How the change that was flagged compares with the change that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True)
class ChangeScores:
    """Flagged cells against the truth.

    Attributes:
        flagged: cells flagged as changed.
        true: cells that truly changed.
        hits: cells in both.
        right_pair: hits whose from and to classes are right as well.
    """

    flagged: int
    true: int
    hits: int
    right_pair: int

    @property
    def precision(self) -> float | None:
        """Share of the flagged cells that truly changed; None where none is flagged."""
        return self.hits / self.flagged if self.flagged else None

    @property
    def recall(self) -> float | None:
        """Share of the truly changed cells that are flagged; None where none changed."""
        return self.hits / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where nothing changed and nothing is flagged."""
        return 2 * self.hits / (self.flagged + self.true) if self.flagged + self.true else None


def change_scores(flagged: Mapping[str, Pair], truth: Mapping[str, Pair]) -> ChangeScores:
    """Compare flagged with true changes.

    Args:
        flagged: chip id -> (from, to) class names of every cell flagged as changed.
        truth: chip id -> (from, to) of every cell that truly changed, over the same cells.
    """
    hits = flagged.keys() & truth.keys()
    return ChangeScores(len(flagged), len(truth), len(hits), sum(flagged[c] == truth[c] for c in hits))
