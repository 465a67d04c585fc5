"""Waiting for what is away: minutes for a network, a moment for a disk, and nothing for what no waiting mends."""

import sys
from types import SimpleNamespace

import pytest

from landuse.engine import runner as module
from landuse.engine.progress import progress_on
from landuse.engine.runner import HERE_S, REMOTE_S, Patience, is_remote
from landuse.errors import DamagedSourceError, NotARasterError, SourceNotFoundError


@pytest.fixture
def waits(monkeypatch):
    """The seconds that would have been waited."""
    slept = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=slept.append))
    return slept


def failing(times, error=None):
    """A call that fails so often."""
    left = [times]

    def call():
        left[0] -= 1
        if left[0] >= 0:
            raise error or OSError("Could not connect to server")
        return "back"

    return call


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("s3://bucket/a.tif", True), ("gs://b", True), ("hdfs://host/x", True), ("/vsis3/bucket/a.tif", True),
        ("/vsicurl/https://host/a.tif", True), ("/vsizip//vsicurl/http://host/a.zip/a.tif", True),
        ("/vsicurl?url=http", True), ("/data/a.tif", False), ("file:///data/parts", False), ("/vsizip/a.zip/b.tif", False),
        ("a.tif", False),
    ],
)  # fmt: skip
def test_what_lies_behind_a_network(address, remote):
    assert is_remote(address) == remote
    assert Patience.of(["/here/b.tif", address]).pauses == (REMOTE_S if remote else HERE_S)


def test_a_store_may_be_away_for_minutes(waits):
    assert Patience(REMOTE_S).tried(failing(len(REMOTE_S))) == "back"
    assert waits == list(REMOTE_S)
    assert sum(waits) > 120


def test_what_stays_away_is_waited_for_once(waits):
    patience = Patience(HERE_S)
    for _ in range(5):
        with pytest.raises(OSError, match="connect"):
            patience.tried(failing(99))
    assert waits == list(HERE_S)


def test_what_came_back_is_waited_for_again(waits):
    patience = Patience(HERE_S)
    assert [patience.tried(failing(2)) for _ in range(2)] == ["back", "back"]
    assert waits == [*HERE_S, *HERE_S]


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("gone"), PermissionError("no"), SourceNotFoundError("a.tif is not there any more."),
        OSError("AWS Error ACCESS_DENIED during HeadObject"), OSError("HTTP response code: 403"),
    ],
)  # fmt: skip
def test_what_no_waiting_mends_is_raised_at_once(waits, error):
    with pytest.raises(type(error)):
        Patience(REMOTE_S).tried(failing(1, error))
    assert waits == []


def test_damage_is_told_from_absence(waits):
    """A file that opens and whose pixels stay unreadable is damaged; one that does not open is away."""
    patience = Patience(REMOTE_S)
    for _ in range(4):
        with pytest.raises(DamagedSourceError):
            patience.tried(failing(9, DamagedSourceError("rows 401 to 404 cannot be read")))
    assert waits == list(REMOTE_S[: len(HERE_S)])
    assert patience.tried(failing(5, NotARasterError("CURL error"))) == "back"
    assert waits[2:] == list(REMOTE_S[:5])


def test_long_waits_are_announced(waits, capsys):
    with progress_on(sys.stderr):
        Patience(REMOTE_S).tried(failing(3, OSError("s3://b does not answer.")))
    assert capsys.readouterr().err.splitlines() == [
        "s3://b does not answer; trying again in 2 seconds.", "s3://b does not answer; trying again in 5 seconds.",
    ]  # fmt: skip
