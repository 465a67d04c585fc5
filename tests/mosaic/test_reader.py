"""Pixels that fall on the lattice are copied; the order of sources; few files open."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import from_bounds

from landuse.errors import SourceNotFoundError
from landuse.grid import Cell, CellRange, ChipGrid
from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.resampling import Transfer, place
from tests.mosaic.rasters import GRID, Raster, at, corner, noise

FEET = "EPSG:2263"  # New York Long Island, US survey feet


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = Raster(noise(150, 170), at(-9, 5)).write(tmp_path_factory.mktemp("scene") / "scene.tif")
    with MosaicReader(open_survey([path]), GRID) as reader:
        yield path, reader


def plain(path, grid, cells):
    """What rasterio alone reads."""
    with rasterio.open(path) as dataset:
        window = from_bounds(*grid.bounds(cells), transform=dataset.transform).round_offsets().round_lengths()
        return dataset.read((1, 2, 3), window=window, boundless=True, fill_value=0).transpose(1, 2, 0)


ranges = st.tuples(st.integers(-2, 6), st.integers(1, 4), st.integers(-2, 6), st.integers(1, 4)).map(
    lambda n: CellRange(corner(6, 0).row1 - n[0] - n[1], corner(6, 0).row1 - n[0], 14000 + n[2], 14000 + n[2] + n[3])
)


@given(ranges)
@settings(max_examples=40)
def test_a_window_is_what_rasterio_reads(scene, cells):
    path, reader = scene
    np.testing.assert_array_equal(reader.read(cells).data, plain(path, GRID, cells))


@given(ranges)
@settings(max_examples=20)
def test_a_range_is_its_cells(scene, cells):
    _, reader = scene
    chips, masks = reader.read(cells).chips(GRID.chip_px)
    for cell, chip, mask in zip(cells, chips, masks, strict=True):
        one = reader.read(cell)
        np.testing.assert_array_equal(one.data, chip)
        np.testing.assert_array_equal(one.valid, mask)


def test_beyond_the_survey_nothing_is_valid(scene):
    pixels = scene[1].read(Cell(0, 0))
    assert pixels.data.shape == (32, 32, 3)
    assert not pixels.valid.any()
    assert not pixels.data.any()


def test_the_order_given_decides_where_sources_overlap(tmp_path):
    one = Raster(noise(40, 40, seed=1), at(0, 0)).write(tmp_path / "one.tif")
    two = Raster(noise(40, 40, seed=2), at(20, 10)).write(tmp_path / "two.tif")
    with MosaicReader(open_survey([one, two]), GRID) as reader:
        first = reader.read(corner(2, 2))
    with MosaicReader(open_survey([two, one]), GRID) as reader:
        second = reader.read(corner(2, 2))
    np.testing.assert_array_equal(first.data[:40, :40], noise(40, 40, seed=1).transpose(1, 2, 0))
    np.testing.assert_array_equal(second.data[10:50, 20:60], noise(40, 40, seed=2).transpose(1, 2, 0))
    np.testing.assert_array_equal(first.valid, second.valid)
    assert first.valid.sum() == 2 * 40 * 40 - 20 * 30


def test_few_files_are_open(tmp_path):
    values = noise(32, 32 * 12)
    for i in range(12):
        Raster(values[..., 32 * i : 32 * i + 32], at(32 * i, 0)).write(tmp_path / f"{i:02}.tif")
    with MosaicReader(open_survey([tmp_path]), GRID, max_open=3) as reader:
        pixels = reader.read(corner(1, 12))
        assert reader.open_files == 3
    assert reader.open_files == 0
    np.testing.assert_array_equal(pixels.data, values.transpose(1, 2, 0))


def test_only_sources_under_the_window_are_opened(tmp_path):
    Raster(noise(32, 32), at(0, 0)).write(tmp_path / "here.tif")
    Raster(noise(32, 32), at(96, 0)).write(tmp_path / "there.tif")
    survey = open_survey([tmp_path])
    (tmp_path / "there.tif").unlink()
    with MosaicReader(survey, GRID) as reader:
        assert reader.read(corner(1, 1)).valid.all()
        with pytest.raises(SourceNotFoundError, match=r"there\.tif is not there any more"):
            reader.read(corner(1, 4))


def test_a_source_that_is_wholly_covered_is_not_opened(tmp_path):
    one = Raster(noise(64, 64), at(0, 0)).write(tmp_path / "one.tif")
    two = Raster(noise(64, 64), at(0, 0)).write(tmp_path / "two.tif")
    survey = open_survey([one, two])
    two.unlink()
    with MosaicReader(survey, GRID) as reader:
        assert reader.read(corner(2, 2)).valid.all()


def test_a_lattice_in_feet(tmp_path):
    grid = ChipGrid(rasterio_to_pyproj(FEET), chip_m=32, chip_px=32)
    west, north = grid.bounds(Cell(2000, 9000)).west, grid.bounds(Cell(2000, 9000)).north
    step = grid.pixel
    path = Raster(noise(64, 64), rasterio.Affine(step, 0, west, 0, -step, north), crs=FEET).write(tmp_path / "a.tif")
    survey = open_survey([path])
    assert place(survey.sources[0], grid).transfer is Transfer.COPY
    with MosaicReader(survey, grid) as reader:
        pixels = reader.read(CellRange(1999, 2001, 9000, 9002))
    np.testing.assert_array_equal(pixels.data, noise(64, 64).transpose(1, 2, 0))


def rasterio_to_pyproj(text):
    from pyproj import CRS

    return CRS.from_user_input(text)


@pytest.mark.parametrize(
    ("col", "row", "pixel", "way"),
    [
        (0, 0, 1, Transfer.COPY),
        (1e-4, -1e-4, 1, Transfer.COPY),
        (0.01, 0, 1, Transfer.RESCALE),
        (0, 0, 1.001, Transfer.RESCALE),
        (0, 0, 1 + 1e-6, Transfer.COPY),
        (0, 0, 0.6, Transfer.RESCALE),
    ],
)
def test_pixels_are_copied_only_where_they_fit(tmp_path, col, row, pixel, way):
    path = Raster(noise(100, 100), at(col, row, pixel)).write(tmp_path / "a.tif")
    assert place(open_survey([path]).sources[0], GRID).transfer is way


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("bands", [(1, 2, 3), (3, 1), (4,), (2, 2, 2)])
def test_bands_come_in_the_order_asked_for(tmp_path, bands, interleave):
    values = noise(64, 64, 4)
    path = Raster(values, profile={"interleave": interleave}).write(tmp_path / "a.tif")
    with MosaicReader(open_survey([path], bands=bands), GRID) as reader:
        got = reader.read(corner(2, 2)).data
    np.testing.assert_array_equal(got, values[[band - 1 for band in bands]].transpose(1, 2, 0))
