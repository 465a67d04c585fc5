"""One task: what may become of it, how often it is tried, and what the driver makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from landuse.engine.patience import HERE_S
from landuse.errors import EngineError, LanduseError

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 1 + len(HERE_S)

# What the machine does to a task (a full disk, a dropped connection, no memory) and what another try may mend.
# Mistakes in the code (TypeError, RuntimeError and their like) are not among them: they end the run.
_TROUBLE = (OSError, MemoryError)


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
