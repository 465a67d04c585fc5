from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import MosaicReader, Source, Survey, coverage, files, open_survey
from landuse.mosaic.source import BandAddress
from tests.mosaic.rasters import GRID, UTM17, Raster, at, corner, elsewhere, noise

WKT = CRS.from_user_input(UTM17).to_wkt()


def source(transform, width, height, name="a"):
    bands = tuple(BandAddress(f"/nowhere/{name}.tif", band) for band in (1, 2, 3))
    return Source(name, bands, WKT, tuple(transform)[:6], width, height, nodata=(None, None, None))


def survey(*sources):
    return Survey(sources, (1, 2, 3))


def test_areas_are_exact_and_nothing_is_read():
    shares = coverage(survey(source(at(8, 16), 40, 40)), GRID, corner(2, 2))
    np.testing.assert_allclose(shares, np.array([[24 * 16, 16 * 16], [24 * 24, 16 * 24]]) / 32**2, rtol=1e-6)


def test_rows_run_southwards():
    shares = coverage(survey(source(at(0, 0), 32, 32)), GRID, corner(2, 1))
    np.testing.assert_array_equal(shares, [[1], [0]])


@given(st.data())
@settings(max_examples=60)
def test_abutting_sources_add_up_to_exactly_one(data):
    """However a rectangle is cut into sources, in whatever pixel size, coverage is that of the rectangle."""
    pixel = data.draw(st.sampled_from([0.3, 0.6, 1.0, 1 / 3, 2.5]))
    col, row = data.draw(st.floats(-20, 20)), data.draw(st.floats(-20, 20))
    cuts = [sorted({0, 300, *data.draw(st.lists(st.integers(1, 299), max_size=3))}) for _ in range(2)]
    parts = [
        source(at(col + pixel * c0, row + pixel * r0, pixel), c1 - c0, r1 - r0)
        for r0, r1 in pairwise(cuts[0])
        for c0, c1 in pairwise(cuts[1])
    ]
    cells = CellRange(corner(26, 26).row0, corner(26, 26).row1 + 2, corner(1, 1).col0 - 2, corner(26, 26).col1)
    whole = coverage(survey(source(at(col, row, pixel), 300, 300)), GRID, cells)
    many = coverage(survey(*parts), GRID, cells)
    np.testing.assert_array_equal(many == 1, whole == 1)
    np.testing.assert_allclose(many, whole, atol=1e-6)


def test_overlap_counts_once():
    shares = coverage(survey(source(at(0, 0), 20, 32), source(at(10, 0), 14, 32)), GRID, corner(1, 1))
    np.testing.assert_allclose(shares, 24 / 32)


def test_turned_sources_add_up_to_one():
    turn = np.radians(25)
    cos, sin = np.cos(turn), np.sin(turn)
    first = Affine(cos, sin, 448100, -sin * -1, -cos, 4479900)
    parts = [
        source(Affine(cos, sin, 448100 + 40 * i * cos, sin, -cos, 4479900 + 40 * i * sin), 40, 90) for i in range(3)
    ]
    whole = source(first, 120, 90)
    cells = GRID.touching(survey(whole).bounds_in(GRID.crs))
    np.testing.assert_allclose(coverage(survey(*parts), GRID, cells), coverage(survey(whole), GRID, cells), atol=1e-6)
    assert (coverage(survey(*parts), GRID, cells) == 1).any()
    assert coverage(survey(whole), GRID, cells).sum() * 32**2 == pytest.approx(120 * 90, rel=1e-5)


def test_a_source_in_another_zone(tmp_path):
    x, y = elsewhere("EPSG:26918")
    path = Raster(noise(100, 100), Affine(1, 0, x, 0, -1, y), crs="EPSG:26918").write(tmp_path / "a.tif")
    opened = open_survey([path])
    cells = GRID.touching(opened.bounds_in(GRID.crs))
    with MosaicReader(opened, GRID) as reader:
        valid = reader.read(cells).valid.reshape(cells.shape[0], 32, cells.shape[1], 32).mean(axis=(1, 3))
    np.testing.assert_allclose(coverage(opened, GRID, cells), valid, atol=0.02)


def masked(tmp_path, name, transform, values, nodata=0):
    return Raster(values, transform, nodata=nodata).write(tmp_path / name)


def test_masks_are_sampled(tmp_path):
    values = noise(640, 640)
    values[:, :320, :160] = 0
    shares = coverage(open_survey([masked(tmp_path, "a.tif", at(0, 0), values)]), GRID, corner(20, 20))
    expected = np.ones((20, 20))
    expected[:10, :5] = 0
    np.testing.assert_array_equal(shares, expected)


def test_a_hole_in_one_is_filled_by_another(tmp_path):
    values = noise(64, 64)
    values[:, 16:48] = 0
    upper = masked(tmp_path, "a.tif", at(0, 0), values)
    lower = Raster(noise(32, 64), at(0, 16)).write(tmp_path / "b.tif")
    assert (coverage(open_survey([upper, lower]), GRID, corner(2, 2)) == 1).all()


def test_abutting_masked_sources_add_up_to_exactly_one(tmp_path):
    for i in range(3):
        masked(tmp_path, f"{i}.tif", at(33.3 * i, 0, 0.3), noise(400, 111))
    shares = coverage(open_survey([tmp_path]), GRID, corner(3, 3))
    assert (shares == 1).all()


def test_a_mask_that_cannot_be_read_counts_as_full(tmp_path):
    path = masked(tmp_path, "a.tif", at(0, 0), noise(64, 64))
    opened = open_survey([path])
    path.write_bytes(path.read_bytes()[:4000])
    assert (coverage(opened, GRID, corner(2, 2)) == 1).all()


@pytest.mark.parametrize("alpha", [False, True])
def test_a_mask_is_read_without_the_pixels_beside_it(tmp_path, monkeypatch, alpha):
    mask = np.full((640, 640), 255, np.uint8)
    mask[:320, :160] = 0
    values = np.concatenate([noise(640, 640), mask[None]]) if alpha else noise(640, 640)
    shown = {"alpha": True} if alpha else {"mask": mask}
    opened = open_survey([Raster(values, at(0, 0), **shown).write(tmp_path / "a.tif")])
    monkeypatch.setattr(files, "_read_values", lambda *_: pytest.fail("the pixels were read"))
    shares = coverage(opened, GRID, corner(20, 20))
    assert (shares[:10, :5] == 0).all()
    assert shares.sum() == 350


def test_nothing_of_it_here():
    assert not coverage(survey(source(at(0, 0), 9, 9)), GRID, CellRange(0, 3, 0, 4)).any()


def test_a_million_chips_over_four_hundred_sources_without_a_read():
    """20 x 20 files, none of which exists: footprints alone decide."""
    grid = ChipGrid(CRS.from_user_input(UTM17), chip_m=224)
    side = 11200  # 50 chips of 224 m
    parts = [source(at(side * (i % 20) + 40, side * (i // 20) + 40), side, side, str(i)) for i in range(400)]
    cells = grid.touching(survey(*parts).bounds_in(grid.crs))
    assert cells.size > 1_000_000
    shares = coverage(survey(*parts), grid, cells)
    assert (shares[1:-1, 1:-1] == 1).all()
    assert 0 < shares[0, 0] < 1
