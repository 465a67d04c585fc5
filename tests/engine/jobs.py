"""Task functions for the tests of the runners; a worker process imports them from here."""

import os
import signal
import time
from pathlib import Path

from landuse.errors import DamagedSourceError

_CACHE: dict[str, int] = {}


def square(number: int) -> dict[str, int]:
    return {"number": number, "square": number * number}


def slow_square(number: int) -> tuple[float, int]:
    time.sleep(0.3)
    return time.time(), number * number


def process_and_calls(_: int) -> tuple[int, int]:
    _CACHE["calls"] = _CACHE.get("calls", 0) + 1
    return os.getpid(), _CACHE["calls"]


def refuse_three(number: int) -> int:
    if number == 3:
        raise DamagedSourceError("Tile 3 of a.tif cannot be read; fetch it again.")
    return number


def fails_twice(counter: Path) -> str:
    with counter.open("a") as file:
        file.write("x")
    if len(counter.read_text()) < 3:
        raise OSError("disk is away")
    return "back"


def full_disk_at_three(number: int) -> int:
    if number == 3:
        raise OSError(28, "No space left on device")
    return number


def mistake(number: int) -> int:
    return number + len(number)  # type: ignore[arg-type]


def dies_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def freezes_at_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGSTOP)  # no signal but SIGKILL and SIGCONT reaches it now
    return number
