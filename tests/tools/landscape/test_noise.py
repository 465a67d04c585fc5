import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.landscape.frame import Frame
from tools.landscape.noise import fractal, grain, hash01, noise_at, value_noise

WHOLE = Frame(-40.0, 120.0, 1.0, 90, 110)


@settings(max_examples=25)
@given(
    row=st.integers(0, 60),
    col=st.integers(0, 80),
    wavelength=st.floats(1.5, 400),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_tile_of_noise_equals_the_same_part_of_the_whole(row, col, wavelength, seed):
    tile = Frame(WHOLE.x0 + col, WHOLE.y0 + row, 1.0, 30, 30)
    whole = value_noise(WHOLE, wavelength, seed)[row : row + 30, col : col + 30]
    np.testing.assert_allclose(value_noise(tile, wavelength, seed), whole, atol=2e-5)


def test_grain_is_the_same_in_a_tile():
    tile = Frame(WHOLE.x0 + 7, WHOLE.y0 + 5, 1.0, 20, 20)
    np.testing.assert_array_equal(grain(tile, 3), grain(WHOLE, 3)[5:25, 7:27])


def test_scattered_points_see_the_same_field():
    x, y = WHOLE.xs[[3, 50, 99]], WHOLE.ys[[8, 40, 88]]
    np.testing.assert_allclose(
        noise_at(x, y, 23.0, 9), value_noise(WHOLE, 23.0, 9)[[8, 40, 88], [3, 50, 99]], atol=1e-4
    )


def test_noise_has_unit_deviation_and_no_mean():
    field = fractal(Frame(0, 0, 1.0, 600, 600), (7.0, 4.0, 2.0), 1)
    assert abs(float(field.mean())) < 0.05
    assert 0.9 < float(field.std()) < 1.1


def test_hash_is_uniform_and_differs_between_seeds():
    ix, iy = np.arange(300), np.arange(-150, 150)[:, None]
    first, second = hash01(ix, iy, 1), hash01(ix, iy, 2)
    counts, _ = np.histogram(first, 10, (0, 1))
    assert counts.min() > 8500
    assert first.max() < 1.0
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
