"""The lattice: ids, bounds, transforms and blocks agree with each other in every CRS."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from landuse.errors import GeographicGridError, UsageError
from landuse.grid import XY, Block, Bounds, Cell, CellRange, ChipGrid, chip_ids

UTM, ALBERS, FEET, US_FEET, SOUTH = "EPSG:26919", "EPSG:5070", "EPSG:2222", "EPSG:2263", "EPSG:32733"
grids = st.builds(
    lambda code, metres, pixels: ChipGrid(CRS.from_user_input(code), metres, pixels),
    st.sampled_from([UTM, ALBERS, FEET, US_FEET, SOUTH]),
    st.sampled_from([224.0, 112.0, 32.0, 1000.0]),
    st.sampled_from([224, 299, 7]),
)
cells = st.builds(Cell, st.integers(-40_000, 40_000), st.integers(-40_000, 40_000))
spans = st.builds(
    lambda c, h, w: CellRange(c.row, c.row + h, c.col, c.col + w), cells, st.integers(1, 20), st.integers(1, 20)
)
unit = st.floats(0, 0.999)


@given(cells)
def test_an_id_means_one_cell(cell):
    assert Cell.parse(cell.id) == cell


@pytest.mark.parametrize("text", ["", "r1", "r1c", "R1C2", "r1.5c2", "r1c2 ", "r١c2x", "../r1c2"])
def test_other_text_is_no_id(text):
    with pytest.raises(UsageError, match="not a chip id"):
        Cell.parse(text)


@given(grids, cells, unit, unit)
def test_every_point_of_a_cell_is_in_that_cell(grid, cell, u, v):
    bounds = grid.bounds(cell)
    assert grid.cell_at(XY(bounds.west + u * grid.side, bounds.south + v * grid.side)) == cell


@given(grids, cells)
def test_neighbours_share_their_edges(grid, cell):
    here, east, north = (grid.bounds(Cell(cell.row + r, cell.col + c)) for r, c in ((0, 0), (0, 1), (1, 0)))
    assert here.east == east.west
    assert here.north == north.south


@given(grids, spans)
def test_the_transform_maps_the_image_to_the_bounds(grid, span):
    transform, bounds = grid.transform(span), grid.bounds(span)
    rows, cols = span.shape
    assert transform @ (0, 0) == (bounds.west, bounds.north)
    east, south = transform @ (cols * grid.chip_px, rows * grid.chip_px)
    assert math.isclose(east, bounds.east, abs_tol=1e-6 * grid.side)
    assert math.isclose(south, bounds.south, abs_tol=1e-6 * grid.side)


@pytest.mark.parametrize(("code", "side"), [(UTM, 224.0), (FEET, 224 / 0.3048), (US_FEET, 224 * 3937 / 1200)])
def test_a_chip_is_224_metres_of_ground_in_feet_too(code, side):
    assert ChipGrid(CRS.from_user_input(code)).side == pytest.approx(side, rel=1e-12)


def test_degrees_are_refused_with_the_fix():
    with pytest.raises(GeographicGridError, match=r"--crs EPSG:26919"):
        ChipGrid(CRS.from_epsg(4326))


@pytest.mark.parametrize(("metres", "pixels"), [(0, 224), (-1, 224), (math.nan, 224), (math.inf, 224), (224, 0)])
def test_a_chip_has_a_positive_size(metres, pixels):
    with pytest.raises(UsageError, match="positive size"):
        ChipGrid(CRS.from_epsg(26919), metres, pixels)


@given(grids, spans, st.floats(-0.3, 0.3))
def test_cells_that_touch_bounds(grid, span, share):
    bounds, d = grid.bounds(span), share * grid.side
    grown = grid.touching(Bounds(bounds.west - d, bounds.south - d, bounds.east + d, bounds.north + d))
    if d > 1e-6 * grid.side:
        assert grown == CellRange(span.row0 - 1, span.row1 + 1, span.col0 - 1, span.col1 + 1)
    elif d <= 0:
        assert grown == span


@given(grids, spans)
def test_cells_within_are_among_those_that_touch(grid, span):
    assert grid.within(grid.bounds(span)) == span
    bounds, quarter = grid.bounds(span), grid.side / 4
    within = grid.within(Bounds(bounds.west + quarter, bounds.south + quarter, bounds.east, bounds.north))
    if within is None:
        assert min(span.shape) <= 1
    else:
        assert within.intersection(span) == within
        assert within.row0 == span.row0 + 1
        assert within.col0 == span.col0 + 1


@given(spans)
def test_a_range_iterates_in_image_order(span):
    rows, cols = span.arrays()
    assert [(c.row, c.col) for c in span] == list(zip(rows.tolist(), cols.tolist(), strict=True))
    lines, columns = span.image_index(rows, cols)
    assert np.array_equal(lines * span.shape[1] + columns, np.arange(span.size))
    assert rows[0] == span.row1 - 1
    assert CellRange.around(rows, cols) == span
    assert chip_ids(rows, cols).tolist() == [c.id for c in span]


@given(spans, st.sampled_from([1, 4, 16]))
def test_blocks_cover_each_cell_once(span, size):
    blocks = {Block.of(cell, size) for cell in span}
    assert sum(b.cells.intersection(span).size for b in blocks) == span.size
    assert all(cell in Block.of(cell, size).cells for cell in span)


@given(spans, spans)
def test_union_holds_both_and_intersection_is_in_both(a, b):
    assert a.union(b).intersection(a) == a
    assert a.intersection(a) == a
    shared = a.intersection(b)
    if shared is not None:
        assert shared.intersection(a) == shared == shared.intersection(b)


@given(grids)
def test_a_grid_survives_its_file(grid):
    again = ChipGrid.from_dict(grid.as_dict())
    assert again == grid
    assert again.same_lattice(grid)


def test_grids_of_other_crs_or_size_are_other_lattices():
    grid = ChipGrid(CRS.from_epsg(26919))
    assert not grid.same_lattice(ChipGrid(CRS.from_epsg(26918)))
    assert not grid.same_lattice(ChipGrid(CRS.from_epsg(26919), 112))
    assert grid.same_lattice(ChipGrid(CRS.from_epsg(26919), 224, 299))
    assert grid.with_cell(32).chip_px == 32


def test_a_224_m_cell_in_degrees_as_published():
    """Golden G8: on the sphere of 6,371 km, a 224 m cell at 42.4 N spans .0020144804 by .0027279651 degrees."""
    sphere = CRS.from_proj4("+proj=aeqd +lat_0=42.4 +lon_0=-71 +R=6371000 +units=m")
    bounds = ChipGrid(sphere).bounds(Cell(0, 0))
    to_degrees = Transformer.from_crs(sphere, sphere.geodetic_crs, always_xy=True)
    (west, east, _), (south, _, north) = to_degrees.transform([0, bounds.east, 0], [0, 0, bounds.north])
    assert north - south == pytest.approx(0.0020144804, rel=1e-7)
    assert east - west == pytest.approx(0.0027279651, rel=1e-7)


@pytest.mark.parametrize("edges", [(2, 1, 0, 5), (0, 5, 2, 1), (1, 0, 1, 0)])
def test_a_range_that_ends_before_it_starts_is_refused(edges):
    with pytest.raises(UsageError, match="before it starts"):
        CellRange(*edges)
    assert CellRange(1, 1, 3, 3).shape == (0, 0)


@example(0.0, 0.0)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_point_touches_the_cell_it_lies_in(x, y):
    grid = ChipGrid(CRS.from_epsg(5070))
    touched = grid.touching(Bounds(x, y, x, y))
    assert touched.shape == (1, 1)
    assert abs(touched.col0 - x / grid.side + 0.5) <= 0.5 + 2e-6
    assert abs(touched.row0 - y / grid.side + 0.5) <= 0.5 + 2e-6


WITHOUT_AUTHORITY = {
    "utm without a datum": "+proj=utm +zone=19 +ellps=GRS80",
    "the same of the south": "+proj=utm +zone=19 +south +ellps=GRS80",
    "like Lambert 93, without its datum": "+proj=lcc +lat_1=49 +lat_2=44 +lat_0=46.5 +lon_0=3 +x_0=7e5 +y_0=6.6e6 +ellps=GRS80",
    "like ETRS89-LAEA": "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80",
    "oblique": "+proj=omerc +lat_0=4 +lonc=102.25 +alpha=323.0257 +k=0.99984 +x_0=804671 +gamma=323.13 +ellps=GRS80",
    "feet": "+proj=tmerc +lat_0=40 +lon_0=-75.5 +k=0.9999 +x_0=600000 +ellps=GRS80 +units=us-ft",
    "bound": "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 +lon_0=-96 +ellps=GRS80 +towgs84=1,2,3",
}


@pytest.mark.parametrize("text", WITHOUT_AUTHORITY.values(), ids=WITHOUT_AUTHORITY)
def test_a_crs_without_an_authority_keeps_its_place(text):
    grid = ChipGrid(CRS.from_user_input(text))
    again = ChipGrid.from_dict(json.loads(json.dumps(grid.as_dict())))
    assert again.same_lattice(grid)


@pytest.mark.parametrize("code", ["EPSG:26919", "EPSG:5070", "EPSG:2263", "EPSG:32760", "ESRI:102003", "EPSG:3857"])
def test_a_crs_of_an_authority_is_written_by_its_code(code):
    assert ChipGrid(CRS.from_user_input(code)).as_dict()["crs"] == code


@settings(max_examples=10)  # the database of CRSs is searched for each
@given(
    st.sampled_from(["tmerc", "laea", "lcc +lat_1=30 +lat_2=50", "aea +lat_1=30 +lat_2=50", "stere", "merc"]),
    st.sampled_from(
        ["+ellps=GRS80", "+datum=WGS84", "+ellps=bessel +towgs84=598,73,418,0.2,0,-2.5,6.7", "+datum=NAD27"]
    ),
    st.integers(-179, 179),
    st.integers(-60, 60),
    st.sampled_from(["", "+units=us-ft", "+x_0=500000 +y_0=10000000"]),
)
def test_any_crs_comes_back_the_same(projection, datum, lon, lat, more):
    latitude = "" if projection == "merc" else f"+lat_0={lat}"
    grid = ChipGrid(CRS.from_user_input(f"+proj={projection} +lon_0={lon} {latitude} {datum} {more}"))
    assert ChipGrid.from_dict(json.loads(json.dumps(grid.as_dict()))).same_lattice(grid)
