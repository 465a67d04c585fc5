import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import (
    LabelsError,
    MissingCRSError,
    NoOverlapError,
    NotAVectorError,
    SourceNotFoundError,
    UnlabelledWarning,
)
from landuse.grid import Bounds, CellRange, ChipGrid
from landuse.labels import LabelRequest, label_cells
from landuse.labels.polygons import read_polygon_labels
from landuse.legend import Legend, load_legend
from tests.made import UTM

NLCD6 = load_legend("nlcd6")
GRID = ChipGrid(UTM, chip_m=100)
NEAR = Bounds(0, 0, 100, 100)
CHIP = np.array([0]), np.array([0])


@pytest.fixture
def layer(tmp_path):
    def write(features, name="x.gpkg", crs=UTM):
        labels, shapes = zip(*features, strict=True)
        path = tmp_path / name
        gpd.GeoDataFrame({"use": list(labels)}, geometry=list(shapes), crs=crs).to_file(path)
        return path

    return write


def label(path, rule="majority", cells=CHIP, field="use"):
    return label_cells(GRID, *cells, LabelRequest(path, NLCD6, rule, field))


def test_shares_are_areas_and_majority_takes_the_largest(layer):
    path = layer([("Forest", shapely.box(0, 0, 55, 100)), ("Cultivated", shapely.box(55, 0, 100, 80))])
    found = label(path)
    assert found.codes.tolist() == [3]
    assert found.shares[0].tolist() == pytest.approx([0, 0, 0.55, 0, 0, 0.36])
    assert found.purity.tolist() == pytest.approx([0.55])


def test_where_polygons_overlap_the_first_of_the_file_counts(layer):
    whole, part = ("Forest", shapely.box(0, 0, 100, 100)), ("Developed", shapely.box(20, 20, 80, 80))
    assert label(layer([part, whole], "a.gpkg")).shares[0, [0, 2]].tolist() == pytest.approx([0.36, 0.64])
    assert label(layer([whole, part], "b.gpkg")).shares[0, [0, 2]].tolist() == pytest.approx([0.0, 1.0])
    assert label(layer([part, whole], "c.gpkg"), "centre").codes.tolist() == [1]
    assert label(layer([whole, part], "d.gpkg"), "centre").codes.tolist() == [3]


def test_overlap_within_a_class_counts_once(layer):
    path = layer([("Forest", shapely.box(0, 0, 60, 100)), ("Forest", shapely.box(40, 0, 80, 100))])
    assert label(path).shares[0, 2] == pytest.approx(0.8)


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.integers(-50, 150)] * 4, st.integers(0, 6)), min_size=2, max_size=6))
def test_shares_of_overlapping_polygons_never_exceed_the_chip(boxes):
    from landuse.labels.polygons import PolygonLabels

    boxes = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1, k) for a, b, c, d, k in boxes]
    shapes = np.array([shapely.box(*box[:4]) for box in boxes], dtype=object)
    codes, values = np.array([box[4] for box in boxes], np.uint8), np.array(["x"] * len(boxes), dtype=object)
    labels = PolygonLabels(shapes, codes, NLCD6, shapely.STRtree(shapes), values)
    ring = np.array([[(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)]])
    shares = labels.read(ring, np.empty((1, 0, 2))).shares[0]
    expected, covered = np.zeros(6), shapely.Polygon()
    for shape, box in zip(shapes, boxes, strict=True):
        piece = shape.intersection(shapely.box(0, 0, 100, 100)).difference(covered)
        covered = covered.union(shape)
        expected[box[4] - 1] += piece.area / 1e4 if box[4] else 0
    assert shares == pytest.approx(expected, abs=1e-9)
    assert shares.sum() <= 1 + 1e-9


def test_nine_points_and_centre_look_into_polygons(layer):
    path = layer([("Forest", shapely.box(10, 10, 90, 90)), ("Shrub", shapely.box(100, 0, 130, 100))])
    cells = np.array([0, 0]), np.array([0, 1])
    assert label(path, "nine-point", cells).codes.tolist() == [3, 0]
    assert label(path, "centre", cells).codes.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Forest", 3),
        ("forest", 3),
        (41, 3),
        (90.0, 3),
        ("41", 3),
        (11, 0),
        ("Lake", 0),
        (-3, 0),
        (41.5, 0),
        (10**12, 0),
    ],
)
def test_attributes_are_names_or_codes_of_the_crosswalk(layer, value, code):
    values = [value, type(value)(82) if not isinstance(value, str) else "82"]
    path = layer(list(zip(values, [shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], strict=True)))
    assert label(path).codes.tolist() == [code]


def test_a_missing_attribute_is_unmapped(layer):
    path = layer([(None, shapely.box(0, 0, 100, 100)), ("Forest", shapely.box(100, 0, 200, 100))])
    assert label(path, cells=(np.array([0, 0]), np.array([0, 1]))).codes.tolist() == [0, 3]


def test_polygons_in_degrees_and_with_holes(layer):
    ring = shapely.box(300_000, 4_500_000, 300_300, 4_500_300) - shapely.box(300_050, 4_500_050, 300_150, 4_500_150)
    frame = gpd.GeoSeries([shapely.segmentize(ring, 10)], crs=UTM).to_crs(4326)
    path = layer([("Forest", frame.iloc[0])], "x.geojson", crs=4326)
    rows, cols = CellRange(45_000, 45_003, 3_000, 3_003).arrays()
    shares = label(path, cells=(rows, cols)).shares[:, 2]
    # The hole covers 50 to 150 m both ways, a quarter of each of the four chips in the south-west.
    expected = np.where((rows < 45_002) & (cols < 3_002), 0.75, 1.0)
    assert shares == pytest.approx(expected, abs=1e-3)


def test_polygons_of_the_whole_world_serve_where_the_chips_are(layer):
    world = [("Forest", shapely.box(-180, -90, 180, 40.65)), ("Cultivated", shapely.box(-180, 40.65, 180, 90))]
    path = layer(world, "world.geojson", crs=4326)
    rows, cols = CellRange(44_980, 45_020, 6_000, 6_003).arrays()
    found = label(path, cells=(rows, cols))
    assert found.shares.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-6)
    assert (np.sort(rows[found.codes == 3]) < rows[found.codes == 6].min() + 1).all()
    assert set(found.codes.tolist()) == {3, 6}


def test_collections_within_collections_give_their_polygons(tmp_path):
    inner = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [50, 0], [50, 50], [0, 50], [0, 0]]]]}
    line = {"type": "LineString", "coordinates": [[0, 0], [90, 90]]}
    feature = {"type": "Feature", "properties": {"use": "Forest"}}
    feature["geometry"] = {"type": "GeometryCollection", "geometries": [line, inner]}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::26918"}}
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    assert label(path).shares[0, 2] == pytest.approx(0.25)


def test_broken_polygons_are_mended(layer):
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    assert not bow.is_valid
    assert label(layer([("Forest", bow)])).shares[0, 2] == pytest.approx(0.5)


def test_collections_give_their_polygons(layer):
    shape = shapely.MultiPolygon([shapely.box(0, 0, 50, 50), shapely.box(50, 50, 100, 100)])
    assert label(layer([("Forest", shape)])).shares[0, 2] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("features", "field", "error", "says"),
    [
        ([("Forest", shapely.box(0, 0, 9, 9))], "kind", LabelsError, "use"),
        ([("Forest", shapely.box(0, 0, 9, 9))], "geometry", LabelsError, "use"),
        ([("Lake", shapely.box(0, 0, 9, 9))], "use", LabelsError, "Lake"),
        ([("Forest", shapely.Point(5, 5))], "use", NotAVectorError, "no polygons"),
        ([("Forest", shapely.box(1000, 1000, 1100, 1100))], "use", NoOverlapError, "no ground"),
    ],
)
def test_a_layer_that_cannot_serve_gets_one_sentence(layer, features, field, error, says):
    with pytest.raises(error, match=says) as caught:
        label(layer(features), field=field)
    assert "x.gpkg" in str(caught.value)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_files_that_are_no_layers(tmp_path, layer):
    with pytest.raises(SourceNotFoundError, match=r"nothing\.gpkg"):
        read_polygon_labels(tmp_path / "nothing.gpkg", "use", NLCD6, UTM, NEAR)
    (tmp_path / "text.geojson").write_text("not json")
    with pytest.raises(NotAVectorError, match=r"text\.geojson"):
        read_polygon_labels(tmp_path / "text.geojson", "use", NLCD6, UTM, NEAR)
    (tmp_path / "empty.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(NotAVectorError, match="no feature"):
        read_polygon_labels(tmp_path / "empty.geojson", "use", NLCD6, UTM, NEAR)
    path = layer([("Forest", shapely.box(0, 0, 9, 9))], "nocrs.shp", crs=None)
    with pytest.raises(MissingCRSError, match=r"nocrs\.shp"):
        read_polygon_labels(path, "use", NLCD6, UTM, NEAR)


def test_names_that_differ_by_spaces_case_or_unicode_form_are_the_class(layer):
    legend = Legend.of_names(["Forêt", "Eau"], "t")
    boxes = [shapely.box(100 * i, 0, 100 * i + 100, 100) for i in range(4)]
    path = layer(list(zip(["Eau", "EAU ", "Fore\u0302t", "Forêt\u00a0"], boxes, strict=True)))
    cells = np.zeros(4, int), np.arange(4)
    found = label_cells(GRID, *cells, LabelRequest(path, legend, "majority", "use"))
    assert found.codes.tolist() == [2, 2, 1, 1]


def test_what_names_no_class_is_told_with_its_counts(layer):
    boxes = [shapely.box(100 * i, 0, 100 * i + 100, 100) for i in range(5)]
    path = layer(list(zip(["Forest", "Lake", "Lake", None, "Shrub"], boxes, strict=True)))
    with pytest.warns(
        UnlabelledWarning, match=r"3 features of .* name no class of the legend nlcd6: 'Lake' \(2\), no value"
    ):
        found = label(path, cells=(np.zeros(5, int), np.arange(5)))
    assert found.codes.tolist() == [3, 0, 0, 0, 4]
    assert found.left_out == pytest.approx({"Lake": 0.4, "": 0.2})


def fitting(path):
    return label_cells(GRID, *CHIP, LabelRequest(path, None, "majority", "use")).legend


def test_without_a_legend_the_names_decide(layer):
    here = shapely.box(0, 0, 100, 100)
    assert fitting(layer([("Forest", here), ("water", here)], "a.gpkg")).name == "nlcd8"
    assert fitting(layer([(11, here), (82, here)], "b.gpkg")).name == "nlcd8"
    own = fitting(layer([("Kelp", here), ("Forest", here), ("kelp ", here)], "c.gpkg"))
    assert own.names == ("Forest", "Kelp")
    with pytest.raises(LabelsError, match="7001, 7002"):
        fitting(layer([(7001, here), (7002, here)], "d.gpkg"))
