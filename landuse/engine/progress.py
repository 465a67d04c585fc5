"""How far a long run is: a bar on a terminal, a line now and then elsewhere, nothing for library use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from landuse.words import counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_EVERY_S = 5.0
_audience: ContextVar[TextIO | None] = ContextVar("progress audience", default=None)
_bar_on_show: ContextVar[Bar | None] = ContextVar("bar on show", default=None)


@contextmanager
def progress_on(stream: TextIO) -> Iterator[None]:
    """Show the progress of every run in the body on `stream`. The command line does; a library's user may."""
    token = _audience.set(stream)
    try:
        yield
    finally:
        _audience.reset(token)


def tell(line: str) -> None:
    """Say a line to whoever follows the progress of this run; nothing where nobody does."""
    stream, bar = _audience.get(), _bar_on_show.get()
    if bar is not None:
        bar.console.print(line, highlight=False)
    elif stream is not None:
        stream.write(f"{line}\n")
        stream.flush()


class Progress:
    """Counts what is done of a total, and shows it where `progress_on` says.

    Example:
        >>> with Progress(10_000, "chips") as progress:
        ...     progress.advance(256)
    """

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit, self.done = total, unit, 0
        self._one = unit.removesuffix("s")
        self._stream = _audience.get()
        self._bar: Bar | None = None
        self._row: TaskID | None = None
        self._started = self._spoke = time.monotonic()

    def __enter__(self) -> Progress:
        self._started = self._spoke = time.monotonic()
        if self._stream is not None and self._stream.isatty():
            self._bar = _bar(self._stream, self.unit)
            self._row = self._bar.add_task(self.unit, total=self.total)
            self._bar.start()
            _bar_on_show.set(self._bar)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            _bar_on_show.set(None)
        elif self._spoke > self._started and kind is None:
            self._say(f"{counted(self.done, self._one)} in {spoken(time.monotonic() - self._started)}")

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done."""
        self.done += count
        if self._bar is not None and self._row is not None:
            self._bar.update(self._row, completed=self.done)
        elif time.monotonic() - self._spoke >= LINE_EVERY_S:
            self._say(self.line(time.monotonic() - self._started))

    def line(self, seconds: float) -> str:
        """Return in words what is done after so many seconds, at what rate, and how long the rest will take."""
        rate = self.done / max(seconds, 1e-9)
        left = f", {spoken((self.total - self.done) / rate)} left" if rate else ""
        return f"{self.done:,} of {counted(self.total, self._one)}, {rate:,.4g}/s{left}"

    def _say(self, line: str) -> None:
        self._spoke = time.monotonic()
        if self._stream is not None:
            self._stream.write(f"{line}\n")
            self._stream.flush()


def spoken(seconds: float) -> str:
    """Return a duration in the two units that matter.

    Example:
        >>> spoken(42), spoken(130), spoken(7300)
        ('42 s', '2 min 10 s', '2 h 1 min')
    """
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _bar(stream: TextIO, unit: str) -> Bar:
    """Return a bar for a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        """Items a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.4g}/s")

    return Bar(
        BarColumn(), MofNCompleteColumn(), TextColumn(unit), Rate(), TimeRemainingColumn(), console=Console(file=stream)
    )
