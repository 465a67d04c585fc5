"""Failures: what is waited for, since it is away for a while, and which chips are given up, unless they are too many."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from landuse.engine.progress import tell
from landuse.errors import DamagedSourceError, TooManyQuarantinedError
from landuse.text import counted

T = TypeVar("T")
HERE_S = (0.2, 1.0)
"""Seconds before each further try where the machine itself is at fault: a disk, memory, a network disk."""
REMOTE_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0)
"""The same for an address of a network, nearly three minutes in all: so long takes a store to start again."""
_REMOTE = re.compile(
    r"(?!file:)[a-z][a-z0-9+.-]+://|.*/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)[/_?]", re.IGNORECASE
)
_IN_VAIN = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_REFUSALS = re.compile(
    r"ACCESS_DENIED|NO_SUCH_BUCKET|NO_SUCH_KEY|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|(code|status)\W*40[134]\b"
)


@dataclass
class Patience:
    """Waits between the tries of one piece of work; what was waited for in vain is not waited for again.

    Attributes:
        pauses: seconds before each further try.
    """

    pauses: tuple[float, ...] = HERE_S
    _left: list[float] = field(init=False)
    _damage: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._left = list(self.pauses)

    @classmethod
    def of(cls, addresses: Iterable[str]) -> Patience:
        """The patience that reading or writing some addresses deserves: minutes where one of them is remote."""
        return cls(REMOTE_S if any(map(is_remote, addresses)) else HERE_S)

    def tried(self, call: Callable[[], T]) -> T:
        """Call until it succeeds, and return what it returns.

        Raises:
            OSError: the last one, where nothing is left to wait for, or where waiting mends nothing.
        """
        waits = 0
        while True:
            try:
                result = call()
            except OSError as error:
                if self._is_final(error, waits):
                    raise
                self._wait(error)
                waits += 1
            else:
                if waits:
                    self._left = list(self.pauses)
                return result

    def _is_final(self, error: OSError, waits: int) -> bool:
        if isinstance(error, DamagedSourceError):
            self._damage = self._damage or waits >= len(HERE_S)
            if self._damage:
                self._left = list(self.pauses)
                return True
        return not self._left or is_final(error)

    def _wait(self, error: OSError) -> None:
        """Wait before the next try; say so where it takes long."""
        pause = self._left.pop(0)
        if pause > HERE_S[-1]:
            tell(f"{' '.join(str(error).split()).rstrip('.')}; trying again in {counted(round(pause), 'second')}.")
        time.sleep(pause)


def is_remote(address: str) -> bool:
    """Whether a path or an address is reached over a network by its own name. A network disk is not: nothing tells it.

    Example:
        >>> is_remote("s3://bucket/a.tif"), is_remote("/vsizip/vsicurl/http://host/a.zip/a.tif"), is_remote("/data/a.tif")
        (True, True, False)
    """
    return _REMOTE.match(address) is not None


def is_final(error: OSError) -> bool:
    """Whether no waiting mends an error: there is no such thing, or it may not be touched."""
    return isinstance(error, _IN_VAIN) or _REFUSALS.search(str(error)) is not None


@dataclass(frozen=True, order=True, slots=True)
class Quarantined:
    """A chip that was given up.

    Attributes:
        chip_id: its id, such as ``r120c-7``.
        source: the file at fault, where it is known.
    """

    chip_id: str
    cause: str
    source: str = ""


def check_quarantined(quarantined: Collection[Quarantined], total: int, max_share: float) -> None:
    """Raise `TooManyQuarantinedError` where more than a share (0 to 1) of `total` chips is lost."""
    count = len(quarantined)
    if count <= max_share * total:
        return
    first = next(iter(quarantined))
    raise TooManyQuarantinedError(
        f"{count:,} of {counted(total, 'chip')} ({count / max(total, 1):.1%}) could not be used, and a run may lose "
        f"{max_share:.1%}; {first.chip_id} because: {first.cause.rstrip('.')}. Mend the sources and run the same command again."
    )


def write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> None:
    """Write ``quarantine.csv``: a header, then a line a chip, by chip id. Raises `OSError` where it cannot."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Quarantined))
        writer.writerows([" ".join(text.split()) for text in astuple(chip)] for chip in sorted(quarantined))
