import pytest

from landuse.change.result import change_scores


def test_hits_and_right_pairs():
    truth = {"r0c0": ("Forest", "Developed"), "r0c1": ("Barren", "Water"), "r0c2": ("Forest", "Barren")}
    flagged = {"r0c0": ("Forest", "Developed"), "r0c1": ("Barren", "Developed"), "r9c9": ("Forest", "Water")}
    found = change_scores(flagged, truth)
    assert (found.flagged, found.true, found.hits, found.right_pair) == (3, 3, 2, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)


def test_nothing_flagged_or_true_is_none():
    nothing = change_scores({}, {})
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    missed = change_scores({}, {"r0c0": ("a", "b")})
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)
