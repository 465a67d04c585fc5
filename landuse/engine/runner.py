"""Runners: "run this function over this work": what is waited for as it is away for a while, and how often a task is tried."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from landuse.engine.progress import tell
from landuse.errors import DamagedSourceError, EngineError, LanduseError
from landuse.text import counted

T = TypeVar("T")
R = TypeVar("R")
INLINE = "inline"
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


@dataclass(frozen=True, slots=True)
class SharedFile:
    """Where a file is, for whoever holds this.

    Attributes:
        path: of the file on the driver's machine, absolute.
        sent_as: its name among Spark's files, None where workers see the path too.
    """

    path: str
    sent_as: str | None = None

    def locate(self) -> Path:
        """The file on this machine."""
        if self.sent_as is None:
            return Path(self.path)
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.sent_as))


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


class Runner(ABC):
    """Runs a function over work items, here or on Spark. A stage does not know which one it has."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What to call this runner in a record: ``inline`` or the Spark master's URL."""

    @property
    @abstractmethod
    def parallelism(self) -> int:
        """How many tasks run at once."""

    @property
    @abstractmethod
    def threads_per_task(self) -> int:
        """How many threads the inference of one task should use."""

    @abstractmethod
    def share(self, path: Path) -> SharedFile:
        """A file of this machine for tasks to read: they call its `locate`. A cluster is sent a copy, once a file."""

    def map(
        self,
        task: Callable[[T], R],
        work: Sequence[T],
        on_done: Callable[[R], None] = ignore,
        on_lost: Callable[[T, str], R] | None = None,
    ) -> list[R]:
        """Run `task` over each item of `work`.

        Args:
            task: runs in this process or in a worker's; must be picklable by cloudpickle, and cheap to pickle. A
                worker process serves many tasks, so a module-level cache keeps what is dear to make.
            work: small descriptions of work, never pixels.
            on_done: called in this process with each result as it comes, in any order.
            on_lost: makes the result of an item that failed three times because of the machine (a full disk, a lost
                worker), from the item and the cause in words. Without it such an item ends the run.

        Returns:
            The results in the order of `work`.

        Raises:
            LanduseError: the one that a task raised, of its own class.
            EngineError: an item was lost and there is no `on_lost`; a task has a mistake in its code (Spark only: the
                inline runner lets the exception itself through).
        """
        results: dict[int, R] = {}
        while len(results) < len(work):
            waiting = [(index, work[index]) for index in range(len(work)) if index not in results]
            with closing(self._outcomes(task, waiting)) as outcomes:  # closing it cancels a job of Spark
                for outcome in outcomes:
                    results[outcome.index] = settle(outcome, work[outcome.index], on_lost)
                    on_done(results[outcome.index])
        return [results[index] for index in range(len(work))]

    @abstractmethod
    def _outcomes(self, task: Callable[[T], R], waiting: list[tuple[int, T]]) -> Generator[Outcome, None, None]:
        """What becomes of items, by their index, as it becomes known. What is left out at the end is asked for again."""


@dataclass(frozen=True, slots=True)
class InlineRunner(Runner):
    """Runs tasks in this process, one after another, each with all cores for its inference."""

    threads_per_task: int
    name: str = INLINE
    parallelism: int = 1

    def share(self, path: Path) -> SharedFile:
        """A file as it lies here."""
        return SharedFile(str(path.resolve()))

    def _outcomes(self, task: Callable[[T], R], waiting: list[tuple[int, T]]) -> Generator[Outcome, None, None]:
        for index, item in waiting:
            yield attempt(task, index, item)
