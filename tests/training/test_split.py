"""What is held back: whole blocks and groups, far enough away, and of every class where that can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import UsageError
from landuse.options.training import HoldoutOptions
from landuse.training.split import Layout, Places, folds, given_sides, hold_out, split

CHIP = 224.0


@st.composite
def layouts(draw):
    """Samples of a few years on a small piece of land, so that cells repeat."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.integers(40, 150))
    places = Places(rng.integers(-30, 30, n), rng.integers(100, 150, n), CHIP)
    groups = np.array([f"county {g}" for g in rng.integers(0, 6, n)], object) if draw(st.booleans()) else None
    return Layout(rng.integers(0, 3, n), places, groups)


def apart(layout, side, other):
    """Metres between the nearest two cells of two sides, the slow way; -1 for the same cell."""
    cells = np.stack([layout.places.rows, layout.places.cols], axis=1)
    steps = np.abs(cells[side][:, None] - cells[other][None])
    gaps = np.hypot(*np.moveaxis(np.maximum(steps - 1, 0), -1, 0)) * CHIP
    return np.where((steps == 0).all(axis=-1), -1, gaps).min()


@settings(max_examples=40)
@given(layouts(), st.sampled_from([0.0, 300.0, 1000.0]), st.sampled_from([None, 500.0, 3000.0]), st.integers(0, 99))
def test_no_ground_and_no_group_is_on_both_sides(layout, buffer_m, block_m, seed):
    rule = HoldoutOptions(holdout=0.3, seed=seed, block_m=block_m, buffer_m=buffer_m)
    try:
        found = split(layout, rule)
    except UsageError:  # the buffer takes everything; see below
        return
    assert np.array_equal(found.train.astype(int) + found.test + found.left_out, np.ones(len(layout)))
    if not found.test.any():
        return
    assert apart(layout, found.train, found.test) == pytest.approx(found.distance_m)
    assert found.distance_m >= buffer_m
    _, together = layout.kept_together(block_m)
    assert not set(together[found.train]) & set(together[found.test])
    report = found.report()
    assert report["train"] + report["test"] + report["left_out"] == len(layout)


@settings(max_examples=20)
@given(layouts(), st.integers(2, 5))
def test_every_sample_is_held_back_by_one_fold(layout, count):
    found = folds(layout, count, HoldoutOptions(block_m=2000.0))
    assert 2 <= len(found) <= count
    assert np.array_equal(np.sum([s.test for s in found], axis=0), np.ones(len(layout)))
    for one in found:
        assert not (one.train & one.test).any()
        assert apart(layout, one.train, one.test) >= 0


def test_folds_leave_the_test_side_alone():
    sides = np.arange(60) < 20
    layout = Layout(np.arange(60) % 2, sides=sides)
    for one in folds(layout, 4, HoldoutOptions()):
        assert not (one.train & sides).any()
        assert not (one.test & sides).any()
        assert one.left_out.sum() == 20


def test_folds_need_two_blocks():
    with pytest.raises(UsageError, match="--block-m"):
        folds(Layout(np.arange(4) % 2, Places(np.zeros(4, int), np.arange(4), CHIP)), 3, HoldoutOptions(block_m=1e6))


@settings(max_examples=40)
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
    assert split(Layout(labels), HoldoutOptions()).kind == "stratified random"


def test_the_only_sample_of_a_class_is_learnt_from():
    labels = np.array([0] * 1000 + [1])
    for seed in range(10):
        held = hold_out(labels, np.arange(len(labels)), 0.2, seed)
        assert 150 < held.sum() < 250
        assert not held[-1]


def test_nothing_is_held_back_where_it_cannot_be():
    labels = np.array([0, 1, 0, 1])
    assert not hold_out(labels, np.zeros(4, int), 0.2, 0).any()
    assert not hold_out(labels, np.arange(4), 0, 0).any()


def test_given_sides_are_taken_but_for_the_same_ground():
    places = Places(np.array([5, 5, 5, 9]), np.array([1, 1, 2, 9]), CHIP)
    sides = given_sides(["Test", "train", "val", "training"], "t.csv")
    found = split(Layout(np.zeros(4, int), places, sides=sides), HoldoutOptions())
    assert found.kind == "given"
    assert found.test.tolist() == [True, False, False, False]
    assert found.left_out.tolist() == [False, True, False, False]
    assert found.distance_m == 0
    with pytest.raises(UsageError, match=r"t\.csv.*'tset'"):
        given_sides(["tset"], "t.csv")


def test_a_buffer_that_takes_everything_is_refused():
    places = Places(np.zeros(40, int), np.arange(40), CHIP)
    with pytest.raises(UsageError, match="100000 m"):
        split(Layout(np.arange(40) % 2, places), HoldoutOptions(buffer_m=1e5))


def test_blocks_are_squares_of_metres():
    places = Places(np.array([0, 3, 4, -1]), np.zeros(4, int), 250.0)
    blocks = places.blocks(1000.0)
    assert blocks[0] == blocks[1]
    assert len(set(blocks.tolist())) == 3
    assert Places(np.arange(16), np.zeros(16, int), 32.0).blocks().tolist() == [0] * 8 + [1] * 8


def test_gaps_are_measured_from_edge_to_edge():
    places = Places(np.array([0, 0, 1, 3, 0]), np.array([0, 1, 1, 4, 5]), 100.0)
    gaps = places.gaps(np.array([True, False, False, False, False]))
    assert gaps == pytest.approx([-1, 0, 0, 100 * np.hypot(2, 3), 400])
    assert np.isinf(places.gaps(np.zeros(5, bool))).all()
