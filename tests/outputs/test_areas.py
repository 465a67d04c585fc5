import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import UsageError
from landuse.grid import XY, ChipGrid
from landuse.outputs.areas import Lattice, areas_ha, cell_areas_ha, exact_areas_ha, raster_areas_ha

PLACES = {26919: (-71, 42.4), 5070: (-110, 35), 2234: (-72.5, 41.5), 32719: (-69, -30), 3857: (8, 47), 3035: (10, 52)}


def geodesic_area_ha(grid, row, col, pieces=8):
    """The area by geodesic polygons (Karney 2013), an independent way."""
    steps = np.arange(pieces) / pieces
    zero, one = np.zeros(pieces), np.ones(pieces)
    x = (col + np.concatenate([steps, one, 1 - steps, zero])) * grid.side
    y = (row + np.concatenate([zero, steps, one, 1 - steps])) * grid.side
    lon, lat = transformer(grid.crs, grid.crs.geodetic_crs).transform(x, y)
    return abs(grid.crs.get_geod().polygon_area_perimeter(lon, lat)[0]) / 10_000


def corner(grid, lon, lat):
    x, y = transformer(4326, grid.crs).transform(lon, lat)
    cell = grid.cell_at(XY(x, y))
    return cell.row, cell.col


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(PLACES)),
    st.integers(-300, 300),
    st.integers(-300, 300),
    st.sampled_from([32.0, 224.0, 5000.0]),
)
def test_cells_agree_with_geodesic_polygons(epsg, down, right, chip_m):
    grid = ChipGrid(CRS(epsg), chip_m)
    row, col = corner(grid, *PLACES[epsg])
    row, col = row + round(down * 224 / chip_m), col + round(right * 224 / chip_m)
    area = cell_areas_ha(grid, np.array([row]), np.array([col]))[0]
    assert area == pytest.approx(geodesic_area_ha(grid, row, col), rel=1e-6)


@pytest.mark.parametrize("epsg", sorted(PLACES))
def test_many_cells_are_interpolated_to_one_millionth(epsg):
    grid = ChipGrid(CRS(epsg))
    row, col = corner(grid, *PLACES[epsg])
    draw = np.random.default_rng(0)
    rows, cols = row + draw.integers(-900, 900, 20_000), col + draw.integers(-900, 900, 20_000)
    exact = exact_areas_ha(Lattice.of_grid(grid), rows[:400].astype(float), cols[:400].astype(float))
    assert cell_areas_ha(grid, rows, cols)[:400] == pytest.approx(exact, rel=1e-6)


def test_g8_the_degrees_that_a_cell_spans_hold_its_area():
    """Golden G8 is about a sphere: 0.0020144804 by 0.0027279651 degrees around 42.4 N are 224 m by 224 m."""
    globe = CRS("+proj=longlat +R=6371008.8 +type=crs")
    height, width = 0.0020144804, 0.0027279651
    pixel = Affine(width, 0, -71.0, 0, -height, 42.4 + height / 2)
    assert raster_areas_ha(pixel, globe, (1, 1))[0, 0] == pytest.approx(5.0176, rel=1e-5)


def test_equal_area_projections_give_equal_areas():
    areas = cell_areas_ha(ChipGrid(CRS(5070)), np.arange(5000, 9000), np.arange(5000, 9000))
    assert areas == pytest.approx(np.full(4000, 5.0176), rel=1e-9)


def test_a_foot_grid_measures_hectares_all_the_same():
    grid = ChipGrid(CRS(2234))
    row, col = corner(grid, -72.5, 41.5)
    assert cell_areas_ha(grid, np.array([row]), np.array([col]))[0] == pytest.approx(5.0176, rel=1e-3)


def test_raster_pixels_and_lattice_cells_are_the_same_ground():
    grid = ChipGrid(CRS(26919))
    row, col = corner(grid, -71, 42.4)
    transform = Affine(grid.side, 0, col * grid.side, 0, -grid.side, (row + 4) * grid.side)
    rows, cols = np.meshgrid(np.arange(row + 3, row - 1, -1), np.arange(col, col + 6), indexing="ij")
    expected = cell_areas_ha(grid, rows.ravel(), cols.ravel()).reshape(4, 6)
    assert raster_areas_ha(transform, grid.crs, (4, 6)) == pytest.approx(expected, rel=1e-12)


def test_degrees_work_and_the_whole_globe_has_its_area():
    areas = raster_areas_ha(Affine(10, 0, -180, 0, -10, 90), CRS(4326), (18, 36))
    assert areas.sum() == pytest.approx(510_065_621_724_088 / 10_000, rel=1e-9)


def test_a_cell_across_the_antimeridian_is_not_the_rest_of_the_world():
    grid = ChipGrid(CRS(32601))
    row, col = corner(grid, 179.9999, 60)
    assert cell_areas_ha(grid, np.full(5, row), np.arange(col - 2, col + 3)) == pytest.approx(
        np.full(5, 5.0176), rel=3e-3
    )


def test_cells_outside_the_projection_are_refused():
    with pytest.raises(UsageError, match="outside the area"):
        areas_ha(Lattice(CRS(5070), 0, 0, 1e7, 1e7), np.array([50.0]), np.array([50.0]))


def test_none_is_none():
    assert cell_areas_ha(ChipGrid(CRS(26919)), np.empty(0, np.int64), np.empty(0, np.int64)).shape == (0,)
