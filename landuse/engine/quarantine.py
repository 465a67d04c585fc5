"""Chips that could not be used: set aside with their cause while the run goes on, unless there are too many."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sized
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from landuse.errors import TooManyQuarantinedError, UsageError
from landuse.words import counted


@dataclass(frozen=True, order=True, slots=True)
class Quarantined:
    """A chip that was given up.

    Attributes:
        chip_id: its id, such as ``r120c-7``.
        cause: why, in words.
        source: the file at fault, where it is known.
    """

    chip_id: str
    cause: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class QuarantinePolicy:
    """How many chips a run may lose.

    Attributes:
        max_share: largest share of all chips, from 0 (none) to 1 (all).
    """

    max_share: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise UsageError(f"The share of chips that may be quarantined lies from 0 to 1, not at {self.max_share}.")

    def check(self, quarantined: Sized, total: int) -> None:
        """Raise `TooManyQuarantinedError` where more than the allowed share of `total` chips is lost."""
        count = len(quarantined)
        if count <= self.max_share * total:
            return
        first = next(iter(quarantined), None) if isinstance(quarantined, Iterable) else None
        example = f"; {first.chip_id} because: {first.cause.rstrip('.')}" if isinstance(first, Quarantined) else ""
        raise TooManyQuarantinedError(
            f"{count:,} of {counted(total, 'chip')} ({count / max(total, 1):.1%}) could not be used, "
            f"and a run may lose {self.max_share:.1%}{example}. Mend the sources and run the same command again."
        )


def write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> None:
    """Write ``quarantine.csv``: a header, then a line a chip, by chip id. Raises `OSError` where it cannot."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Quarantined))
        writer.writerows([" ".join(text.split()) for text in astuple(chip)] for chip in sorted(quarantined))
