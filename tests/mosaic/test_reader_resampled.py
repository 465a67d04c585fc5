"""Sources whose pixels do not fall on the lattice: exact means, no seams, no dependence on the window."""

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from landuse.crs import transformer
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import MosaicReader, open_survey
from landuse.mosaic.layer import Layer
from landuse.mosaic.resampling import Transfer, place
from tests.mosaic.rasters import GRID, UTM17, Raster, at, corner, elsewhere, noise, ramp

UTM18 = "EPSG:26918"
NAD27 = "EPSG:26717"


def read(paths, cells=None, grid=GRID):
    survey = open_survey(paths)
    cells = cells or grid.touching(survey.bounds_in(grid.crs))
    with MosaicReader(survey, grid) as reader:
        return reader.read(cells)


def turned(transform, degrees):
    a, _, c, _, e, f = tuple(transform)[:6]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Affine(a * cos, a * sin, c, e * -sin, e * cos, f)


def in_crs(crs, pixel):
    x, y = elsewhere(crs)
    return Affine(pixel, 0, x, 0, -pixel, y)


PLACES = {
    "finer": (at(0.3, 0.7, 0.6), UTM17),
    "coarser": (at(0.3, 0.7, 1.9), UTM17),
    "sub-pixel": (at(0.37, 0.71), UTM17),
    "much finer": (at(0.3, 0.7, 0.13), UTM17),
    "other zone, same size": (in_crs(UTM18, 1.0), UTM18),
    "other zone, finer": (in_crs(UTM18, 0.6), UTM18),
    "other zone, coarser": (in_crs(UTM18, 1.9), UTM18),
    "other datum": (in_crs(NAD27, 0.8), NAD27),
    "degrees": (in_crs("EPSG:4326", 9e-6), "EPSG:4326"),
    "rotated": (turned(at(10, 10, 0.8), 20), UTM17),
    "rotated, coarser": (turned(at(10, 10, 1.6), -35), UTM17),
    "upside down": (Affine(0.7, 0, 448010, 0, 0.7, 4479900), UTM17),
}
ONE_DATUM = [name for name in PLACES if name != "other datum"]
"""Another datum differs in where pixels lie, not in how they mix, and PROJ takes long over it."""


def size(transform):
    side = abs(transform.determinant) ** 0.5
    return round(90 / (side if side > 1e-3 else side * 1e5))


def part(transform, row, col):
    a, b, c, d, e, f = tuple(transform)[:6]
    return Affine(a, b, a * col + b * row + c, d, e, d * col + e * row + f)


@pytest.mark.parametrize("name", PLACES)
def test_abutting_parts_are_the_whole(tmp_path, name):
    transform, crs = PLACES[name]
    side = size(transform)
    values = noise(side, side + 5)
    whole = Raster(values, transform, crs).write(tmp_path / "whole.tif")
    rows, cols = (0, side // 3 + 1, side), (0, side // 2, side + 5)
    parts = [
        Raster(values[:, r0:r1, c0:c1], part(transform, r0, c0), crs).write(tmp_path / f"{r0}-{c0}.tif")
        for r0, r1 in pairwise(rows)
        for c0, c1 in pairwise(cols)
    ]
    one, many = read([whole]), read(parts)
    np.testing.assert_array_equal(one.valid, many.valid)
    difference = np.abs(one.data.astype(int) - many.data)
    assert difference.max() <= 2
    assert (difference > 1).mean() < 1e-3  # each part is rounded once more where they meet


@pytest.mark.parametrize("name", ONE_DATUM)
def test_a_range_is_its_cells(tmp_path, name):
    transform, crs = PLACES[name]
    path = Raster(noise(size(transform), size(transform)), transform, crs, nodata=7).write(tmp_path / "a.tif")
    survey = open_survey([path])
    cells = GRID.touching(survey.bounds_in(GRID.crs))
    with MosaicReader(survey, GRID) as reader:
        chips, masks = reader.read(cells).chips(GRID.chip_px)
        for cell, chip, mask in zip(cells, chips, masks, strict=True):
            one = reader.read(cell)
            np.testing.assert_array_equal(one.data, chip)
            np.testing.assert_array_equal(one.valid, mask)


@pytest.mark.parametrize("name", PLACES)
def test_colours_stand_where_they_stand_on_earth(tmp_path, name):
    """A picture that is a function of the place comes back as that function, within a fraction of a pixel."""
    transform, crs = PLACES[name]
    side = size(transform)
    cols, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    a, b, c, d, e, f = tuple(transform)[:6]
    x, y = transformer(crs, UTM17).transform(a * cols + b * rows + c, d * cols + e * rows + f)

    def paint(x, y):
        return np.stack([128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 11), 128 + 100 * np.sin((x + y) / 13)])

    path = Raster(np.rint(paint(x, y)).astype(np.uint8), transform, crs).write(tmp_path / "a.tif")
    survey = open_survey([path])
    cells = GRID.touching(survey.bounds_in(GRID.crs))
    with MosaicReader(survey, GRID) as reader:
        pixels = reader.read(cells)
    to_ground = GRID.transform(cells)
    rows, cols = np.nonzero(pixels.valid)
    expected = paint(to_ground.c + cols + 0.5, to_ground.f - rows - 0.5).T
    error = np.abs(pixels.data[rows, cols] - expected)
    assert np.median(error) < 1.5
    assert np.percentile(error, 99) < 8  # a whole pixel off would be 11


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.2, 3))
@settings(max_examples=25)
def test_one_colour_stays_one_colour_to_the_edge(tmp_path_factory, col, row, pixel):
    """No dark fringe: a plain picture is plain wherever it is valid, and as large as it was."""
    side = round(70 / pixel)
    values = np.full((3, side, side), 200, np.uint8)
    path = Raster(values, at(col, row, pixel)).write(tmp_path_factory.mktemp("plain") / "a.tif")
    pixels = read([path])
    assert (pixels.data[pixels.valid] == 200).all()
    assert abs(pixels.valid.sum() - (side * pixel) ** 2) <= 2 * side * pixel + 2


@pytest.mark.parametrize("name", ONE_DATUM)
def test_nodata_leaves_no_fringe(tmp_path, name):
    transform, crs = PLACES[name]
    side = size(transform)
    values = np.full((3, side, side), 200, np.uint8)
    values[:, side // 3 : side // 2, side // 4 : side // 2] = 0
    path = Raster(values, transform, crs, nodata=0).write(tmp_path / "a.tif")
    pixels = read([path])
    assert (pixels.data[pixels.valid] >= 199).all()
    ground = place(open_survey([path]).sources[0], GRID).scale ** -2  # square metres of a source pixel
    assert 0.85 < pixels.valid.sum() / ((values[0] > 0).sum() * ground) < 1.15


def test_strong_shrinking_is_a_mean(tmp_path):
    """A 0.25 m raster on a 4 m lattice: a checkerboard becomes its grey, and blocks their means."""
    grid = ChipGrid(CRS.from_user_input(UTM17), chip_m=64, chip_px=16)
    values = noise(512, 512)
    values[0] = np.indices((512, 512)).sum(axis=0) % 2 * 200
    path = Raster(values, at(0, 0, 0.25)).write(tmp_path / "a.tif")
    pixels = read([path], corner(2, 2, grid), grid)
    means = values.reshape(3, 32, 16, 32, 16).mean(axis=(2, 4)).transpose(1, 2, 0)
    np.testing.assert_allclose(pixels.data, means, atol=0.51)
    assert (pixels.data[..., 0] == 100).all()


def test_overviews_serve_strong_shrinking(tmp_path):
    grid = ChipGrid(CRS.from_user_input(UTM17), chip_m=64, chip_px=16)
    values = ramp(511, 515, period=60)
    plain = Raster(values, at(0.1, 0.2, 0.25)).write(tmp_path / "plain.tif")
    small = Raster(values, at(0.1, 0.2, 0.25), overviews=(2, 4, 8)).write(tmp_path / "small.tif")
    placement = place(open_survey([small]).sources[0], grid)
    assert (placement.level, placement.width) == (2, 65)
    one, two = read([plain], grid=grid), read([small], grid=grid)
    np.testing.assert_array_equal(one.valid, two.valid)
    difference = np.abs(one.data.astype(int) - two.data)
    assert difference.mean() < 2
    assert difference.max() <= 8  # at the edge, where GDAL repeats a part of a pixel


def test_overviews_keep_masks(tmp_path):
    grid = ChipGrid(CRS.from_user_input(UTM17), chip_m=64, chip_px=16)
    values, mask = np.full((3, 512, 512), 90, np.uint8), np.full((512, 512), 255, np.uint8)
    mask[:192, :320] = 0
    values[:, :192, :320] = 0
    path = Raster(values, at(0, 0, 0.25), mask=mask, overviews=(2, 4, 8)).write(tmp_path / "a.tif")
    pixels = read([path], corner(2, 2, grid), grid)
    assert not pixels.valid[:12, :20].any()
    assert pixels.valid.sum() == 32 * 32 - 12 * 20
    assert (pixels.data[pixels.valid] == 90).all()


def test_two_zones_are_one_mosaic(tmp_path):
    """Two rasters that abut on the ground, one in each UTM zone, join without a gap."""
    grid = ChipGrid(CRS.from_user_input(UTM18), chip_m=32, chip_px=32)
    left = Raster(np.full((3, 80, 80), 120, np.uint8), Affine(1, 0, 768400, 0, -1, 4057300)).write(tmp_path / "17.tif")
    x, y = transformer(UTM17, UTM18).transform(768480 - 6, 4057300)  # zones converge
    right = Raster(np.full((3, 80, 80), 120, np.uint8), Affine(1, 0, x, 0, -1, y), crs=UTM18).write(tmp_path / "18.tif")
    survey = open_survey([left, right])
    ways = [place(source, grid).transfer for source in survey.sources]
    assert ways[0] is Transfer.WARP
    pixels = read([left, right], grid=grid)
    assert (pixels.data[pixels.valid] == 120).all()
    for line in pixels.valid[::4]:
        inside = np.flatnonzero(line)
        assert inside.size == 0 or inside.size == inside[-1] - inside[0] + 1


def test_degrees_in_a_projected_lattice(tmp_path):
    x, y = elsewhere("EPSG:4326")
    path = Raster(np.full((3, 90, 90), 77, np.uint8), Affine(1e-5, 0, x, 0, -1e-5, y), crs="EPSG:4326").write(
        tmp_path / "a.tif"
    )
    pixels = read([path])
    assert (pixels.data[pixels.valid] == 77).all()
    width, height = 90e-5 * 111320 * np.cos(np.radians(y)), 90e-5 * 111000
    assert pixels.valid.sum() == pytest.approx(width * height, rel=0.03)


def test_feet_on_a_lattice_in_metres(tmp_path):
    """A raster in US survey feet, one foot a pixel, becomes 1 m pixels."""
    crs = "EPSG:2263"
    x, y = 985000.0, 205000.0
    path = Raster(np.full((3, 200, 200), 50, np.uint8), Affine(1, 0, x, 0, -1, y), crs=crs).write(tmp_path / "a.tif")
    grid = ChipGrid(CRS.from_epsg(26918), chip_m=32, chip_px=32)
    survey = open_survey([path])
    assert place(survey.sources[0], grid).scale == pytest.approx(3.28, rel=0.01)
    pixels = read([path], grid=grid)
    assert pixels.valid.sum() == pytest.approx((200 * 0.3048) ** 2, rel=0.05)
    assert (pixels.data[pixels.valid] == 50).all()


def test_a_cell_larger_than_what_is_resampled_at_once(tmp_path, monkeypatch):
    path = Raster(noise(200, 200), at(0.2, 0.1, 0.4)).write(tmp_path / "a.tif")
    once = read([path])
    monkeypatch.setattr("landuse.mosaic.reader.MAX_SOURCE_SIDE", 20)
    often = read([path])
    np.testing.assert_array_equal(once.data, often.data)
    np.testing.assert_array_equal(once.valid, often.valid)


def test_the_sliver_of_a_window_is_no_trouble(tmp_path):
    path = Raster(noise(40, 40), at(0.5, 0.5, 0.8)).write(tmp_path / "a.tif")
    top = corner(1, 1)
    pixels = read([path], CellRange(top.row0 + 1, top.row1 + 1, top.col0 - 1, top.col1 - 1))
    assert not pixels.valid.any()


def test_a_small_source_in_a_large_window_costs_its_own_ground(tmp_path, monkeypatch):
    path = Raster(noise(60, 60), Affine(1, 0, 600_030, 0, -1, 4_500_070)).write(tmp_path / "a.tif")
    grid = ChipGrid(GRID.crs, 256 * 300.0, 256)  # pixels of 300 m: the whole source lies in one
    squares = []
    warped = Layer.resampled
    monkeypatch.setattr(Layer, "resampled", lambda self, files, part: squares.append(part) or warped(self, files, part))
    with MosaicReader(open_survey([path]), grid) as reader:
        pixels = reader.read(CellRange(56, 62, 5, 11))
    assert pixels.valid.sum() <= 4
    assert 1 <= len(squares) <= 9
