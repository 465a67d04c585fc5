"""What counts as imagery: nodata, alpha, mask bands, NaN; and that 0 is a colour unless declared."""

import numpy as np
import pytest

from landuse.mosaic import MosaicReader, coverage, open_survey
from tests.mosaic.rasters import GRID, Raster, at, corner, noise, ramp

WHERE = np.zeros((64, 64), dtype=bool)
WHERE[10:20, 5:64] = True
WHERE[40, 40] = True


def read(path, bands=(1, 2, 3)):
    with MosaicReader(open_survey([path], bands=bands), GRID) as reader:
        return reader.read(corner(2, 2))


def black(values):
    values = values.copy()
    values[:, WHERE] = 0
    return values


def test_zero_is_a_colour(tmp_path):
    inside = WHERE.copy()
    inside[:, 60:] = False  # what reaches the edge would be a collar
    values = noise(64, 64)
    values[:, inside] = 0
    pixels = read(Raster(values).write(tmp_path / "a.tif"))
    assert pixels.valid.all()
    assert (pixels.data[inside] == 0).all()


def test_declared_nodata_is_empty(tmp_path):
    pixels = read(Raster(black(noise(64, 64)), nodata=0).write(tmp_path / "a.tif"))
    np.testing.assert_array_equal(pixels.valid, ~WHERE)


def test_a_pixel_is_empty_only_where_all_asked_bands_are(tmp_path):
    values = noise(64, 64, 4)
    values[:3, WHERE] = 0
    values[0, 50, 50] = 0
    path = Raster(values, nodata=0).write(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(path).valid, ~WHERE)
    assert read(path, bands=(4, 1, 2)).valid.all()


def test_alpha_above_zero_is_imagery(tmp_path):
    alpha = np.where(WHERE, 0, 255).astype(np.uint8)
    alpha[9, 5:64] = 77  # as resampling leaves the edge of a mask
    path = Raster(np.concatenate([noise(64, 64), alpha[None]]), alpha=True).write(tmp_path / "a.tif")
    pixels = read(path)
    np.testing.assert_array_equal(pixels.valid, ~WHERE)
    np.testing.assert_array_equal(pixels.data[~WHERE], noise(64, 64).transpose(1, 2, 0)[~WHERE])
    assert read(path, bands=(4, 1, 2)).valid.all()


def test_weak_alpha_does_not_change_colours(tmp_path):
    """Some files call their infrared band alpha; resampling must not weigh colours by it."""
    values = np.concatenate([noise(100, 100), noise(100, 100, 1, seed=5)])
    one = read(Raster(values, at(0.2, 0.3, 0.7), alpha=True).write(tmp_path / "a.tif"))
    two = read(Raster(values[:3], at(0.2, 0.3, 0.7)).write(tmp_path / "b.tif"))
    assert np.abs(one.data.astype(int) - two.data).max() <= 1


@pytest.mark.parametrize("driver", ["GTiff"])
def test_a_mask_band_decides(tmp_path, driver):
    mask = np.where(WHERE, 0, 255).astype(np.uint8)
    pixels = read(Raster(noise(64, 64), mask=mask, profile={"driver": driver}).write(tmp_path / "a.tif"))
    np.testing.assert_array_equal(pixels.valid, ~WHERE)
    assert not pixels.data[WHERE].any()


def test_nan_is_empty(tmp_path):
    values = noise(64, 64).astype(np.float32)
    values[:, WHERE] = np.nan
    values[0, 0, 0] = np.inf
    with MosaicReader(open_survey([Raster(values).write(tmp_path / "a.tif")], stretch=(0, 255)), GRID) as reader:
        pixels = reader.read(corner(2, 2))
    np.testing.assert_array_equal(pixels.valid, ~WHERE)


def test_the_next_source_fills_what_is_empty(tmp_path):
    upper = Raster(black(noise(64, 64)), nodata=0).write(tmp_path / "a.tif")
    lower = Raster(noise(64, 64, seed=9)).write(tmp_path / "b.tif")
    with MosaicReader(open_survey([upper, lower]), GRID) as reader:
        pixels = reader.read(corner(2, 2))
    assert pixels.valid.all()
    expected = np.where(WHERE, noise(64, 64, seed=9), noise(64, 64)).transpose(1, 2, 0)
    np.testing.assert_array_equal(pixels.data, expected)


def test_single_band_files_each_with_nodata(tmp_path):
    values = black(noise(64, 64))
    values[1, 3, 3] = 0  # nodata in one band alone leaves the pixel
    for band in range(3):
        Raster(values[band : band + 1], nodata=0).write(tmp_path / f"{band}.tif")
    np.testing.assert_array_equal(read(tmp_path).valid, ~WHERE)


def test_coverage_sees_what_the_reader_sees(tmp_path):
    path = Raster(black(noise(64, 64)), nodata=0).write(tmp_path / "a.tif")
    shares = coverage(open_survey([path]), GRID, corner(2, 2))
    valid = read(path).valid.reshape(2, 32, 2, 32).mean(axis=(1, 3))
    np.testing.assert_allclose(shares, valid, atol=1 / 16)


def test_a_float_beyond_all_imagery_is_empty_however_its_declaration_was_rounded(tmp_path):
    values = black(ramp(64, 64).astype(np.float32))
    values[:, WHERE] = np.finfo(np.float32).min
    path = Raster(values, nodata=-3.40282306e38).write(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(path).valid, ~WHERE)
    low, high = open_survey([path]).stretch
    assert 0 < low < high < 255
