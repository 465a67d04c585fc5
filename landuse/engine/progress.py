"""How far a long run is: bars on a terminal, a line now and then elsewhere, nothing for library use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from types import TracebackType
from typing import TYPE_CHECKING, TextIO, TypeVar

from landuse.text import counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

T = TypeVar("T")
LINE_EVERY_S = 5.0
BUSY_AFTER_S = 2.0
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


@contextmanager
def untold() -> Iterator[None]:
    """Nobody follows what the body does: its caller speaks for it."""
    tokens = _audience.set(None), _bar_on_show.set(None)
    try:
        yield
    finally:
        _audience.reset(tokens[0])
        _bar_on_show.reset(tokens[1])


def tell(line: str) -> None:
    """Say a line to whoever follows the progress of this run; nothing where nobody does."""
    stream, bar = _audience.get(), _bar_on_show.get()
    if bar is not None:
        bar.console.print(line, highlight=False)
    elif stream is not None:
        stream.write(f"{line}\n")
        stream.flush()


class Progress:
    """Counts what is done of a total, and shows it where `progress_on` says, from the first `begin` or `advance` on.

    Args:
        unit: what is counted, a plural: ``chips``.

    Example:
        >>> with Progress(10_000, "chips", "classifying") as progress:
        ...     progress.advance(256)
    """

    def __init__(self, total: int, unit: str, doing: str = "") -> None:
        self.total, self.unit, self.done = total, unit, 0
        self._one, self._doing = unit.removesuffix("s"), doing
        self._skipped = 0
        self._stream = _audience.get()
        self._row: Row | None = None
        self._started = self._spoke = time.monotonic()
        self._begun = False

    def __enter__(self) -> Progress:
        self._started = self._spoke = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._row is not None:
            self._row.end()
        elif self._spoke > self._started and kind is None:
            self._say(f"{self._head}{counted(self.done, self._one)} in {spoken(time.monotonic() - self._started)}")

    def begin(self) -> None:
        """Start the clock and show the bar: what comes before, such as waking Spark, is no part of the work."""
        if self._begun:
            return
        self._begun = True
        self._started = self._spoke = time.monotonic()
        if _is_terminal(self._stream):
            self._row = Row(self._stream, f"{self._doing} {self.unit}".strip(), self.total)

    def skip(self, count: int) -> None:
        """Count as done what had been done before; it says nothing of the rate."""
        self._skipped += count
        self._show(count)

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done."""
        if not self._begun:
            started = self._started
            self.begin()
            self._started = self._spoke = started  # nobody said when work began: as this was made
        self._show(count)

    def line(self, seconds: float) -> str:
        """In words what is done after so many seconds, at what rate, and how long the rest will take."""
        rate = (self.done - self._skipped) / max(seconds, 1e-9)
        left = f", {spoken((self.total - self.done) / rate)} left" if rate else ""
        return f"{self._head}{self.done:,} of {counted(self.total, self._one)}, {rate:,.4g}/s{left}"

    @property
    def _head(self) -> str:
        return f"{self._doing}: " if self._doing else ""

    def _show(self, count: int) -> None:
        self.done += count
        seconds = time.monotonic() - self._started
        if self._row is not None:
            self._row.update(self.done, (self.done - self._skipped) / max(seconds, 1e-9))
        elif self._begun and time.monotonic() - self._spoke >= LINE_EVERY_S:
            self._say(self.line(seconds))

    def _say(self, line: str) -> None:
        self._spoke = time.monotonic()
        tell(line)


def followed(items: Iterable[T], progress: Progress, size: Callable[[T], int] = lambda _: 1) -> Iterator[T]:
    """Items as they come, each counted when the next one is asked for; the progress begins with the first and ends here.

    Example:
        >>> for strip in followed(strips, Progress(10_000, "chips", "writing"), len):
        ...     write(strip)
    """
    with progress:
        progress.begin()
        for item in items:
            yield item
            progress.advance(size(item))


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Show that something goes on whose steps cannot be counted, where it takes more than a moment.

    A terminal sees a bar without an end and the seconds; elsewhere a line comes after two seconds, and one at the end.
    """
    stream, started = _audience.get(), time.monotonic()
    if stream is None:
        yield
    elif _is_terminal(stream):
        row = Row(stream, doing, None)
        try:
            yield
        finally:
            row.end()
    else:
        context = copy_context()
        timer = threading.Timer(BUSY_AFTER_S, lambda: context.run(tell, f"{doing} ..."))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if time.monotonic() - started > BUSY_AFTER_S:
            tell(f"{doing}: {spoken(time.monotonic() - started)}")


class Row:
    """One line of the bars on a terminal; several at once share one display.

    Args:
        total: what is to be done; None where that cannot be counted.
    """

    def __init__(self, stream: TextIO | None, label: str, total: int | None) -> None:
        shown = _bar_on_show.get()
        self._owner, self._bar = shown is None, shown or _bar(stream)
        self._total = total
        self._id = self._bar.add_task(label, total=total, rate="")
        if self._owner:
            self._bar.start()
            _bar_on_show.set(self._bar)

    def update(self, done: int, rate: float) -> None:
        """Show what is done, and how much of it a second."""
        left = f", {spoken((self._total - done) / rate)} left" if rate and self._total is not None else ""
        self._bar.update(self._id, completed=done, rate=f"{rate:,.4g}/s{left}")

    def end(self) -> None:
        """Leave the line as it stands, and the display where this line began it; what was not counted goes."""
        if self._total is None:
            self._bar.remove_task(self._id)
        else:
            self._bar.stop_task(self._id)
        if self._owner:
            self._bar.stop()
            _bar_on_show.set(None)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def spoken(seconds: float) -> str:
    """A duration in the two units that matter.

    Example:
        >>> spoken(42), spoken(130), spoken(7300)
        ('42 s', '2 min 10 s', '2 h 1 min')
    """
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _bar(stream: TextIO | None) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Counted(MofNCompleteColumn):
        """How many of how many; nothing where that cannot be counted."""

        def render(self, task: Task) -> Text:
            """The text beside the bar."""
            return Text("") if task.total is None else super().render(task)

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        Counted(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(file=stream),
    )
