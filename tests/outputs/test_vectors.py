import csv
import itertools
import json

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS

from landuse.errors import ConfigError
from landuse.legend import LandClass, Legend, load_legend
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.categories import CodeTotals, class_areas, read_summary, write_summary
from landuse.outputs.polygons import connected
from landuse.outputs.vectors import Dissolver, MapLines, write_geojson
from tests.outputs.in_memory import dissolve, frame_of

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
LEGEND = load_legend("nlcd6")
GRIDS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


def test_cells_that_touch_only_at_a_corner_stay_apart():
    codes = np.array([[1, 0], [0, 1]], np.uint8)
    assert len(dissolve(codes, TRANSFORM, UTM, LEGEND)) == 2
    assert connected(np.array([[1, 1], [0, 1]], np.uint8)).tolist() == [[0, 0], [-1, 0]]


def test_columns_say_class_area_cells_and_mean_confidence():
    codes = np.array([[1, 1, 3], [3, 3, 3]], np.uint8)
    confidence = np.array([[0.5, np.nan, 1.0], [0.8, 0.8, 0.8]], np.float32)
    frame = dissolve(codes, TRANSFORM, UTM, LEGEND, confidence)
    assert list(frame.columns) == ["class", "code", "area_ha", "cells", "confidence", "geometry"]
    assert frame["class"].tolist() == ["Developed", "Forest"]
    assert frame["cells"].tolist() == [2, 4]
    assert frame["area_ha"].tolist() == pytest.approx([10.04, 20.07], abs=0.05)
    assert frame["confidence"].tolist() == pytest.approx([0.5, 0.85])
    assert frame.crs.to_epsg() == 4326


@settings(max_examples=15)
@given(GRIDS)
def test_polygons_partition_the_mapped_ground(codes):
    frame = dissolve(codes, TRANSFORM, UTM, LEGEND)
    areas = raster_areas_ha(TRANSFORM, UTM, codes.shape)
    assert frame.geometry.is_valid.all()
    assert frame["cells"].sum() == (codes > 0).sum()
    assert frame["area_ha"].sum() == pytest.approx(areas[codes > 0].sum())
    whole = shapely.union_all(frame.geometry.to_numpy())
    assert whole.area == pytest.approx(shapely.area(frame.geometry.to_numpy()).sum(), rel=1e-9, abs=1e-15)


@settings(max_examples=10)
@given(GRIDS, st.lists(st.integers(1, 9), max_size=5), st.integers(0, 3))
def test_a_map_that_comes_in_strips_has_the_same_polygons(codes, cuts, gap):
    """Whatever the strips, and with lines left out where nothing is mapped."""
    assume(codes.any())
    codes = np.vstack([codes, np.zeros((gap, codes.shape[1]), np.uint8), codes[::-1]])
    areas, confidence = raster_areas_ha(TRANSFORM, UTM, codes.shape), (codes / 7).astype(np.float32)
    whole = dissolve(codes, TRANSFORM, UTM, LEGEND, confidence)
    dissolver, frames = Dissolver(TRANSFORM, UTM, LEGEND, codes.shape[1]), []
    edges = sorted({0, *(c for c in cuts if c < len(codes)), len(codes)})
    for first, last in itertools.pairwise(edges):
        if codes[first:last].any():
            frames += dissolver.add(MapLines(first, codes[first:last], areas[first:last], confidence[first:last]))
    frames.append(dissolver.end())
    pieces = pd.concat([frame_of(areas) for areas in frames], ignore_index=True)
    assert len(pieces) == len(whole)
    order = [frame.geometry.apply(lambda g: shapely.normalize(g).wkb_hex).sort_values() for frame in (whole, pieces)]
    assert order[0].tolist() == order[1].tolist()
    columns = ["class", "code", "area_ha", "cells", "confidence"]
    one, other = (f.loc[o.index, columns].reset_index(drop=True) for f, o in zip((whole, pieces), order, strict=True))
    pd.testing.assert_frame_equal(one, other)


def test_lines_may_run_north():
    codes = np.array([[1, 1, 3], [3, 1, 3], [0, 3, 3]], np.uint8)
    south_up = Affine(224.0, 0, TRANSFORM.c, 0, 224.0, TRANSFORM.f - 3 * 224.0)
    one, other = dissolve(codes, TRANSFORM, UTM, LEGEND), Dissolver(south_up, UTM, LEGEND, 3)
    pieces = [areas for areas in (*other.add(MapLines(0, codes[::-1], np.ones((3, 3)))), other.end()) if len(areas)]
    found = np.concatenate([frame_of(areas).geometry.to_numpy() for areas in pieces])
    geometries = [shapely.normalize(polygons) for polygons in (np.asarray(one.geometry), found)]
    assert {g.wkb for g in geometries[0]} == {g.wkb for g in geometries[1]}
    assert all(shapely.is_ccw(shapely.get_exterior_ring(found)))


def test_a_region_that_touches_itself_at_a_corner_has_a_hole_there():
    codes = np.array([[1, 1, 2], [1, 2, 1], [1, 1, 1]], np.uint8)
    frame = dissolve(codes, TRANSFORM, UTM, LEGEND)
    assert frame.geometry.is_valid.all()
    assert sorted(len(g.interiors) for g in frame.geometry) == [0, 0, 1]


@settings(max_examples=8)
@given(GRIDS)
def test_areas_of_polygons_are_those_of_their_rings(codes):
    frame = dissolve(codes, TRANSFORM, UTM, LEGEND)
    geod = CRS.from_epsg(4326).get_geod()
    for area, geometry in zip(frame["area_ha"], frame.geometry, strict=True):
        assert abs(geod.geometry_area_perimeter(geometry)[0]) / 10_000 == pytest.approx(area, rel=1e-5)


@pytest.mark.parametrize("epsg", [26919, 5070, 4326])
def test_no_gap_opens_along_a_long_edge(epsg):
    """A long polygon beside many small ones: after reprojection the union still has no hole and no sliver."""
    codes = np.ones((3, 400), np.uint8)
    codes[1] = np.arange(400) % 2 + 2
    codes[2] = 3
    side = 0.002 if epsg == 4326 else 224.0
    corner = (
        (-72.0, 42.0) if epsg == 4326 else (300_000.0, 4_600_000.0) if epsg == 26919 else (1_900_000.0, 2_300_000.0)
    )
    frame = dissolve(codes, Affine(side, 0, corner[0], 0, -side, corner[1]), CRS(epsg), LEGEND)
    whole = shapely.union_all(frame.geometry.to_numpy())
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert frame.geometry.is_valid.all()
    assert len(frame.geometry.iloc[0].exterior.coords) >= 400


def test_straight_edges_between_two_polygons_are_not_full_of_vertices():
    codes = np.ones((64, 64), np.uint8)
    frame = dissolve(codes, TRANSFORM, UTM, LEGEND)
    assert len(frame.geometry.iloc[0].exterior.coords) < 30


def test_a_map_without_data_has_no_polygons(tmp_path):
    frame = dissolve(np.zeros((4, 4), np.uint8), TRANSFORM, UTM, LEGEND, np.zeros((4, 4), np.float32))
    write_geojson(frame, tmp_path / "a.geojson")
    assert json.loads((tmp_path / "a.geojson").read_text()) == {"type": "FeatureCollection", "features": []}


def test_a_code_outside_the_legend_is_refused():
    with pytest.raises(ConfigError, match="code 9"):
        dissolve(np.full((2, 2), 9, np.uint8), TRANSFORM, UTM, LEGEND)


def test_geojson_is_rfc_7946(tmp_path):
    codes = np.array([[1, 1, 1], [1, 3, 1], [1, 1, 1]], np.uint8)
    write_geojson(dissolve(codes, TRANSFORM, UTM, LEGEND, np.full((3, 3), np.nan, np.float32)), tmp_path / "a.geojson")
    text = (tmp_path / "a.geojson").read_text()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(read) == {"type", "features"}
    (forest,) = (one for one in read["features"] if one["properties"]["cells"] == 8)
    ring, hole = forest["geometry"]["coordinates"]
    assert shapely.LinearRing(ring).is_ccw
    assert not shapely.LinearRing(hole).is_ccw
    assert forest["properties"]["confidence"] is None
    assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in ring)
    assert all(len(str(value).split(".")[1]) <= 7 for point in ring for value in point)


def test_geojson_opens_elsewhere_with_hostile_names_intact(tmp_path):
    name = '</script><img src=x onerror=alert(1)> "é"'
    legend = Legend(name="hostile", classes=(LandClass(code=1, name=name, color="#112233"),))
    frame = dissolve(np.ones((2, 2), np.uint8), TRANSFORM, UTM, legend)
    write_geojson(frame, tmp_path / "a.geojson")
    read = geopandas.read_file(tmp_path / "a.geojson")
    assert read["class"].tolist() == [name]
    assert read.geometry.iloc[0].equals_exact(frame.geometry.iloc[0], 1e-7)


def test_geojson_of_metres_is_in_degrees(tmp_path):
    frame = dissolve(np.ones((2, 2), np.uint8), TRANSFORM, UTM, LEGEND)
    write_geojson(frame.to_crs(26919), tmp_path / "a.geojson")
    read = geopandas.read_file(tmp_path / "a.geojson")
    assert read.geometry.iloc[0].equals_exact(frame.geometry.iloc[0], 2e-7)


def test_polygons_across_the_antimeridian_are_cut_there(tmp_path):
    side, zone = 10_000.0, CRS.from_epsg(32601)
    codes = np.ones((4, 30), np.uint8)
    write_geojson(
        dissolve(codes, Affine(side, 0, 200_000, 0, -side, 6_500_000), zone, LEGEND).to_crs(zone),
        tmp_path / "a.geojson",
    )
    frame = geopandas.read_file(tmp_path / "a.geojson")
    geometry = frame.geometry.iloc[0]
    assert geometry.geom_type == "MultiPolygon"
    assert geometry.is_valid
    geod = CRS.from_epsg(4326).get_geod()
    area = sum(abs(geod.geometry_area_perimeter(part)[0]) for part in geometry.geoms) / 10_000
    assert area == pytest.approx(frame["area_ha"].iloc[0], rel=1e-3)
    assert geometry.bounds[0] == -180
    assert geometry.bounds[2] == 180


def summarise(codes, areas_ha):
    totals = CodeTotals()
    totals.add(codes, areas_ha)
    return class_areas(totals, LEGEND)


def test_summary_counts_every_class_and_reads_back(tmp_path):
    codes = np.array([1, 1, 3, 0], np.uint8)
    lines = summarise(codes, np.array([5.0, 5.0, 10.0, 99.0]))
    write_summary(tmp_path / "summary.csv", lines)
    with (tmp_path / "summary.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[:2] == [["class", "chips", "area_ha", "share"], ["Developed", "2", "10.0000", "0.500000"]]
    assert len(rows) == 1 + len(LEGEND)
    assert read_summary(tmp_path / "summary.csv") == lines


def test_summary_of_nothing_divides_by_nothing():
    assert all(line.share == 0 for line in summarise(np.zeros(3, np.uint8), np.ones(3)))


def test_a_damaged_summary_is_named(tmp_path):
    (tmp_path / "summary.csv").write_text("class,chips\nForest,many\n")
    with pytest.raises(ConfigError, match=r"summary\.csv is damaged"):
        read_summary(tmp_path / "summary.csv")
