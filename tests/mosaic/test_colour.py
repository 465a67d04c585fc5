import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.mosaic.colour import FEWEST, SLOPES, apply_curves, curves_to, distance, palette_of, without_clouds

LAND = {"field": (120, 110, 90, 150), "wood": (50, 70, 45, 130), "water": (40, 60, 70, 20)}


def land(field: int, wood: int, water: int, seed: int = 0) -> np.ndarray:
    """Pixels uint8 (n, 4) of so many of each kind."""
    rng = np.random.default_rng(seed)
    counts = {"field": field, "wood": wood, "water": water}
    parts = [rng.normal(LAND[name], 8, (count, 4)) for name, count in counts.items()]
    return np.clip(np.rint(np.concatenate(parts)), 1, 244).astype(np.uint8)


def darker(pixels: np.ndarray) -> np.ndarray:
    """The same land by another camera."""
    return np.clip(np.rint(pixels * np.array([0.6, 0.8, 0.7, 0.9]) + 12), 0, 255).astype(np.uint8)


def error(pixels: np.ndarray, curves: np.ndarray) -> float:
    """Mean difference, in grey levels, of recoloured pixels from what the first camera shows."""
    return float(np.abs(apply_curves(darker(pixels), curves).astype(float) - pixels).mean())


def test_colours_of_the_same_land_come_back():
    pixels = land(3000, 2000, 1000)
    reference = palette_of(pixels)
    curves = curves_to(darker(pixels), reference)
    assert error(pixels, curves) < 1.5
    assert distance(darker(pixels), reference) > 10
    assert distance(apply_curves(darker(pixels), curves), reference) < 2


def test_more_water_is_not_taken_for_darker_light():
    """Twice the water: quantiles alone would brighten half of it to woods, by 60 levels of infrared."""
    wet = land(2400, 1600, 2000, seed=1)
    curves = curves_to(darker(wet), palette_of(land(3000, 2000, 1000)))
    off = apply_curves(darker(wet), curves)[-2000:].mean(axis=0) - wet[-2000:].mean(axis=0)
    assert abs(off[3]) < 6
    assert np.abs(off).max() < 12


def test_a_survey_on_itself_stays_as_it_is():
    pixels = land(3000, 2000, 1000)
    assert error(pixels, curves_to(darker(pixels), palette_of(pixels))) < 1.5
    same = apply_curves(pixels, curves_to(pixels, palette_of(pixels)))
    assert np.abs(same.astype(int) - pixels).max() <= 2


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(0.3, 1.0), st.floats(0, 60))
def test_curves_rise_and_their_slopes_are_bounded(seed, gain, offset):
    pixels = land(400, 200, 100, seed)
    other = np.clip(pixels * gain + offset, 0, 255).astype(np.uint8)
    steps = np.diff(curves_to(other, palette_of(pixels, seed)).astype(int), axis=1)
    assert steps.min() >= 0
    assert steps.max() <= SLOPES[1] + 1


def test_too_few_pixels_have_no_colours():
    few = land(FEWEST - 1, 0, 0)
    assert palette_of(few) is None
    assert curves_to(few, palette_of(land(1000, 1000, 1000))) is None


def test_one_colour_everywhere_is_no_division_by_zero():
    flat = np.full((1000, 3), 7, np.uint8)
    curves = curves_to(flat, palette_of(flat))
    assert (apply_curves(flat, curves) == 7).all()


def test_clouds_and_collars_are_no_land():
    pixels = np.array([[250, 252, 255, 90], [0, 0, 0, 0], [250, 120, 90, 90], [20, 30, 40, 255]], np.uint8)
    assert without_clouds(pixels).tolist() == [False, False, True, True]


@pytest.mark.parametrize("inplace", [False, True])
def test_a_curve_changes_its_own_band_alone(inplace):
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    curves = np.stack([np.arange(256), 255 - np.arange(256), np.full(256, 9)]).astype(np.uint8)
    expected = np.stack([image[..., 0], 255 - image[..., 1], np.full((2, 4), 9)], axis=-1)
    np.testing.assert_array_equal(apply_curves(image, curves, out=image if inplace else None), expected)
