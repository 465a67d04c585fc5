"""One task: what may become of it, how often it is tried, and how long is waited for what is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from landuse.engine.progress import tell
from landuse.errors import DamagedSourceError, EngineError, LanduseError
from landuse.words import counted

T = TypeVar("T")
R = TypeVar("R")

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
ATTEMPTS = 1 + len(HERE_S)

# What the machine does to a task (a full disk, a dropped connection, no memory) and what another try may mend.
# Mistakes in the code (TypeError, RuntimeError and their like) are not among them: they end the run.
_TROUBLE = (OSError, MemoryError)


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
        """Whether to give up. A file that opens again while its pixels stay unreadable is damaged, not away."""
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


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """A task's result."""

    index: int
    result: R


@dataclass(frozen=True, slots=True)
class Refused:
    """A task raised one of our errors: a second try would raise it again."""

    index: int
    kind: type[LanduseError]
    sentence: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A task failed for a reason that is not its own."""

    index: int
    cause: str


Outcome = Done[Any] | Refused | Lost


def ignore(_: object) -> None:
    """Do nothing with a result."""


def attempt(task: Callable[[T], R], index: int, item: T) -> Done[R] | Refused | Lost:
    """Run one task, up to three times where the machine may be at fault. Both runners run their tasks through this."""
    cause = ""
    for pause in (*HERE_S, 0.0):
        try:
            return Done(index, task(item))
        except LanduseError as error:
            return Refused(index, type(error), str(error))
        except _TROUBLE as error:
            cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            time.sleep(pause)
    return Lost(index, cause)


def settle(outcome: Done[R] | Refused | Lost, item: T, on_lost: Callable[[T, str], R] | None) -> R:
    """Turn what became of an item into its result, or raise what `Runner.map` says."""
    if isinstance(outcome, Done):
        return outcome.result
    if isinstance(outcome, Refused):
        raise outcome.kind(outcome.sentence)
    if on_lost is None:
        raise EngineError(f"A piece of work failed {ATTEMPTS} times ({outcome.cause}); mend that and run it again.")
    return on_lost(item, outcome.cause)
