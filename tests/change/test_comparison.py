"""Two maps compared: what counts as changed, and that it does not depend on who comes first."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.change.calibration import calibrate_pair
from landuse.change.comparison import ChangeRule, compare
from landuse.change.maps import ClassMap
from landuse.grid import Cell, CellRange, ChipGrid
from landuse.legend import load_legend
from tests.change.makers import CORNER, UTM
from tests.change.simulation import infer_change

LEGEND = load_legend("groups3")
CODES = np.array(LEGEND.codes, np.uint8)
GRID = ChipGrid(UTM)


def land(probabilities, missing=None, **more):
    """A map of chips from probabilities (K, H, W); `missing` cells hold nothing."""
    shape = probabilities.shape[1:]
    missing = np.zeros(shape, bool) if missing is None else missing
    row, col = CORNER
    transform = GRID.transform(CellRange(row, row + shape[0], col, col + shape[1]), 1)
    codes = np.where(missing, 0, CODES[probabilities.argmax(axis=0)]).astype(np.uint8)
    bands = np.where(missing, np.nan, probabilities).astype(np.float32)
    return ClassMap("map", (), codes, transform, UTM, LEGEND, grid=GRID, probabilities=bands, **more)


def drawn(seed, shape=(12, 15), sure=3.0):
    """Two surveys of one place: a tenth of the cells have moved, some are missing in one of them."""
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 3, shape)
    after = np.where(rng.random(shape) < 0.1, rng.integers(0, 3, shape), before)
    maps = []
    for truth in (before, after):
        evidence = np.exp(rng.normal(0, 1, (3, *shape)) + sure * np.eye(3)[truth].transpose(2, 0, 1))
        maps.append(land(evidence / evidence.sum(axis=0), rng.random(shape) < 0.05))
    return maps


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_confirmed_differs_and_is_likely_enough(seed):
    before, after = drawn(seed)
    found = compare(before, after, ChangeRule(0.5, 1))
    known = (before.codes > 0) & (after.codes > 0)
    assert np.array_equal(found.differ, known & (before.codes != after.codes))
    assert np.array_equal(np.isfinite(found.probability), known)
    named = np.zeros(known.shape)
    named[found.known] = found.cells.named
    assert np.array_equal(found.confirmed, found.differ & (named >= 0.5))
    assert (named[found.differ] <= found.probability[found.differ] + 1e-6).all()
    assert np.array_equal(found.confirmed, found.sites.ids > 0)
    table, sure = found.labels_table(), found.confirmed_table()
    assert (sure.cells <= table.cells).all()
    assert sure.cells.sum() == found.confirmed.sum() == len(found.changes())
    assert np.diag(sure.cells).sum() == 0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_swapping_the_maps_swaps_the_answer(seed):
    before, after = drawn(seed)
    there, back = compare(before, after, ChangeRule()), compare(after, before, ChangeRule())
    np.testing.assert_allclose(there.probability, back.probability, atol=1e-4)
    assert np.array_equal(there.differ, back.differ)
    assert np.array_equal(there.labels_table().cells, back.labels_table().cells.T)


def test_the_probability_of_a_cell_is_that_of_its_two_vectors():
    before, after = drawn(2, (20, 20))
    found = compare(before, after, ChangeRule())
    known = np.isfinite(found.probability)
    vectors = [one.probabilities[:, known].T.astype(np.float64) for one in (before, after)]
    said = infer_change(*calibrate_pair(*vectors).apply(*vectors))
    np.testing.assert_allclose(found.probability[known], said.change, atol=1e-6)
    assert said.change.max() - said.change.min() > 0.05


def test_a_higher_bar_and_a_larger_site_only_take_away():
    before, after = drawn(3, (30, 30), sure=2.0)
    counts = [compare(before, after, ChangeRule(p)).confirmed for p in (0.0, 0.3, 0.6, 0.9, 1.01)]
    assert np.array_equal(counts[0], compare(before, after, ChangeRule(0.0)).differ)
    assert all((more >= fewer).all() for more, fewer in itertools.pairwise(counts))
    assert not counts[-1].any()
    large = compare(before, after, ChangeRule(0.0, 2))
    assert large.confirmed.sum() < counts[0].sum()
    assert (large.sites.cells >= 2).all()


def test_chips_are_named_by_their_place_on_the_lattice():
    sharp = np.full((3, 2, 3), 0.001)
    sharp[0] = 0.998
    later = sharp.copy()
    later[:, 1, 2] = [0.001, 0.998, 0.001]
    found = compare(land(sharp), land(later), ChangeRule(0.0))
    south_east = Cell(CORNER[0], CORNER[1] + 2)
    assert found.changes() == {south_east.id: (LEGEND.names[0], LEGEND.names[1])}
    moved = replace(land(later), transform=land(later).transform @ Affine.translation(-1, 0))
    assert list(compare(land(sharp), moved, ChangeRule(0.0)).changes()) == [Cell(CORNER[0], CORNER[1] + 1).id]
    assert compare(replace(land(sharp), grid=None), land(later), ChangeRule(0.0)).changes() == {}


def test_without_probabilities_every_difference_counts_and_nobody_says_how_surely():
    before, after = drawn(1)
    found = compare(before, replace(after, probabilities=None), ChangeRule(0.99))
    assert (found.probability, found.fitted, found.pair) == (None, None, None)
    assert np.array_equal(found.confirmed, found.differ)


def test_probabilities_that_are_nowhere_known_confirm_nothing():
    before, after = drawn(1)
    unknown = replace(after, probabilities=np.full_like(after.probabilities, np.nan))
    found = compare(before, unknown, ChangeRule(0.5))
    assert np.isnan(found.probability).all()
    assert found.fitted is None
    assert found.differ.any()
    assert not found.confirmed.any()


@pytest.mark.parametrize("rows", [slice(0, 5), slice(4, 12)])
def test_only_the_shared_ground_is_compared(rows):
    before, after = drawn(6)
    part = replace(
        after,
        codes=after.codes[rows],
        probabilities=after.probabilities[:, rows],
        transform=after.transform @ Affine.translation(0, rows.start),
    )
    found = compare(before, part, ChangeRule(0.0))
    assert np.array_equal(found.confirmed, compare(before, after, ChangeRule(0.0)).confirmed[rows])
