"""The threshold of each class: as good as any other on the samples it is chosen on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.training.calibration import FEWEST, best_thresholds


def f1(members, given_):
    return 2 * (members & given_).sum() / (members.sum() + given_.sum())


@st.composite
def judged(draw):
    """Scores that repeat, of at least the fewest samples with and without the class."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.integers(2 * FEWEST, 60))
    members = rng.permutation(np.arange(n) < draw(st.integers(FEWEST, n - FEWEST)))
    scores = np.round(np.clip(0.3 * members + rng.random(n) * 0.7, 0, 1), draw(st.sampled_from([1, 2, 6])))
    return members, scores.astype(np.float32)


@settings(max_examples=80)
@given(judged())
def test_no_other_threshold_has_a_higher_f1(drawn):
    members, scores = drawn
    (found,) = best_thresholds(members[:, None], scores[:, None])
    best = f1(members, scores >= found)
    others = {f1(members, scores >= score): score for score in np.unique(scores)}
    assert best == pytest.approx(max(others))
    assert not ((scores >= found) & (scores < found)).any()
    equally_good = [score for score in np.unique(scores) if f1(members, scores >= score) >= best - 1e-12]
    assert (scores >= found).sum() == (scores >= max(equally_good)).sum()


def test_a_threshold_lies_halfway_to_the_next_score():
    members = np.arange(20) >= 10
    scores = np.where(members, 0.8, 0.4).astype(np.float32)
    assert best_thresholds(members[:, None], scores[:, None]) == pytest.approx([0.6])


def test_classes_are_chosen_by_themselves_and_rare_ones_not_at_all():
    members = np.stack([np.arange(30) < 15, np.arange(30) < FEWEST - 1, np.arange(30) >= FEWEST - 1], axis=1)
    scores = np.tile(np.linspace(0.9, 0.1, 30, dtype=np.float32)[:, None], 3)
    found = best_thresholds(members, scores)
    assert found[1:].tolist() == [0.5, 0.5]
    assert scores[15, 0] < found[0] < scores[14, 0]
