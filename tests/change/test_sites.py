import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landuse.change.sites import TIERS, change_sites, tier_counts, tier_of


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_sites_are_the_connected_areas_of_each_value(pairs):
    sites = change_sites(pairs)
    assert ((sites.ids > 0) == (pairs > 0)).all()
    expected = sum(ndimage.label(pairs == value)[1] for value in (1, 2, 3))
    assert len(sites) == expected
    for number in range(1, len(sites) + 1):
        inside = sites.ids == number
        assert ndimage.label(inside)[1] == 1
        assert (pairs[inside] == sites.pairs[number - 1]).all()
        assert inside.sum() == sites.cells[number - 1]
    firsts = [np.flatnonzero(sites.ids.ravel() == n)[0] for n in range(1, len(sites) + 1)]
    assert firsts == sorted(firsts)


def test_cells_that_meet_at_a_corner_or_across_the_edge_of_the_map_are_two_sites():
    assert len(change_sites(np.array([[1, 0], [0, 1]]))) == 2
    assert len(change_sites(np.array([[0, 0, 1], [1, 0, 0]]))) == 2


def test_small_sites_are_left_out_and_the_rest_renumbered():
    pairs = np.array([[1, 0, 2, 2], [0, 0, 0, 0], [3, 3, 3, 1]])
    sites = change_sites(pairs, min_cells=2)
    assert sites.pairs.tolist() == [2, 3]
    assert sites.cells.tolist() == [2, 3]
    assert sites.ids.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [2, 2, 2, 0]]


@pytest.mark.parametrize(
    ("probability", "tier"),
    [(0.95, "certain"), (0.9, "certain"), (0.6, "likely"), (0.5, "likely"), (0.2, "possible"), (None, "unrated")],
)
def test_tiers(probability, tier):
    assert tier_of(probability) == tier
    assert tier in TIERS
    assert tier_counts([tier])[tier] == 1


def test_an_unknown_probability_is_unrated():
    assert tier_of(float("nan")) == "unrated"
