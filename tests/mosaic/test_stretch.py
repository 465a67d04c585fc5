import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.stretch import to_uint8, without_clouds
from tests.mosaic.rasters import GRID, Raster, at, corner, noise


def deep(height, width, seed=0, dtype="uint16", low=300, high=4000):
    return np.random.default_rng(seed).integers(low, high, (3, height, width)).astype(dtype)


def read(survey, cells=None):
    with MosaicReader(survey, GRID) as reader:
        return reader.read(cells or corner(2, 2))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "int32"])
def test_a_declared_stretch_is_linear(tmp_path, dtype):
    values = deep(64, 64, dtype=dtype)
    survey = open_survey([Raster(values).write(tmp_path / "a.tif")], stretch=(500, 3000))
    expected = np.clip((values.astype(float) - 500) * 255 / 2500, 0, 255).transpose(1, 2, 0)
    np.testing.assert_allclose(read(survey).data, expected, atol=0.51)


def test_percentiles_are_taken_once_for_the_survey(tmp_path):
    """A dark and a bright half keep their difference, and a chip's colours do not depend on the chip."""
    for name, factor in (("a", 1), ("b", 3)):
        Raster(deep(64, 64) * np.uint16(factor), at(64 if factor > 1 else 0, 0)).write(tmp_path / f"{name}.tif")
    survey = open_survey([tmp_path])
    both = np.concatenate([deep(64, 64).ravel(), deep(64, 64).ravel() * 3])
    np.testing.assert_allclose(survey.stretch, np.percentile(both, [2, 98]), rtol=1e-6)
    data = read(survey, corner(2, 4)).data
    assert data[:, 64:].mean() > 2 * data[:, :64].mean()
    assert open_survey([tmp_path]).stretch == survey.stretch


def test_empty_pixels_have_no_part_in_the_percentiles(tmp_path):
    values = deep(64, 64)
    values[:, :40] = 65535
    survey = open_survey([Raster(values, nodata=65535).write(tmp_path / "a.tif")])
    assert survey.stretch[1] < 4000


def test_a_survey_without_any_valid_pixel_still_opens(tmp_path):
    survey = open_survey([Raster(np.zeros((3, 8, 8), np.uint16), nodata=0).write(tmp_path / "a.tif")])
    assert survey.stretch == (0.0, 1.0)
    assert not read(survey).valid.any()


def test_one_value_everywhere_is_no_division_by_zero(tmp_path):
    survey = open_survey([Raster(np.full((3, 8, 8), 7, np.uint16)).write(tmp_path / "a.tif")])
    assert survey.stretch == (7.0, 8.0)


def test_eight_bit_files_beside_deep_ones_stay_as_they_are(tmp_path):
    Raster(noise(64, 64)).write(tmp_path / "a.tif")
    Raster(deep(64, 64), at(64, 0)).write(tmp_path / "b.tif")
    pixels = read(open_survey([tmp_path]), corner(2, 4))
    np.testing.assert_array_equal(pixels.data[:, :64], noise(64, 64).transpose(1, 2, 0))


def test_eight_bit_files_take_a_declared_stretch(tmp_path):
    survey = open_survey([Raster(noise(64, 64)).write(tmp_path / "a.tif")], stretch=(0, 127.5))
    np.testing.assert_array_equal(read(survey).data, np.clip(noise(64, 64).astype(int) * 2, 0, 255).transpose(1, 2, 0))


def test_a_large_file_is_sampled_not_read(tmp_path, monkeypatch):
    read_pixels = []
    monkeypatch.setattr(
        "landuse.mosaic.stretch.read_raw", lambda files, source, window: (read_pixels.append(window), _fake(window))[1]
    )
    path = Raster(np.zeros((1, 3000, 3000), np.uint16), profile={"sparse_ok": True, "tiled": True}).write(
        tmp_path / "a.tif"
    )
    assert open_survey([path], bands=(1,)).stretch[0] >= 0
    assert sum(window.width * window.height for window in read_pixels) <= 16 * 64 * 64


def _fake(window):
    return np.arange(window.width * window.height, dtype=np.uint16).reshape(window.height, window.width, 1), None


@given(arrays(np.float32, (5, 5, 2)), st.floats(-1e3, 1e3), st.floats(1e-2, 1e4))
def test_any_value_becomes_a_byte(values, low, span):
    got = to_uint8(values, (low, low + span))
    assert got.dtype == np.uint8
    fine = np.isfinite(values)
    assert (got[fine & (values <= low)] == 0).all()
    assert (got[np.isnan(values)] == 0).all()


def test_clouds_do_not_count_and_dry_land_does():
    """A pixel that is nearly white is a cloud where most of the land has a hue, and land where little has."""
    fields, clouds = np.tile([500.0, 900.0, 400.0], (80, 1)), np.full((20, 3), 5000.0)
    np.testing.assert_array_equal(without_clouds(np.concatenate([fields, clouds])), fields)
    water, stubble = np.tile([300.0, 450.0, 500.0], (20, 1)), np.tile([1900.0, 2000.0, 1700.0], (80, 1))
    assert len(without_clouds(np.concatenate([water, stubble]))) == 100
