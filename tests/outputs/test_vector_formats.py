"""Polygons in every format, read back by GDAL, GeoPandas and DuckDB."""

import shutil
import sqlite3
import subprocess

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from landuse.errors import LanduseError, UsageError
from landuse.legend import LandClass, Legend
from landuse.outputs.areas import raster_areas_ha
from landuse.outputs.vector_formats import FORMATS, Layer, areas_writer, formats_of
from landuse.outputs.vectors import Dissolver, MapLines

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
HOSTILE = "</script><img src=x onerror=alert(1)> & \"quoted\" 'and' ; drop table é"
LEGEND = Legend(
    name="two",
    classes=(LandClass(code=1, name="Forest", color="#116611"), LandClass(code=2, name=HOSTILE, color="#883300")),
)
SHAPE = (40, 50)
CODES = np.random.default_rng(5).integers(0, 3, SHAPE, np.uint8)
AREAS = raster_areas_ha(TRANSFORM, UTM, SHAPE)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    write(folder, CODES, tuple(FORMATS))
    return folder


def write(folder, codes, formats, step=7):
    layer = Layer.of_raster("landuse", UTM, TRANSFORM)
    with areas_writer(folder, layer, formats) as writer:
        dissolver = Dissolver(TRANSFORM, UTM, LEGEND, codes.shape[1])
        for top in range(0, len(codes), step):
            rows = slice(top, top + step)
            confidence = np.where(codes[rows] == 2, np.nan, 0.75).astype(np.float32)
            for areas in dissolver.add(
                MapLines(top, codes[rows], AREAS[: len(codes), : codes.shape[1]][rows], confidence)
            ):
                writer.write(areas)
        writer.write(dissolver.end())


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "pmtiles"])
def test_every_format_holds_the_same_polygons(written, name):
    path = written / f"landuse{FORMATS[name].suffix}"
    frame = geopandas.read_parquet(path) if name == "parquet" else geopandas.read_file(path)
    assert frame.crs.to_epsg() == (4326 if name == "geojson" else 26919)
    assert set(frame.columns) == {"class", "code", "area_ha", "cells", "confidence", "geometry"}
    assert set(frame["class"]) == {"Forest", HOSTILE}
    assert frame.geometry.is_valid.all()
    assert frame["cells"].sum() == (CODES > 0).sum()
    assert frame["confidence"].isna().equals(frame["class"] == HOSTILE)
    assert frame["area_ha"].sum() == pytest.approx(AREAS[CODES > 0].sum(), rel=1e-5)
    ground = frame.to_crs(26919).geometry
    assert ground.area.sum() == pytest.approx((CODES > 0).sum() * 224.0**2, rel=1e-6)
    assert shapely.union_all(ground.to_numpy()).area == pytest.approx(ground.area.sum(), rel=1e-6)


def test_polygons_in_the_lattice_are_exactly_its_cells(written):
    points = geopandas.read_file(written / "landuse.gpkg").get_coordinates().to_numpy() / 224.0
    assert np.array_equal(points, np.round(points))


def test_vector_tiles_hold_the_classes_and_the_ground(written):
    about = pyogrio.read_info(written / "landuse.pmtiles")
    assert about["layer_name"] == "landuse"
    tiles = geopandas.read_file(written / "landuse.pmtiles")
    assert set(tiles["class"]) == {"Forest", HOSTILE}
    forest = shapely.union_all(tiles.to_crs(26919).geometry[tiles["class"] == "Forest"].make_valid().to_numpy())
    assert forest.area == pytest.approx((CODES == 1).sum() * 224.0**2, rel=0.02)


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="ogrinfo is not installed")
@pytest.mark.parametrize("name", ["gpkg", "geojson", "fgb"])
def test_ogrinfo_lists_every_polygon(written, name):
    path = written / f"landuse{FORMATS[name].suffix}"
    done = subprocess.run(["ogrinfo", "-so", "-al", path], capture_output=True, text=True, check=True)
    assert f"Feature Count: {len(geopandas.read_file(path))}" in done.stdout
    assert "Warning" not in done.stderr


def test_duckdb_reads_the_parquet_file(written):
    import duckdb

    query = f"select sum(cells) from '{written / 'landuse.parquet'}' where class = 'Forest'"
    with duckdb.connect() as database:
        assert database.execute(query).fetchall() == [((CODES == 1).sum(),)]


@pytest.mark.parametrize("formats", [("gpkg",), ("fgb", "parquet"), ()])
def test_only_what_is_asked_for_is_written_and_geojson(tmp_path, formats):
    write(tmp_path, CODES[:5], formats)
    expected = {f"landuse{FORMATS[name].suffix}" for name in (*formats, "geojson")}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_a_map_without_polygons_has_every_file_but_tiles(tmp_path):
    write(tmp_path, np.zeros((3, 4), np.uint8), tuple(FORMATS))
    assert len(geopandas.read_file(tmp_path / "landuse.gpkg")) == 0
    assert len(geopandas.read_parquet(tmp_path / "landuse.parquet")) == 0
    expected = {f"landuse{one.suffix}" for name, one in FORMATS.items() if name != "pmtiles"}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_the_package_is_of_a_version_that_old_programs_read(written):
    with sqlite3.connect(written / "landuse.gpkg") as database:
        assert database.execute("pragma user_version").fetchone() == (10300,)


def test_an_unknown_format_is_named():
    with pytest.raises(UsageError, match="no vector format 'shp'; --formats takes gpkg, geojson"):
        formats_of("gpkg,shp")
    assert formats_of("fgb, FGB,") == ("fgb", "geojson")


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "landuse.gpkg").mkdir()
    with pytest.raises(LanduseError, match=r"Cannot write .*landuse\.gpkg"):
        write(tmp_path, CODES, ("gpkg",))
