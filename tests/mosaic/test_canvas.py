import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landuse.mosaic.layer import HALF, Canvas, Pixels, unmultiplied

ALL = slice(0, 4), slice(0, 5)
colours = arrays(np.uint8, (4, 5, 3))
weights = arrays(np.uint8, (4, 5))


def test_an_empty_canvas_is_nowhere_valid():
    pixels = Canvas(4, 5, 3).pixels()
    assert not pixels.valid.any()
    assert not pixels.data.any()


@given(colours, colours, arrays(bool, (4, 5)))
def test_the_first_valid_pixel_wins(first, second, valid):
    canvas = Canvas(4, 5, 3)
    canvas.put(ALL, first, valid * np.uint8(255))
    canvas.put(ALL, second, None)
    pixels = canvas.pixels()
    assert pixels.valid.all()
    np.testing.assert_array_equal(pixels.data, np.where(valid[..., None], first, second))


@given(colours, colours, weights)
def test_shares_that_make_a_whole_are_mixed(first, second, weight):
    canvas = Canvas(4, 5, 3)
    canvas.put(ALL, first, weight)
    canvas.put(ALL, second, 255 - weight)
    share = weight[..., None] / 255
    assert canvas.filled(ALL)
    np.testing.assert_allclose(canvas.pixels().data, first * share + second * (1 - share), atol=0.51)


@given(colours, weights)
def test_less_than_half_of_a_pixel_is_no_pixel(colour, weight):
    canvas = Canvas(4, 5, 3)
    canvas.put(ALL, colour, weight)
    pixels = canvas.pixels()
    np.testing.assert_array_equal(pixels.valid, weight >= HALF)
    assert not pixels.data[~pixels.valid].any()


@given(colours, arrays(np.float32, (4, 5), elements=st.floats(0.5, 1, width=32)))
def test_colour_comes_back_from_its_product(colour, share):
    got, weight = unmultiplied(colour * share[..., None], share)
    np.testing.assert_allclose(got.astype(int), colour, atol=1)
    np.testing.assert_allclose(weight / 255, share, atol=0.003)


def test_chips_of_a_window_come_in_image_order():
    data = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    valid = data[..., 0] % 2 == 0
    chips, masks = Pixels(data, valid).chips(3)
    assert chips.shape == (6, 3, 3, 3)
    np.testing.assert_array_equal(chips[4], data[3:6, 3:6])
    np.testing.assert_array_equal(masks[2], valid[0:3, 6:9])
