import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.mosaic.resampling import axis, resample

steps = st.floats(0.05, 20)
starts = st.floats(-30, 30)


def test_whole_numbers_are_block_means():
    image = np.random.default_rng(0).integers(0, 255, (12, 18, 3), dtype=np.uint8)
    got = resample(image, axis(0, 3, 4, 12), axis(0, 3, 6, 18))
    np.testing.assert_allclose(got, image.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3)), rtol=1e-5)


def test_enlarging_is_linear_between_pixel_centres():
    line = np.arange(10, dtype=np.float32).reshape(1, 10, 1)
    got = resample_line(line, 2, 0.25, 16)
    np.testing.assert_allclose(got, 2 + (np.arange(16) + 0.5) * 0.25 - 0.5, atol=1e-4)


def resample_line(line, start, step, count):
    cols = axis(start, step, count, line.shape[1])
    return resample(line[:, cols.first : cols.last], axis(0, 1, 1, 1), cols)[0, :, 0]


def test_the_same_pixels_come_back():
    line = np.random.default_rng(0).random((1, 9, 1)).astype(np.float32)
    np.testing.assert_array_equal(resample_line(line, 0, 1, 9), line[0, :, 0])


@pytest.mark.parametrize("start", [-20, 30])
def test_no_common_ground(start):
    found = axis(start, 1.5, 4, 9)
    assert (found.first, found.last) == (0, 0)
    assert not found.cover.any()


@given(starts, steps, st.integers(1, 40), st.integers(1, 60))
def test_weights_are_the_share_inside(start, step, count, length):
    found = axis(start, step, count, length)
    width = max(step, 1)
    middle = start + (np.arange(count) + 0.5) * step
    inside = np.clip(np.minimum(middle + width / 2, length) - np.maximum(middle - width / 2, 0), 0, None)
    np.testing.assert_allclose(found.cover, inside / width, atol=1e-5)
    assert found.weights.data.min(initial=0) >= 0
    assert 0 <= found.first <= found.last <= length


@given(starts, steps, st.integers(1, 30), st.integers(2, 40), st.data())
def test_two_halves_add_up_to_the_whole(start, step, count, length, data):
    cut = data.draw(st.integers(1, length - 1))
    whole = axis(start, step, count, length).cover
    parts = axis(start, step, count, cut).cover + axis(start - cut, step, count, length - cut).cover
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@given(starts, steps, st.integers(2, 20), st.data())
def test_a_part_of_the_targets_has_the_same_weights(start, step, count, data):
    first = data.draw(st.integers(0, count - 1))
    length = 50
    whole, part = axis(start, step, count, length), axis(start + first * step, step, count - first, length)
    dense = np.zeros((count, length))
    dense[:, whole.first : whole.last] = whole.weights.toarray()
    again = np.zeros((count - first, length))
    again[:, part.first : part.last] = part.weights.toarray()
    np.testing.assert_allclose(again, dense[first:], atol=1e-5)
