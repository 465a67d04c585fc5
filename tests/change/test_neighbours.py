"""Cells beside those around them: a patch is surer than a lone cell, and nothing depends on how cells are cut into pieces."""

import numpy as np
import pytest

from landuse.change import neighbours
from landuse.change.neighbours import ALONE, MOST, changes_beside
from landuse.change.pair import SurveyPair


def joint(some):
    """Both vectors as if they told nothing of each other."""
    return some.before[:, :, None] * some.after[:, None, :]


def image_of(before, after):
    """All cells of images (H, W, K)."""
    lines, columns = np.indices(before.shape[:2]).reshape(2, -1)
    p, q = before.reshape(len(lines), -1), after.reshape(len(lines), -1)
    return SurveyPair(p, q, lines, columns, np.stack([p.argmax(axis=1), q.argmax(axis=1)], axis=1))


def usual(classes, share=0.0):
    """Each change has this mean probability everywhere."""
    return share * (1 - np.eye(classes))


def drawn(seed, shape=(9, 7), classes=3):
    rng = np.random.default_rng(seed)
    return (rng.dirichlet(np.ones(classes), shape) for _ in range(2))


def test_odds_rise_with_the_same_change_around_and_with_no_other():
    before, after = np.zeros((3, 9, 3)), np.zeros((3, 9, 3))
    before[..., 0] = after[..., 0] = 1.0
    for column in (1, 4, 7):
        after[1, column] = [0.9, 0.1, 0.0]
    after[0, 1], after[0, 4] = [0.8, 0.2, 0.0], [0.8, 0.0, 0.2]
    found = changes_beside(image_of(before, after), joint, usual(3)).change.reshape(3, 9)
    odds = found[1] / (1 - found[1])
    assert odds[7] == pytest.approx(1 / 9)
    assert odds[4] == pytest.approx(1 / 9)
    assert odds[1] == pytest.approx((1 + 0.2 / 8 / ALONE) / 9)


def test_a_patch_makes_nothing_more_than_five_times_as_likely():
    before, after = np.zeros((5, 5, 2)), np.zeros((5, 5, 2))
    before[..., 0], after[..., 1] = 1.0, 1.0
    after[2, 2] = [0.8, 0.2]
    found = changes_beside(image_of(before, after), joint, usual(2)).change.reshape(5, 5)
    assert found[2, 2] / (1 - found[2, 2]) == pytest.approx(MOST * 0.25)


def test_a_change_that_is_as_usual_everywhere_is_no_news():
    before, after = np.zeros((5, 5, 2)), np.zeros((5, 5, 2))
    before[..., 0], after[...] = 1.0, [0.8, 0.2]
    found = changes_beside(image_of(before, after), joint, usual(2, 0.2)).change
    np.testing.assert_allclose(found, 0.2)
    half = changes_beside(image_of(before, after), joint, usual(2, 0.1)).change.reshape(5, 5)
    assert half[2, 2] / (1 - half[2, 2]) == pytest.approx(0.25 * (0.2 + ALONE) / (0.1 + ALONE))


@pytest.mark.parametrize("most", [1, 9 * 7 * 2, 9 * 7 * 5])
def test_pieces_of_any_height_say_the_same(monkeypatch, most):
    pair = image_of(*drawn(1))
    pair = pair.take((np.random.default_rng(2).random(len(pair)) < 0.8) & ((pair.lines < 2) | (pair.lines > 5)))
    whole = changes_beside(pair, joint, usual(3, 0.01))
    monkeypatch.setattr(neighbours, "CACHED", most)
    monkeypatch.setattr(neighbours, "MOST_VALUES", most)
    pieces = changes_beside(pair, joint, usual(3, 0.01))
    assert np.array_equal(pieces.change, whole.change)
    assert np.array_equal(pieces.named, whole.named)


def test_swapping_the_surveys_swaps_the_changes():
    before, after = drawn(3)
    there, back = (changes_beside(image_of(*pair), joint, usual(3)) for pair in ((before, after), (after, before)))
    np.testing.assert_allclose(there.change, back.change)
    assert np.array_equal(there.move, back.move[:, ::-1])
