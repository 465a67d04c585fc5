"""Styles of rasters and polygons, as text and as QGIS draws them."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from landuse.legend import LandClass, Legend, load_legend
from landuse.outputs.categories import categories_of
from landuse.outputs.cog import Place, write_bands_cog, write_class_cog
from landuse.outputs.styles import OGC, SLD, write_change_styles, write_land_use_styles
from landuse.outputs.vector_formats import Layer, areas_writer
from landuse.outputs.vectors import Dissolver, MapLines
from tests.outputs.in_memory import write_change_cog

UTM = CRS.from_epsg(26919)
TRANSFORM = Affine(224.0, 0, 224.0 * 1500, 0, -224.0, 224.0 * 20000)
HOSTILE = "</prop> -> & \"quoted\" 'and' <b>é"
LEGEND = Legend(
    name="three",
    classes=(
        LandClass(code=1, name="Forest", color="#116611"),
        LandClass(code=7, name=HOSTILE, color="#883300"),
        LandClass(code=9, name="Water", color="#2244cc"),
    ),
)
NUMBERS = dict(zip(LEGEND.names, LEGEND.codes, strict=True))
CODES = np.repeat(np.repeat(np.array([[1, 7], [9, 1]], np.uint8), 20, 0), 20, 1)
SYSTEM_PYTHON, SCRIPT = Path("/usr/bin/python3"), Path(__file__).with_name("qgis_render.py")


def has_qgis():
    if not SYSTEM_PYTHON.exists():
        return False
    found = subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, check=False)
    return found.returncode == 0


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    folder = tmp_path_factory.mktemp("land")
    write_class_cog(folder / "landuse.tif", CODES, TRANSFORM, UTM, LEGEND)
    shares = np.linspace(0, 1, CODES.size, dtype=np.float32).reshape(CODES.shape)[np.newaxis]
    write_bands_cog(folder / "probabilities.tif", shares, TRANSFORM, UTM, ["Forest"])
    with areas_writer(folder, Layer("landuse", UTM, 224.0)) as writer:
        dissolver = Dissolver(TRANSFORM, UTM, LEGEND, CODES.shape[1])
        for areas in (*dissolver.add(MapLines(0, CODES, np.ones(CODES.shape))), dissolver.end()):
            writer.write(areas)
    write_land_use_styles(folder, LEGEND)
    return folder


@pytest.fixture(scope="module")
def change(tmp_path_factory):
    folder = tmp_path_factory.mktemp("change")
    after = CODES[::-1]
    changed = np.where(after != CODES, CODES.astype(np.uint16) * 100 + after, 0).astype(np.uint16)
    totals = write_change_cog(folder / "change.tif", changed, Place(UTM, TRANSFORM, CODES.shape), LEGEND, NUMBERS)
    with areas_writer(folder, Layer("change", UTM, 224.0)) as writer:
        dissolver = Dissolver(TRANSFORM, UTM, LEGEND, CODES.shape[1])
        for areas in (*dissolver.add(MapLines(0, CODES, np.ones(CODES.shape))), dissolver.end()):
            columns = {"from": areas.columns["class"], "to": [other(name) for name in areas.columns["class"]]}
            writer.write(type(areas)(columns, areas.polygons, areas.crs))
    write_change_styles(folder, LEGEND, NUMBERS, totals)
    return folder


def other(name):
    return {"Forest": "Water", "Water": "Forest", HOSTILE: "Forest"}[name]


LAND_FILES = (
    "landuse.tif",
    "landuse.gpkg|layername=landuse",
    "landuse.geojson",
    "landuse.geojson@landuse.polygons.sld",
    "probabilities.tif",
)
CHANGE_FILES = ("change.tif", "change.gpkg|layername=change")


@pytest.fixture(scope="module")
def drawn(land, change, tmp_path_factory):
    """What QGIS draws of each file; one start of QGIS for all."""
    if not has_qgis():
        pytest.skip("QGIS is not installed")
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path_factory.mktemp("pictures"))
    files = [f"{land}/{name}" for name in LAND_FILES] + [f"{change}/{name}" for name in CHANGE_FILES]
    where = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(land), "PATH": os.environ["PATH"]}
    command = [SYSTEM_PYTHON, SCRIPT, folder, *(file.replace("@", f"@{land}/") for file in files)]
    done = subprocess.run(command, capture_output=True, text=True, env=where, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip((*LAND_FILES, *CHANGE_FILES), json.loads(done.stdout.splitlines()[-1]).values(), strict=True))


def named(found):
    """The words of a legend without the heading of a raster's band."""
    return [word for word in found["words"] if word.strip() and not word.startswith("Band 1:")]


@pytest.mark.parametrize("address", LAND_FILES[:4])
def test_qgis_draws_every_class_in_its_colour_and_names_it(drawn, address):
    found = drawn[address]
    assert named(found) == list(LEGEND.names)
    pixels = np.array([found["colours"][c.color] for c in LEGEND.classes])
    assert pixels.sum() > 100_000
    assert pixels / pixels.sum() == pytest.approx([0.5, 0.25, 0.25], abs=0.02)


@pytest.mark.parametrize("address", CHANGE_FILES)
def test_qgis_names_changes_and_draws_what_the_ground_became(drawn, address):
    found = drawn[address]
    expected = {f"Forest -> {HOSTILE}", f"{HOSTILE} -> Forest", "Forest -> Water", "Water -> Forest"}
    assert set(named(found)) == expected
    assert found["colours"]["#116611"] > 20_000


def test_qgis_draws_probabilities_on_a_ramp(drawn):
    assert len(drawn["probabilities.tif"]["colours"]) > 100


def test_one_style_serves_the_raster_and_the_polygons(land):
    root = ElementTree.parse(land / "landuse.qml").getroot()
    entries = [(e.get("value"), e.get("color"), e.get("label")) for e in root.iter("paletteEntry")]
    assert entries == [(str(c.value), c.color, c.name) for c in categories_of(LEGEND)]
    assert [c.get("value") for c in root.iter("category")] == list(LEGEND.names)


def test_the_package_carries_its_style(land):
    with sqlite3.connect(land / "landuse.gpkg") as database:
        rows = database.execute("select f_table_name, f_geometry_column, useAsDefault, styleQML from layer_styles")
        ((table, column, default, qml),) = rows.fetchall()
        known = database.execute("select data_type from gpkg_contents where table_name = 'layer_styles'").fetchone()
    assert (table, column, default, known) == ("landuse", "geom", 1, ("attributes",))
    assert qml == (land / "landuse.qml").read_text("utf8").rstrip("\n")


def test_a_filter_names_both_classes_of_a_change(change):
    root = ElementTree.parse(change / "change.polygons.sld").getroot()
    pairs = [[e.text for e in rule.iter(f"{{{OGC}}}Literal")] for rule in root.iter(f"{{{SLD}}}Rule")]
    assert [HOSTILE, "Forest"] in pairs
    assert all(len(pair) == 2 for pair in pairs)


def test_a_legend_of_many_classes_has_a_colour_for_each(tmp_path):
    legend = load_legend("nlcd16")
    write_class_cog(tmp_path / "landuse.tif", CODES[:1, :1], TRANSFORM, UTM, legend)
    write_land_use_styles(tmp_path, legend)
    root = ElementTree.parse(tmp_path / "landuse.raster.sld").getroot()
    assert [e.get("label") for e in root.iter(f"{{{SLD}}}ColorMapEntry")] == list(legend.names)


def test_a_raster_that_is_not_there_gets_no_style(tmp_path):
    write_land_use_styles(tmp_path, LEGEND)
    assert not (tmp_path / "landuse.raster.sld").exists()
