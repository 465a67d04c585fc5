"""What a network is shown where there is no imagery."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from landuse.scoring.block import fill_gaps

VALID = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def filled(rows, valid):
    chip = np.array(rows, np.uint8)[..., None]
    fill_gaps(chip, np.array(valid, bool))
    return chip[..., 0].tolist()


def test_the_imagery_goes_on_as_in_a_mirror():
    assert filled([[1, 2, 3, 0, 0]], [[1, 1, 1, 0, 0]]) == [[1, 2, 3, 2, 1]]


def test_a_gap_that_is_deeper_than_the_imagery_takes_several_passes():
    assert filled([[1, 2, 0, 0, 0, 0]], [[1, 1, 0, 0, 0, 0]]) == [[1, 2, 1, 2, 1, 2]]


def test_a_single_pixel_colours_all():
    assert filled([[0, 7, 0]], [[0, 1, 0]]) == [[7, 7, 7]]


@given(VALID)
def test_imagery_stays_and_nothing_is_invented(valid):
    chip = np.random.default_rng(0).integers(1, 255, (*valid.shape, 3), np.uint8)
    chip[~valid] = 0
    before = chip.copy()
    fill_gaps(chip, valid)
    assert np.array_equal(chip[valid], before[valid])
    colours = {tuple(colour) for colour in before[valid].tolist()}
    assert not valid.any() or {tuple(colour) for colour in chip.reshape(-1, 3).tolist()} == colours
