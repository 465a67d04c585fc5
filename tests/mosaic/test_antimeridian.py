"""Rasters that touch or cross 180 degrees, or count longitudes from 0 to 360, are read like any other."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from landuse.crs import transformer, unwrapped
from landuse.grid import CellRange, ChipGrid
from landuse.mosaic import MosaicReader, coverage, open_survey
from landuse.options.survey import TileOptions
from landuse.stages.survey import survey_chips
from tests.mosaic.rasters import Raster, ramp

DEGREE = 1e-5
SIDE = 300
LATITUDE = -16.8


def unwrap(code, transform, shape):
    wkt, moved = unwrapped(CRS(code).to_wkt(), transform, shape)
    return CRS.from_wkt(wkt), moved


def lon_of(crs, transform):
    """Longitude, 0 to 360, of a raster's north-west corner."""
    return transformer(crs, 4326).transform(transform.c, transform.f)[0] % 360


@pytest.mark.parametrize("code", ["EPSG:4326", "EPSG:4269"])
@pytest.mark.parametrize("west", [285.0, 179.999, 180.0, -180.0, -180.001, 540.001, 181.5, 12.0, -75.0])
def test_a_raster_in_degrees_keeps_its_place(code, west):
    crs, transform = unwrap(code, Affine(DEGREE, 0, west, 0, -DEGREE, LATITUDE), (SIDE, SIDE))
    assert lon_of(crs, transform) == pytest.approx(west % 360, abs=1e-9)
    assert -180 <= transform.c <= 180


@pytest.mark.parametrize("west", [179.9999, -179.9999, 180.0001])
@pytest.mark.parametrize("code", ["EPSG:3857", "EPSG:3395"])
def test_a_sheet_of_mercators_keeps_its_place(code, west):
    x = west * 20037508.342789244 / 180
    crs, transform = unwrap(code, Affine(1, 0, x, 0, -1, -1.9e6), (SIDE, SIDE))
    assert lon_of(crs, transform) == pytest.approx(west % 360, abs=1e-9)
    assert abs(transform.c) < 1000


@pytest.mark.parametrize(
    ("code", "transform", "shape"),
    [
        ("EPSG:32660", Affine(1, 0, 8e5, 0, -1, 4e6), (SIDE, SIDE)),  # across 180 degrees, where UTM does not mind
        ("EPSG:3413", Affine(1, 0, 1e5, 0, -1, 1e5), (SIDE, SIDE)),
        ("EPSG:4326", Affine(1, 0, -180, 0, -1, 90), (180, 360)),  # all the Earth
        ("EPSG:4807", Affine(DEGREE, 0, 199.999, 0, -DEGREE, 50), (SIDE, SIDE)),  # grads from Paris
    ],
)
def test_others_are_left_alone(code, transform, shape):
    assert unwrap(code, transform, shape) == (CRS(code), transform)


def test_all_the_earth_from_0_to_360_is_told_from_180():
    crs, transform = unwrap("EPSG:4326", Affine(1, 0, 0, 0, -1, 90), (180, 360))
    assert transform.c == -180
    assert lon_of(crs, transform) == 0


@pytest.mark.parametrize("west", [285.0, 180 - 300 * DEGREE, 180 - 150 * DEGREE, -180.0])
def test_chips_are_those_of_the_same_ground_elsewhere(tmp_path, west):
    """A raster in degrees, and the same one 57.5 or so degrees away in a zone that lies alike."""
    picture = ramp(300, 300)
    there = west % 6 + 6  # the same place in its zone
    found = []
    for number, corner in enumerate((west, there)):
        path = Raster(picture, Affine(DEGREE, 0, corner, 0, -DEGREE, LATITUDE), crs="EPSG:4326").write(
            tmp_path / f"{number}.tif"
        )
        zone = int((west % 360 if number == 0 else there) // 6 + 31 - 1) % 60 + 1
        grid = ChipGrid(CRS.from_epsg(32700 + zone), 64, 64)
        survey = open_survey([path])
        cells = grid.touching(survey.bounds_in(grid.crs))
        shares = coverage(survey, grid, cells)
        with MosaicReader(survey, grid) as reader:
            found.append((cells, shares, reader.read(cells)))
    (cells, shares, pixels), (same_cells, same_shares, same) = found
    assert cells == same_cells
    np.testing.assert_allclose(shares, same_shares, atol=1e-4)
    assert np.mean(pixels.valid != same.valid) < 1e-3
    both = pixels.valid & same.valid
    assert both.mean() > 0.5
    assert np.abs(pixels.data[both].astype(int) - same.data[both]).max() <= 1


def test_tiles_on_both_sides_are_one_survey(tmp_path):
    picture = ramp(600, 1200)
    for name, west, part in (("w", 180 - 600 * DEGREE, picture[:, :, :600]), ("e", -180.0, picture[:, :, 600:])):
        Raster(part, Affine(DEGREE, 0, west, 0, -DEGREE, LATITUDE), crs="EPSG:4326").write(tmp_path / f"{name}.tif")
    chips = survey_chips([tmp_path], TileOptions(chip_m=64, chip_px=64, min_valid=0.99))
    columns = chips.extent.shape[1]
    assert columns == pytest.approx(1200 * DEGREE * 111_320 * np.cos(np.radians(LATITUDE)) / 64, abs=2)
    with MosaicReader(chips.survey, chips.grid) as reader:
        middle = (chips.extent.row0 + chips.extent.row1) // 2
        line = reader.read(CellRange(middle, middle + 1, chips.extent.col0, chips.extent.col1))
    assert line.valid[:, 32:-32].all()


def test_a_polar_survey_across_180_degrees(tmp_path):
    x, y = transformer(4326, 3413).transform(180.0, 75.0)
    path = Raster(ramp(300, 300), Affine(1, 0, x - 150, 0, -1, y + 150), crs="EPSG:3413").write(tmp_path / "a.tif")
    chips = survey_chips([path], TileOptions(chip_m=64, chip_px=64))
    assert chips.grid.crs.to_epsg() == 3413
    assert len(chips) >= 16


def test_what_lies_far_from_a_raster_costs_no_memory(tmp_path):
    """Ground on the other side of the Earth lies in no window of a source, however large the way to it."""
    path = Raster(ramp(64, 64), Affine(1, 0, 5e5, 0, -1, 4e6), crs="EPSG:32660").write(tmp_path / "a.tif")
    grid = ChipGrid(CRS.from_epsg(32601), 64, 64)
    survey = open_survey([path])
    bounds = survey.bounds_in(grid.crs)
    with MosaicReader(survey, grid) as reader:
        assert reader.read(grid.touching(bounds)).valid.any()


BOUND = "+proj=longlat +ellps=clrk66 +towgs84=-8,160,176 +type=crs"
BOUND_SHEET = "+proj=merc +ellps=clrk66 +towgs84=-8,160,176 +type=crs"


@pytest.mark.parametrize("code", ["EPSG:4267", "EPSG:4326", BOUND])
def test_the_shift_of_a_datum_is_that_of_its_own_crs(code):
    """NAD27 lies 200 m from WGS 84 there, and PROJ knows the shift by the datum's name and identifier alone."""
    crs, _ = unwrap(code, Affine(DEGREE, 0, 179.9999, 0, -DEGREE, 52), (SIDE, SIDE))
    longitudes, latitudes = np.array([179.0, 179.9999, -179.0]), np.array([52.0, 51.9, 52.1])
    told = transformer(code, 32660).transform(longitudes, latitudes)
    found = transformer(crs, 32660).transform(longitudes % 360 - 180, latitudes)
    assert np.allclose(told, found, atol=1e-3)


def test_a_sheet_bound_to_a_datum_is_moved_too():
    given = Affine(1, 0, 20037400.0, 0, -1, 6.8e6)
    crs, transform = unwrap(BOUND_SHEET, given, (SIDE, SIDE))
    assert lon_of(crs, transform) == pytest.approx(lon_of(CRS(BOUND_SHEET), given), abs=1e-6)
    assert abs(transform.c) < 1000
