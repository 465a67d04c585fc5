"""Layer files for ArcGIS Pro name every class with its colour, and another reader of them understands the polygons'."""

import json
from pathlib import Path

import numpy as np
import pytest

from landuse.legend import LandClass, Legend
from landuse.outputs.categories import CodeTotals, categories_of
from landuse.outputs.styles import polygon_lyrx, raster_lyrx, write_change_styles, write_land_use_styles

HOSTILE = "</CIM>\"'; DROP <script> \u05d0"
LEGEND = Legend(
    name="two",
    classes=(LandClass(code=3, name="Forest", color="#116611"), LandClass(code=7, name=HOSTILE, color="#883300")),
)


def layer(text):
    document = json.loads(text)
    assert document["type"] == "CIMLayerDocument"
    assert document["layers"] == [one["uRI"] for one in document["layerDefinitions"]]
    return document["layerDefinitions"][0]


def types_of(node):
    """Every object of a document says its type, as CIM has it."""
    if isinstance(node, dict):
        yield node["type"]
        for value in node.values():
            yield from types_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from types_of(value)


def test_a_raster_has_a_value_a_class_in_its_colour():
    found = layer(raster_lyrx("landuse", "landuse.tif", categories_of(LEGEND)))
    (group,) = found["colorizer"]["groups"]
    assert [(c["values"], c["label"], c["color"]["values"]) for c in group["classes"]] == [
        (["3"], "Forest", [17, 102, 17, 100]),
        (["7"], HOSTILE, [136, 51, 0, 100]),
    ]
    assert found["dataConnection"]["workspaceConnectionString"] == "DATABASE=."
    assert all(kind.startswith("CIM") for kind in types_of(found))


def test_another_reader_understands_the_polygons():
    arcgis = pytest.importorskip("bridgestyle.arcgis.togeostyler")
    filters = [{"from": "Forest", "to": HOSTILE}, {"from": HOSTILE, "to": "Forest"}]
    text = polygon_lyrx("change", "change.gpkg", categories_of(LEGEND), filters)
    assert all(kind.startswith("CIM") for kind in types_of(json.loads(text)))
    style, _, warnings = arcgis.convert(json.loads(text))
    assert not warnings
    assert [rule["name"] for rule in style["rules"]] == ["Forest", HOSTILE]
    assert [rule["symbolizers"][0]["color"] for rule in style["rules"]] == ["#116611", "#883300"]
    assert "Forest" in json.dumps(style["rules"][0]["filter"])


def test_they_lie_beside_what_they_draw_and_name_no_folder(tmp_path):
    for name in ("landuse.tif", "change.tif"):
        (tmp_path / name).touch()
    totals = CodeTotals(9999)
    totals.add(np.array([307]), np.array([1.0]))
    write_land_use_styles(tmp_path, LEGEND)
    write_change_styles(tmp_path, LEGEND, {"Forest": 3, HOSTILE: 7}, totals)
    found = sorted(path.name for path in tmp_path.glob("*.lyrx"))
    assert found == ["change.raster.lyrx", "landuse.raster.lyrx"]  # there is no GeoPackage to be drawn
    for path in map(Path, tmp_path.glob("*.lyrx")):
        assert str(tmp_path) not in path.read_text("utf8")
    (group,) = layer((tmp_path / "change.raster.lyrx").read_text("utf8"))["colorizer"]["groups"]
    assert [c["values"] for c in group["classes"]] == [["307"]]
