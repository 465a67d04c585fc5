"""Areas by district: cells divided along boundaries, and every district's lines adding up to its area."""

import csv

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from landuse.errors import NoOverlapError, UsageError
from landuse.grid import Bounds
from landuse.legend import LandClass, Legend, load_legend
from landuse.outputs.areas import boxes_of_raster, cell_shares, polygon_areas_ha, raster_areas_ha, share_within
from landuse.outputs.districts import (
    UNCHANGED_CODE,
    DistrictTotals,
    read_districts,
    write_change_districts,
    write_class_districts,
)

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
SHAPE = (30, 40)
WEST, NORTH = TRANSFORM.c, TRANSFORM.f
EAST, SOUTH = WEST + SHAPE[1] * 224, NORTH - SHAPE[0] * 224
NEAR = Bounds(WEST, SOUTH, EAST, NORTH)
CODES = np.random.default_rng(2).integers(0, 3, SHAPE, np.uint8)
HOSTILE = "=cmd|'/c calc'!A1 </script>\u202e"
LEGEND = Legend(
    name="two",
    classes=(LandClass(code=1, name="Forest", color="#116611"), LandClass(code=2, name="Water", color="#883300")),
)


def boxes(shape=SHAPE):
    lines, cols = np.indices(shape).reshape(2, -1)
    return boxes_of_raster(TRANSFORM, lines, cols)


def write(path, shapes, names, epsg=26919, column="name"):
    geopandas.GeoDataFrame({column: names}, geometry=shapes, crs=26919).to_crs(epsg).to_file(path)
    return path


def halves():
    """Two districts whose border runs slantwise through cells, the eastern one reaching beyond the map."""
    middle = [(WEST + 3_100, SOUTH), (WEST + 5_900, NORTH)]
    western = shapely.Polygon([(WEST, SOUTH), middle[0], middle[1], (WEST, NORTH)])
    eastern = shapely.Polygon([middle[0], (EAST + 5_000, SOUTH), (EAST + 5_000, NORTH), middle[1]])
    return [western, eastern]


def measured(path, column="name", codes=CODES):
    districts = read_districts(path, column, UTM, NEAR)
    totals, areas = DistrictTotals(districts), raster_areas_ha(TRANSFORM, UTM, SHAPE)
    for top in range(0, SHAPE[0], 7):
        rows = slice(top, top + 7)
        lines, cols = np.indices(codes[rows].shape).reshape(2, -1)
        totals.add(boxes_of_raster(TRANSFORM, lines + top, cols), codes[rows].ravel(), areas[rows].ravel())
    return totals


def lines_of(folder):
    with (folder / "districts.csv").open(encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("epsg", [26919, 4326])
def test_the_lines_of_a_district_add_up_to_its_area(tmp_path, epsg):
    path = write(tmp_path / "d.gpkg", halves(), ["west", "east"], epsg)
    write_class_districts(tmp_path, measured(path), LEGEND, overlapping=False)
    lines = lines_of(tmp_path)
    assert [(x["district"], x["class"]) for x in lines[:3]] == [
        ("east", "Forest"), ("east", "Water"), ("east", "(not mapped)")
    ]  # fmt: skip
    geod = UTM.get_geod()
    for name, shape in zip(("west", "east"), halves(), strict=True):
        degrees = geopandas.GeoSeries([shapely.segmentize(shape, 100)], crs=26919).to_crs(4269).iloc[0]
        own = abs(geod.geometry_area_perimeter(degrees)[0]) / 10_000
        mine = [line for line in lines if line["district"] == name]
        assert sum(float(line["area_ha"]) for line in mine) == pytest.approx(own, rel=1e-5 if epsg == 26919 else 1e-4)
        assert sum(float(line["share"]) for line in mine) == pytest.approx(1, abs=2e-6)


def test_a_cell_on_a_boundary_is_divided(tmp_path):
    """Districts without gaps that cover the map share out the hectares of every class, to the square metre."""
    totals = measured(write(tmp_path / "d.gpkg", halves(), ["west", "east"]))
    areas = raster_areas_ha(TRANSFORM, UTM, SHAPE)
    for code in (1, 2):
        assert totals.of(code).sum() == pytest.approx(areas[code == CODES].sum(), abs=1e-3)
        western = totals.of(code)[totals.districts.names.index("west")]
        whole = sum(
            float(areas[line, col])
            for line, col in zip(*np.nonzero(code == CODES), strict=True)
            if halves()[0].covers(shapely.box(*(side[line * SHAPE[1] + col] for side in boxes())))
        )
        assert western > whole


def test_names_that_stand_twice_are_one_district_and_hostile_ones_stay_text(tmp_path):
    import openpyxl

    western, eastern = halves()
    far = shapely.box(WEST - 90_000, SOUTH, WEST - 80_000, NORTH)
    path = write(tmp_path / "d.gpkg", [western, eastern, far, far], [HOSTILE, HOSTILE, HOSTILE, "elsewhere"])
    totals = measured(path)
    assert totals.districts.names == (HOSTILE,)
    assert totals.districts.areas_ha[0] == pytest.approx(
        polygon_areas_ha(np.array([western, eastern, far], object), UTM).sum(), rel=1e-6
    )
    write_class_districts(tmp_path, totals, LEGEND, overlapping=False)
    assert {line["district"] for line in lines_of(tmp_path)} == {f"'{HOSTILE}"}
    sheet = openpyxl.load_workbook(tmp_path / "districts.xlsx").active
    assert [cell.value for cell in sheet[1]] == ["district", "class", "area_ha", "share"]
    assert (sheet["A2"].value, sheet["A2"].data_type) == (f"'{HOSTILE}", "s")
    assert sheet["C2"].value == pytest.approx(totals.of(1)[0], abs=1e-4)


def test_changes_are_listed_by_district_with_what_did_not_change(tmp_path):
    legend = load_legend("nlcd6")
    numbers = dict(zip(legend.names, legend.codes, strict=True))
    codes = np.full(SHAPE, UNCHANGED_CODE, np.int32)
    codes[:5], codes[5:7] = 601, 0
    totals = measured(write(tmp_path / "d.gpkg", halves(), ["west", "east"], column="TOWN"), "town", codes)
    write_change_districts(tmp_path, totals, legend, numbers)
    mine = [line for line in lines_of(tmp_path) if line["district"] == "west"]
    assert [(line["from"], line["to"]) for line in mine] == [
        ("Cultivated", "Developed"), ("(no change)", "(no change)"), ("(not compared)", "(not compared)")
    ]  # fmt: skip
    assert sum(float(line["area_ha"]) for line in mine) == pytest.approx(totals.districts.areas_ha[1], abs=1e-3)
    width = 5_900 - 2_800 * 6 / 30  # in the middle of the two lines that were not compared
    assert float(mine[2]["share"]) == pytest.approx(2 * width / (30 * 4_500), abs=1e-3)


def test_what_cannot_serve_is_one_clear_error(tmp_path):
    path = write(tmp_path / "d.gpkg", halves(), ["west", "east"], column="TOWN")
    with pytest.raises(UsageError, match=r"no column 'name' .* --district-name takes one of: TOWN\."):
        read_districts(path, None, UTM, NEAR)
    with pytest.raises(NoOverlapError, match="No district of"):
        read_districts(path, "TOWN", UTM, Bounds(0, 0, 1, 1))


TRIANGLES = st.lists(st.tuples(st.floats(-50, 1100), st.floats(-50, 1100)), min_size=3, max_size=3)


@settings(max_examples=60)
@given(TRIANGLES)
def test_shares_are_those_of_the_intersection(points):
    """Every cell's share by itself, and their sum: the ground of the shape on the map."""
    shape = shapely.convex_hull(shapely.MultiPoint([(WEST + x, SOUTH + 1000 - y) for x, y in points]))
    sides = boxes((6, 7))
    cells = shapely.box(*sides)
    share = share_within(shape, sides)
    if shape.area > 1e-6:
        expected = shapely.area(shapely.intersection(shape, cells)) / shapely.area(cells)
        assert share == pytest.approx(expected, abs=1e-9)
        _, _, found = cell_shares(np.array([shape], object), sides)
        assert (found > 0).all()


def test_a_line_takes_no_ground_away():
    sides = boxes((2, 2))
    assert share_within(shapely.LineString([(WEST, SOUTH), (EAST, NORTH)]), sides).tolist() == [1] * 4
