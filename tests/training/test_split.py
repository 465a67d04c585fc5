"""What is held back: whole groups, and of every class where that can be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.training.split import hold_out


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0.1, 0.2, 0.5]))
def test_a_group_is_never_on_both_sides(seed, groups, share):
    rng = np.random.default_rng(seed)
    labels, group = rng.integers(0, 3, 120), rng.integers(0, groups, 120)
    held = hold_out(labels, group, share, seed)
    assert not set(group[held]) & set(group[~held])
    assert np.array_equal(held, hold_out(labels, group, share, seed))


def test_single_samples_keep_the_shares_of_classes():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    held = hold_out(labels, np.arange(160), 0.2, 0)
    assert np.bincount(labels[held]).tolist() == [20, 10, 2]


def test_nothing_is_held_back_where_it_cannot_be():
    labels = np.array([0, 1, 0, 1])
    assert not hold_out(labels, np.zeros(4, int), 0.2, 0).any()
    assert not hold_out(labels, np.arange(4), 0, 0).any()
