import io
import time

import pytest

from landuse.engine import progress as module
from landuse.engine.progress import Progress, busy, progress_on, spoken, tell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands at clock[0]."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def run(clock, steps: int, seconds: float) -> None:
    with Progress(1000, "chips") as progress:
        for _ in range(steps):
            clock[0] += seconds
            progress.advance(10)


def test_a_library_user_sees_nothing(clock, capsys):
    run(clock, 10, 3)
    assert capsys.readouterr() == ("", "")


def test_lines_come_at_most_every_five_seconds_and_say_how_long(clock):
    stream = io.StringIO()
    with progress_on(stream):
        run(clock, 10, 3)
    assert stream.getvalue().splitlines() == [
        "20 of 1,000 chips, 3.333/s, 4 min 54 s left",
        "40 of 1,000 chips, 3.333/s, 4 min 48 s left",
        "60 of 1,000 chips, 3.333/s, 4 min 42 s left",
        "80 of 1,000 chips, 3.333/s, 4 min 36 s left",
        "100 of 1,000 chips, 3.333/s, 4 min 30 s left",
        "100 chips in 30 s",
    ]


def test_short_work_says_nothing(clock):
    stream = io.StringIO()
    with progress_on(stream):
        run(clock, 10, 0.1)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with progress_on(stream), Progress(2000, "chips") as progress:
        progress.advance(1500)
    assert "1500/2000" in stream.getvalue()
    assert "chips" in stream.getvalue()


def test_the_clock_starts_when_work_does(clock):
    stream = io.StringIO()
    with progress_on(stream), Progress(1000, "chips", "classifying") as progress:
        clock[0] += 60  # Spark wakes
        progress.begin()
        clock[0] += 10
        progress.advance(100)
    assert stream.getvalue().splitlines() == [
        "classifying: 100 of 1,000 chips, 10/s, 1 min 30 s left",
        "classifying: 100 chips in 10 s",
    ]


def test_what_an_earlier_run_did_counts_as_done_but_not_as_fast(clock):
    with Progress(1000, "chips") as progress:
        progress.begin()
        progress.skip(500)
        clock[0] += 10
        progress.advance(100)
    assert progress.line(10) == "600 of 1,000 chips, 10/s, 40 s left"


def test_what_cannot_be_counted_is_named_once_it_takes_long(monkeypatch):
    monkeypatch.setattr(module, "BUSY_AFTER_S", 0.02)
    stream = io.StringIO()
    with progress_on(stream):
        with busy("fitting the head"):
            time.sleep(0.2)
        with busy("doing nothing"):
            pass
    assert stream.getvalue().splitlines() == ["fitting the head ...", "fitting the head: 0 s"]


def test_bars_of_one_terminal_share_it():
    stream = Terminal()
    with progress_on(stream), Progress(20, "chips", "classifying") as progress:
        progress.advance(10)
        with busy("starting Spark"):
            tell("a line beside them")
        progress.advance(10)
    shown = stream.getvalue()
    assert "classifying chips" in shown
    assert "20/20" in shown
    assert "a line beside them" in shown


def test_progress_is_shown_within_the_body_only(clock):
    stream = io.StringIO()
    with progress_on(stream):
        pass
    run(clock, 10, 6)
    assert stream.getvalue() == ""


def test_no_work_divides_by_nothing():
    assert Progress(0, "chips").line(0) == "0 of 0 chips, 0/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min"), (90061, "25 h 1 min"), (-3, "0 s")],
)
def test_durations(seconds, text):
    assert spoken(seconds) == text
