"""Collars that no file declares, alpha bands that are imagery, and fill values that a compression blurred."""

import json

import numpy as np
import pytest
import rasterio
from scipy import ndimage

from landuse.grid import CellRange
from landuse.mosaic import MosaicReader, Survey, coverage, open_survey
from landuse.mosaic.remarks import remarks
from landuse.mosaic.undeclared import looks_like_alpha
from tests.mosaic.rasters import GRID, Raster, at, corner, noise, ramp

SIDE = 256
CELLS = corner(8, 8)


def tilted(angle=12.0):
    """Where a rotated square lies in a raster of `SIDE` pixels."""
    inner = np.zeros((SIDE, SIDE), np.uint8)
    inner[40:-40, 40:-40] = 1
    return ndimage.rotate(inner, angle, reshape=False, order=0).astype(bool)


def with_collar(value, inside, dtype=np.uint8, scale=1):
    values = ramp(SIDE, SIDE).astype(dtype) * dtype(scale)
    values[:, ~inside] = value
    return values


def read(survey, cells=CELLS):
    with MosaicReader(survey, GRID) as reader:
        return reader.read(cells)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("overviews", [(), (2, 4)])
def test_a_rotated_collar_is_empty_to_the_pixel(tmp_path, value, overviews):
    inside = tilted()
    survey = open_survey([Raster(with_collar(value, inside), overviews=overviews).write(tmp_path / "a.tif")])
    np.testing.assert_array_equal(read(survey).valid, inside)
    assert survey.sources[0].collar.share == pytest.approx((~inside).mean(), abs=0.01)
    (remark,) = [r for r in remarks(survey, GRID.crs) if r.about == "collar"]
    assert f"collar of {value} or nearly around a.tif" in str(remark)
    assert "--collar keep" in str(remark)
    shares = coverage(survey, GRID, CELLS)
    wanted = inside.reshape(8, 32, 8, 32).mean(axis=(1, 3))
    assert np.abs(shares - wanted).max() < 0.1


def test_the_answer_does_not_depend_on_the_window(tmp_path):
    survey = open_survey([Raster(with_collar(0, tilted()), at(0.3, 0.4, 0.9)).write(tmp_path / "a.tif")])
    whole = read(survey)
    for cell in CELLS:
        row, col = (CELLS.row1 - 1 - cell.row) * 32, (cell.col - CELLS.col0) * 32
        one = read(survey, CellRange(cell.row, cell.row + 1, cell.col, cell.col + 1))
        np.testing.assert_array_equal(one.valid, whole.valid[row : row + 32, col : col + 32])
        np.testing.assert_array_equal(one.data, whole.data[row : row + 32, col : col + 32])


def test_a_collar_survives_json(tmp_path):
    survey = open_survey([Raster(with_collar(0, tilted())).write(tmp_path / "a.tif")])
    again = Survey.from_dict(json.loads(json.dumps(survey.as_dict())))
    assert again == survey
    np.testing.assert_array_equal(read(again).valid, read(survey).valid)


def test_keep_takes_it_as_imagery(tmp_path):
    survey = open_survey([Raster(with_collar(0, tilted())).write(tmp_path / "a.tif")], collars=False)
    assert read(survey).valid.all()


def test_a_collar_blurred_by_jpeg(tmp_path):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[50:200, 60:210] = True
    profile = {"compress": "JPEG", "photometric": "YCBCR", "tiled": True, "blockxsize": 128, "blockysize": 128}
    path = Raster(with_collar(0, inside), profile=profile).write(tmp_path / "a.tif")
    with rasterio.open(path) as dataset:
        assert dataset.read()[:, ~inside].any()  # or nothing is blurred
    valid = read(open_survey([path])).valid
    assert valid[inside].mean() > 0.999
    assert valid[~inside].mean() < 0.12  # the ringing beside the picture
    assert not valid[:40].any()


def test_dark_water_is_no_collar(tmp_path):
    """At the edge, but not of one value; or of one value, but inside; or small."""
    rng = np.random.default_rng(0)
    values = ramp(SIDE, SIDE)
    values[:, :80, :] = rng.integers(0, 4, (3, 80, SIDE))
    values[:, 120:180, 100:200] = 0
    values[:, -6:, -6:] = 0
    survey = open_survey([Raster(values).write(tmp_path / "a.tif")])
    assert survey.sources[0].collar is None
    assert read(survey).valid.all()


def test_water_in_the_region_of_a_collar_stays_imagery_apart_from_it(tmp_path):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[:, 100:] = True
    values = with_collar(0, inside)
    values[:, 100:120, 150:200] = 0  # a black lake, away from the collar
    valid = read(open_survey([Raster(values).write(tmp_path / "a.tif")])).valid
    np.testing.assert_array_equal(valid, inside)


def test_a_large_raster_is_probed_at_its_edge_first(tmp_path):
    inside = np.zeros((1200, 900), bool)
    inside[:, 200:] = True
    values = np.where(inside, ramp(1200, 900), 0).astype(np.uint8)
    survey = open_survey([Raster(values).write(tmp_path / "a.tif")])
    np.testing.assert_array_equal(read(survey, corner(8, 8)).valid, inside[:256, :256])
    assert open_survey([Raster(ramp(1200, 900)).write(tmp_path / "b.tif")]).sources[0].collar is None


def test_a_collar_does_not_shift_a_stretch(tmp_path):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[:, 120:] = True
    plain = with_collar(0, inside, np.uint16, 80)
    collared = open_survey([Raster(plain).write(tmp_path / "a.tif")])
    alone = open_survey([Raster(np.ascontiguousarray(plain[:, :, 120:]), at(120, 0)).write(tmp_path / "b.tif")])
    assert collared.sources[0].collar.tolerance == 0
    levels = 255 * np.abs(np.subtract(collared.stretch, alone.stretch)) / np.subtract(*alone.stretch[::-1])
    assert levels.max() < 4


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_clouds_and_saturated_pixels_do_not_drive_a_stretch(tmp_path, dtype):
    rng = np.random.default_rng(1)
    land = (rng.integers(300, 1500, (3, SIDE, SIDE)) * np.array([1.0, 0.8, 0.5])[:, None, None]).astype(dtype)
    plain = open_survey([Raster(land).write(tmp_path / "a.tif")]).stretch
    cloudy = land.copy()
    cloudy[:, :100, :] = rng.integers(8000, 9000, (100, SIDE))
    cloudy[:, 100:120, :] = np.iinfo(dtype).max
    seen = open_survey([Raster(cloudy).write(tmp_path / "b.tif")]).stretch
    assert 255 * np.abs(np.subtract(seen, plain)).max() / (plain[1] - plain[0]) < 8


def test_a_blurred_nodata_value_is_empty_beside_itself(tmp_path):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[50:200, 60:210] = True
    profile = {"compress": "JPEG", "photometric": "YCBCR", "tiled": True, "blockxsize": 128, "blockysize": 128}
    path = Raster(with_collar(0, inside), nodata=0, profile=profile).write(tmp_path / "a.tif")
    survey = open_survey([path])
    kept = read(open_survey([path], collars=False)).valid[~inside].mean()
    valid = read(survey).valid
    assert valid[~inside].mean() < 0.8 * kept
    assert valid[inside].mean() > 0.999
    assert any(remark.about == "lossy nodata" for remark in remarks(survey, GRID.crs))


def test_infrared_that_is_tagged_alpha_hides_nothing(tmp_path):
    values = noise(SIDE, SIDE, 4)
    values[3, :, 100:] = 0  # water
    survey = open_survey([Raster(values, alpha=True).write(tmp_path / "a.tif")])
    assert read(survey).valid.all()
    assert "a.tif tags as alpha holds imagery" in " ".join(map(str, remarks(survey, GRID.crs)))
    assert len(open_survey([tmp_path / "a.tif"], bands=(4, 1, 2)).bands) == 3


@pytest.mark.parametrize("top", [255, 1, 128])
def test_an_alpha_band_of_two_values_is_one(tmp_path, top):
    values = noise(SIDE, SIDE, 4)
    inside = tilted()
    values[3] = inside * np.uint8(top)
    survey = open_survey([Raster(values, alpha=True).write(tmp_path / "a.tif")])
    np.testing.assert_array_equal(read(survey).valid, inside)
    assert not survey.sources[0].odd_alpha


def test_soft_edges_of_alpha():
    inside = tilted()
    soft = ndimage.uniform_filter(inside * 255.0, 3).astype(np.uint8)
    assert looks_like_alpha([soft])
    assert looks_like_alpha([np.zeros((8, 8), np.uint8)])
    assert not looks_like_alpha([noise(64, 64, 1)[0]])
    assert looks_like_alpha([inside.astype(np.uint16) * 65535])


def test_a_file_of_nothing_but_fill_is_all_collar(tmp_path):
    survey = open_survey([Raster(np.zeros((3, 64, 64), np.uint8)).write(tmp_path / "a.tif")])
    assert not read(survey, corner(2, 2)).valid.any()


def test_damage_is_left_for_reading_to_name(tmp_path):
    path = Raster(noise(SIDE, SIDE)).write(tmp_path / "a.tif")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert open_survey([path]).sources[0].collar is None


def test_a_collar_of_16_bits_blurred_by_jpeg2000(tmp_path):
    inside = tilted()
    values = with_collar(0, inside, np.uint16, 48)
    path = Raster(values, profile={"driver": "JP2OpenJPEG", "QUALITY": 15}).write(tmp_path / "a.jp2")
    with rasterio.open(path) as dataset:
        assert dataset.read()[:, ~ndimage.binary_dilation(inside, iterations=3)].max() > 0
    survey = open_survey([path])
    wrong = read(survey).valid != inside
    assert wrong.mean() < 0.02
    assert not wrong[ndimage.binary_erosion(inside, iterations=3)].any()
    kept = open_survey([Raster(values).write(tmp_path / "b.tif")])
    assert survey.stretch == pytest.approx(kept.stretch, rel=0.05)
