"""Libraries that are loaded later."""

import sys

import pytest

from landuse.environment import put_off


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library that nothing has loaded."""
    (tmp_path / "some_library.py").write_text("answer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "some_library"
    sys.modules.pop("some_library", None)


def test_a_library_is_loaded_once_it_is_used(library):
    with put_off(library):
        import some_library as later
    assert library not in sys.modules
    assert later.answer == 42
    assert sys.modules[library].answer == 42


def test_a_library_that_is_absent_stays_absent():
    with put_off("no_such_library"), pytest.raises(ModuleNotFoundError):
        import no_such_library  # noqa: F401
