"""Two maps compared: what counts as changed, and that it does not depend on who comes first."""

import itertools
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landuse.change import comparison, overlap, ranking
from landuse.change.comparison import ChangeRule, compare
from landuse.change.maps import ClassMap
from landuse.grid import Cell, CellRange, ChipGrid
from landuse.legend import load_legend
from tests.change.makers import CORNER, UTM, ArrayPixels, Seen
from tests.change.test_classwise import inferred

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
    return ClassMap("map", (), ArrayPixels(codes, bands), transform, UTM, LEGEND, grid=GRID, **more)


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


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_what_is_confirmed_differs_and_is_likely_enough(seed):
    before, after = drawn(seed)
    seen = Seen(before, after, ChangeRule(0.5, 1))
    known = (before.codes > 0) & (after.codes > 0)
    assert np.array_equal(seen.differ, known & (before.codes != after.codes))
    assert np.array_equal(np.isfinite(seen.probability), known)
    named = seen.block.image(seen.cells.named)
    assert np.array_equal(seen.confirmed, seen.differ & (np.nan_to_num(named) >= 0.5))
    assert (named[seen.differ] <= seen.probability[seen.differ] + 1e-6).all()
    table, sure = seen.totals.labels, seen.totals.confirmed
    assert (sure.cells <= table.cells).all()
    assert sure.cells.sum() == seen.confirmed.sum() == seen.sites.cells.sum()
    assert np.diag(sure.cells).sum() == 0


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_swapping_the_maps_swaps_the_answer(seed):
    before, after = drawn(seed)
    there, back = Seen(before, after), Seen(after, before)
    np.testing.assert_allclose(there.probability, back.probability, atol=1e-4)
    assert np.array_equal(there.differ, back.differ)
    assert np.array_equal(there.totals.labels.cells, back.totals.labels.cells.T)


def test_the_probability_of_a_cell_alone_is_that_of_its_two_vectors():
    before, after = drawn(2, (20, 20))
    lone = np.indices((20, 20)).sum(axis=0) % 4 > 0
    lone |= np.indices((20, 20))[0] % 2 > 0
    for one in (before, after):
        one.pixels.all_codes[lone] = 0
    seen = Seen(before, after)
    known = np.isfinite(seen.probability)
    vectors = [one.pixels.bands[:, known].T.astype(np.float64) for one in (before, after)]
    _, said = inferred(*vectors)
    np.testing.assert_allclose(seen.probability[known], said.change, atol=1e-6)
    assert said.change.max() - said.change.min() > 0.05


def test_blocks_and_bands_of_any_size_say_the_same(monkeypatch):
    before, after = drawn(5, (23, 31), sure=2.5)
    whole = Seen(before, after, ChangeRule(0.3, 2, smooth=True))
    for tile, lines, band in ((8, 3, 40), (16, 16, 31), (7, 2, 100)):
        monkeypatch.setattr(comparison, "TILE", tile)
        monkeypatch.setattr(comparison, "LINES", lines)
        monkeypatch.setattr(overlap, "BAND_CELLS", band)
        pieces = Seen(before, after, ChangeRule(0.3, 2, smooth=True))
        assert np.array_equal(pieces.probability, whole.probability, equal_nan=True)
        assert np.array_equal(pieces.confirmed, whole.confirmed)
        assert pieces.tally.ranking.probability.tolist() == whole.tally.ranking.probability.tolist()
        assert pieces.tally.budget == pytest.approx(whole.tally.budget)
        assert pieces.sites.cells.tolist() == whole.sites.cells.tolist()
        np.testing.assert_allclose(pieces.sites.area_ha, whole.sites.area_ha, rtol=1e-9)
        np.testing.assert_allclose(pieces.sites.probability, whole.sites.probability, rtol=1e-6)
        assert outlines_of(pieces) == outlines_of(whole)


def outlines_of(seen):
    """The outlines of the sites, whatever corner of them comes first."""
    return {shapely.to_wkb(shapely.normalize(one)) for one in shapely.from_wkb(seen.sites.outlines)}


def test_a_large_map_is_learnt_from_a_sample_and_a_ranking_keeps_the_likeliest(monkeypatch):
    before, after = drawn(7, (60, 70), sure=2.5)
    whole = Seen(before, after)
    monkeypatch.setattr(comparison, "MOST_SAMPLED", 2000)
    monkeypatch.setattr(comparison, "TILE", 16)
    monkeypatch.setattr(ranking, "MOST_RANKED", 300)
    part = Seen(before, after)
    assert 1700 < len(part.found.sample) < 2000
    assert np.array_equal(part.found.sample.lines, Seen(before, after).found.sample.lines)
    assert (np.diff(part.found.sample.lines) >= 0).all()
    assert part.tally.known == whole.tally.known == len(whole.found.sample)
    np.testing.assert_allclose(part.found.fitted.transition, whole.found.fitted.transition, atol=0.02)
    best = np.sort(part.cells.moved)[::-1][:300]
    np.testing.assert_allclose(part.tally.ranking.probability, best)
    assert len(whole.tally.ranking) == whole.tally.known


def test_a_higher_bar_and_a_larger_site_only_take_away():
    before, after = drawn(3, (30, 30), sure=2.0)
    counts = [Seen(before, after, ChangeRule(p)).confirmed for p in (0.0, 0.3, 0.6, 0.9, 1.01)]
    assert np.array_equal(counts[0], Seen(before, after).differ)
    assert all((more >= fewer).all() for more, fewer in itertools.pairwise(counts))
    assert not counts[-1].any()
    large = Seen(before, after, ChangeRule(0.0, 2))
    assert 0 < large.confirmed.sum() < counts[0].sum()
    assert (large.sites.cells >= 2).all()
    by_area = Seen(before, after, ChangeRule(0.0, min_hectares=9.0))  # a cell has five hectares
    assert np.array_equal(by_area.confirmed, large.confirmed)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 9))
def test_small_sites_go_whole_and_no_other_cell_with_them(seed, least, band):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (2, 14, 11))
    maps = [replace(land(np.eye(3)[one].transpose(2, 0, 1)), pixels=ArrayPixels(CODES[one])) for one in labels]
    with mock.patch.object(overlap, "BAND_CELLS", band * 11):
        kept = Seen(*maps, ChangeRule(min_site=least)).confirmed
    kinds = np.where(labels[0] != labels[1], 1 + 3 * labels[0] + labels[1], 0)
    expected = np.zeros_like(kept)
    for kind in np.unique(kinds[kinds > 0]):
        number, count = ndimage.label(kinds == kind)
        sizes = np.bincount(number.ravel(), minlength=count + 1)
        expected |= (number > 0) & (sizes[number] >= least)
    assert np.array_equal(kept, expected)


def test_smoothing_takes_lone_cells_away_takes_doubtful_ones_along_and_keeps_ties():
    before, after = (np.zeros((20, 12), int) for _ in range(2))
    before[13:] = after[13:] = 1
    after[1, 1] = 1  # alone
    after[4:9, 4:9] = 1  # a place, of which the middle is doubtful
    maps = [land(np.where(np.eye(3)[one].transpose(2, 0, 1) > 0, 0.9998, 0.0001)) for one in (before, after)]
    maps[1].pixels.bands[:, 6, 6] = [0.48, 0.5, 0.02]
    rules = [ChangeRule(0.9, smooth=on, method="joint") for on in (False, True)]
    rough, smooth = (Seen(*maps, rule).confirmed for rule in rules)
    assert rough[1, 1]
    assert not rough[6, 6]
    assert not smooth[1, 1]
    assert smooth[4:9, 4:9].sum() == 21  # the corners have five neighbours against them
    assert smooth[6, 6]
    assert not (smooth & (before == after)).any()


def test_chips_are_named_by_their_place_on_the_lattice():
    sharp = np.full((3, 2, 3), 0.001)
    sharp[0] = 0.998
    found = compare(land(sharp), land(sharp), ChangeRule(0.0))
    south_east = Cell(CORNER[0], CORNER[1] + 2)
    assert found.chip_ids(np.array([1]), np.array([2])) == [south_east.id]
    moved = replace(land(sharp), transform=land(sharp).transform @ Affine.translation(-1, 0))
    part = compare(land(sharp), moved, ChangeRule(0.0))
    assert part.chip_ids(np.array([1]), np.array([1])) == [Cell(CORNER[0], CORNER[1] + 1).id]
    assert compare(replace(land(sharp), grid=None), land(sharp), ChangeRule()).chip_ids(np.zeros(1), np.zeros(1)) == [
        ""
    ]


def test_without_probabilities_every_difference_counts_and_nobody_says_how_surely():
    before, after = drawn(1)
    seen = Seen(before, replace(after, pixels=ArrayPixels(after.codes)), ChangeRule(0.99))
    assert np.isnan(seen.probability).all()
    assert (seen.found.fitted, seen.found.sample) == (None, None)
    assert np.array_equal(seen.confirmed, seen.differ)


def test_probabilities_that_are_nowhere_known_confirm_nothing():
    before, after = drawn(1)
    unknown = replace(after, pixels=ArrayPixels(after.codes, np.full_like(after.pixels.bands, np.nan)))
    seen = Seen(before, unknown, ChangeRule(0.5))
    assert np.isnan(seen.probability).all()
    assert seen.found.fitted is None
    assert seen.differ.any()
    assert not seen.confirmed.any()


@pytest.mark.parametrize("rows", [slice(0, 5), slice(4, 12)])
def test_only_the_shared_ground_is_compared(rows):
    before, after = drawn(6)
    part = replace(
        after,
        pixels=ArrayPixels(after.codes[rows], after.pixels.bands[:, rows]),
        transform=after.transform @ Affine.translation(0, rows.start),
    )
    whole = Seen(before, after, ChangeRule(0.0)).confirmed
    assert np.array_equal(Seen(before, part, ChangeRule(0.0)).confirmed, whole[rows])
