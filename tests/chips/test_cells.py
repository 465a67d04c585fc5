import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.chips import ChipSet
from landuse.chips.cells import footprint_cells, survey_strips, touched_cells, touches
from landuse.errors import UsageError
from landuse.grid import Bounds, ChipGrid
from landuse.mosaic import open_survey
from tests.made import UTM, raster

GRID = ChipGrid(UTM, chip_m=100)
number = st.floats(-2000, 2000)


def cells(found):
    return set(zip(found[0].tolist(), found[1].tolist(), strict=True))


def every_chip(addresses):
    return ChipSet.joined(list(survey_strips(open_survey(addresses, bands=(1,)), GRID)))


def test_a_rectangle_on_the_lattice_takes_its_own_cells_alone():
    assert cells(footprint_cells(GRID, shapely.box(-100, 200, 100, 400))) == {(2, -1), (2, 0), (3, -1), (3, 0)}


def test_rounding_does_not_reach_into_the_next_cell():
    grown = shapely.box(-100 - 1e-9, 200 - 1e-9, 100 + 1e-9, 400 + 1e-9)
    assert cells(footprint_cells(GRID, grown)) == {(2, -1), (2, 0), (3, -1), (3, 0)}


@settings(max_examples=50)
@given(st.lists(st.tuples(number, number), min_size=3, max_size=8))
def test_cells_of_any_footprint_are_those_that_share_ground(points):
    footprint = shapely.MultiPoint(points).convex_hull
    if footprint.geom_type != "Polygon" or footprint.area < 1:
        return
    found = cells(footprint_cells(GRID, footprint))
    rows, cols = GRID.touching(Bounds(*footprint.bounds)).arrays()
    touched = touches(footprint, GRID, rows, cols)
    rows, cols = rows[touched], cols[touched]
    shared = shapely.intersection(footprint, GRID.polygons(rows, cols))
    sure = {(r, c) for r, c, a in zip(rows.tolist(), cols.tolist(), shapely.area(shared), strict=True) if a > 1}
    assert sure <= found <= cells((rows, cols))


def test_cells_of_many_footprints_stand_once_with_all_their_sources():
    rows, cols, sources = touched_cells(GRID, [shapely.box(0, 0, 150, 100), shapely.box(150, 0, 300, 100)])
    named = {(r, c): sources[i].tolist() for i, (r, c) in enumerate(zip(rows.tolist(), cols.tolist(), strict=True))}
    assert named == {(0, 0): [0], (0, 1): [0, 1], (0, 2): [1]}


def test_an_empty_footprint_touches_nothing():
    rows, cols, sources = touched_cells(GRID, [shapely.box(5, 5, 5, 9)])
    assert (len(rows), len(cols), len(sources)) == (0, 0, 0)


def test_scattered_sources_cost_no_ground_in_between(tmp_path):
    for n, west in enumerate((0, 30_000_000)):
        raster(tmp_path / f"{n}.tif", np.full((20, 20), 9, np.uint8), Affine(10, 0, west, 0, -10, 200))
    chips = every_chip([tmp_path])
    assert len(chips) == 8
    assert chips.valid.tolist() == [1.0] * 8
    assert [chips.source_names(i) for i in (0, 7)] == [("0.tif",), ("1.tif",)]


def test_valid_is_the_share_of_the_ground_with_imagery(tmp_path):
    raster(tmp_path / "a.tif", np.ones((10, 15), np.uint8), Affine(10, 0, 0, 0, -10, 100))
    raster(tmp_path / "b.tif", np.ones((10, 10), np.uint8), Affine(10, 0, 175, 0, -10, 120))
    chips = every_chip([tmp_path])
    found = dict(zip(chips.ids.tolist(), chips.valid.tolist(), strict=True))
    expected = {"r0c0": 1.0, "r0c1": 0.5 + 0.25 * 0.8, "r1c1": 0.25 * 0.2, "r0c2": 0.75 * 0.8, "r1c2": 0.75 * 0.2}
    assert found == pytest.approx(expected, abs=1e-5)


def test_more_chips_than_anybody_can_mean_are_refused_before_they_are_made(tmp_path):
    survey = open_survey([raster(tmp_path / "a.tif", np.full((3, 8, 8), 9, np.uint8), Affine(28, 0, 0, 0, -28, 224))])
    with pytest.raises(UsageError, match="larger --chip-size"):
        list(survey_strips(survey, ChipGrid(UTM, 1e-6, 224)))
