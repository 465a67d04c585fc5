import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from landuse.chips.cells import area_geometry, touches
from landuse.errors import MissingCRSError, NotAVectorError, SourceNotFoundError, UsageError
from landuse.grid import Bounds, CellRange, ChipGrid
from tests.made import UTM

GRID = ChipGrid(UTM)
NEAR = Bounds(580_000, 4_480_000, 620_000, 4_520_000)
HERE = (-74.0, 40.6, -73.9, 40.7)


def test_no_area_is_no_area():
    assert area_geometry(None, None, UTM, NEAR) is None


def test_bounds_keep_every_place_inside_and_none_outside():
    area = area_geometry(None, HERE, UTM, NEAR)
    lon, lat = np.meshgrid(np.linspace(-74.02, -73.88, 60), np.linspace(40.58, 40.72, 60))
    x, y = Transformer.from_crs(4326, UTM, always_xy=True).transform(lon, lat)
    inside = (lon > -74.0) & (lon < -73.9) & (lat > 40.6) & (lat < 40.7)
    assert (shapely.contains_xy(area, x, y) == inside).all()


def test_bounds_of_the_whole_world_are_cut_to_the_survey():
    area = area_geometry(None, (-180, -90, 180, 90), UTM, NEAR)
    assert area.covers(shapely.box(*NEAR))
    assert area.area < 100 * shapely.box(*NEAR).area


def test_bounds_elsewhere_leave_nothing():
    assert area_geometry(None, (10, 50, 11, 51), UTM, NEAR).is_empty


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ((-73.9, 40.6, -74.0, 40.7), "west to east"),
        ((179.0, 40.6, -179.0, 40.7), "antimeridian"),
        ((-74.0, 40.7, -73.9, 40.6), "south to north"),
        ((-74.0, 40.6, -74.0, 40.7), "west to east"),
        ((583_000.0, 4_500_000.0, 584_000.0, 4_501_000.0), "degrees"),
        ((float("nan"), 40.6, -73.9, 40.7), "four numbers"),
        ((-74.0, -91.0, -73.9, 40.7), "degrees"),
    ],
)
def test_bounds_that_are_none_are_wrong_usage(bounds, says):
    with pytest.raises(UsageError, match=says):
        area_geometry(None, bounds, UTM, NEAR)


def test_aoi_and_bounds_together_are_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="not as both"):
        area_geometry(tmp_path / "a.geojson", HERE, UTM, NEAR)


@pytest.mark.parametrize("name", ["a.geojson", "a.gpkg", "a.shp"])
def test_any_vector_file_and_all_of_its_features(tmp_path, name):
    shapes = [shapely.box(-74.0, 40.6, -73.98, 40.62), shapely.box(-73.95, 40.65, -73.9, 40.7)]
    gpd.GeoDataFrame(geometry=shapes, crs=4326).to_file(tmp_path / name)
    area = area_geometry(tmp_path / name, None, UTM, NEAR)
    to_utm = Transformer.from_crs(4326, UTM, always_xy=True)
    inside = [shapely.Point(to_utm.transform(lon, lat)) for lon, lat in ((-73.99, 40.61), (-73.92, 40.68))]
    outside = shapely.Point(to_utm.transform(-73.97, 40.63))
    assert [area.covers(p) for p in (*inside, outside)] == [True, True, False]


def test_an_aoi_in_the_lattice_crs_is_taken_as_it_is(tmp_path):
    box = shapely.box(590_000, 4_500_000, 590_500, 4_500_500)
    gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(tmp_path / "a.gpkg")
    assert area_geometry(tmp_path / "a.gpkg", None, UTM, NEAR).equals(box)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_files_that_are_no_area(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"a\.geojson"):
        area_geometry(tmp_path / "a.geojson", None, UTM, NEAR)
    (tmp_path / "b.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(NotAVectorError, match="no feature"):
        area_geometry(tmp_path / "b.geojson", None, UTM, NEAR)
    (tmp_path / "c.txt").write_text("hello")
    with pytest.raises(NotAVectorError, match=r"c\.txt"):
        area_geometry(tmp_path / "c.txt", None, UTM, NEAR)
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    with pytest.raises(NotAVectorError, match="no feature"):
        area_geometry(tmp_path / "d.csv", None, UTM, NEAR)
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 0, 1, 1)]).to_file(tmp_path / "e.shp")
    with pytest.raises(MissingCRSError, match=r"e\.shp"):
        area_geometry(tmp_path / "e.shp", None, UTM, NEAR)
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=UTM).to_file(tmp_path / "f.geojson")
    layer = f'<OGRVRTLayer name="f"><SrcDataSource>{tmp_path}/f.geojson</SrcDataSource></OGRVRTLayer>'
    (tmp_path / "g.geojson").write_text(f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    with pytest.raises(NotAVectorError, match=r"g\.geojson holds no shapes but says where"):
        area_geometry(tmp_path / "g.geojson", None, UTM, NEAR)


@pytest.mark.filterwarnings("ignore:Non closed ring")
@pytest.mark.parametrize(
    ("kind", "coordinates", "says"),
    [
        ("Polygon", "[[[NaN, 1], [2, 2], [3, 1], [NaN, 1]]]", "is none"),
        ("LineString", "[[NaN, 1], [2, 2]]", "no numbers"),
    ],
)
def test_coordinates_that_are_no_numbers_are_no_area(tmp_path, kind, coordinates, says):
    file = tmp_path / "broken.geojson"
    shape = f'{{"type": "{kind}", "coordinates": {coordinates}}}'
    file.write_text(f'{{"type": "Feature", "properties": {{}}, "geometry": {shape}}}')
    with pytest.raises(NotAVectorError, match=says):
        area_geometry(file, None, UTM, NEAR)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), min_size=3, max_size=7))
def test_touching_is_sharing_ground(points):
    area = shapely.MultiPoint(points).convex_hull
    rows, cols = CellRange(-5, 5, -5, 5).arrays()
    found = touches(area, GRID, rows, cols)
    if area.area > 0:
        shared = shapely.area(shapely.intersection(area, GRID.polygons(rows, cols)))
        assert found[shared > 1e-6].all()
        assert not found[shared == 0].any()
    else:
        assert (found == shapely.intersects(area, GRID.polygons(rows, cols))).all()


def test_a_common_edge_is_no_shared_ground():
    rows, cols = CellRange(0, 3, 0, 3).arrays()
    middle = GRID.polygons(np.array([1]), np.array([1]))[0]
    assert touches(middle, GRID, rows, cols).sum() == 1


def test_pieces_of_any_size_find_the_same(monkeypatch):
    rows, cols = CellRange(-20, 20, -20, 20).arrays()
    area = shapely.Point(0, 0).buffer(2500)
    whole = touches(area, GRID, rows, cols)
    monkeypatch.setattr("landuse.chips.cells.CHUNK", 7)
    assert (touches(area, GRID, rows, cols) == whole).all()
    assert 0 < whole.sum() < len(rows)


def test_an_empty_area_touches_nothing():
    rows, cols = CellRange(0, 3, 0, 3).arrays()
    assert not touches(shapely.Polygon(), GRID, rows, cols).any()
    assert GRID.crs == CRS.from_epsg(26918)
