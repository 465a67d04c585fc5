"""Styles beside the files of a map or of a comparison, and inside their GeoPackage: QGIS's QML, OGC's SLD 1.0.0, ArcGIS's CIM.

QGIS takes a ``.qml`` beside a file by itself. `landuse.tif` and `landuse.geojson` share one name before the dot, hence one QML
with a style for rasters and one for polygons. GeoServer, MapServer and others read SLD.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from landuse.legend import Legend
from landuse.outputs.categories import (
    ARROW,
    CHANGE_STEP,
    Categories,
    Category,
    CodeTotals,
    categories_of,
    change_categories,
)

VERSION = "3.22"
POLYGON_LAYER = "2"
QML_OUTLINE = "35,35,35,140"
RAMP = {0: "#ffffcc", 0.5: "#fd8d3c", 1: "#800026"}
"""Colours of probabilities (ColorBrewer's YlOrRd)."""
SLD, OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
ElementTree.register_namespace("sld", SLD)
ElementTree.register_namespace("ogc", OGC)
Filter = Mapping[str, str]
"""The value that each of some columns must have."""


def categorised(categories: Categories, attribute: str) -> str:
    """The QML of a raster of codes and of polygons, the name of whose category is the QGIS expression `attribute`."""
    entries = [
        _element("paletteEntry", value=str(c.value), color=c.color, alpha="255", label=c.name) for c in categories
    ]
    numbered = [(str(index), c) for index, c in enumerate(categories)]
    listed = [_element("category", symbol=i, value=c.name, label=c.name, render="true") for i, c in numbered]
    symbols = [
        _element("symbol", _qml_fill(c), type="fill", name=i, alpha="1", clip_to_extent="1") for i, c in numbered
    ]
    how = {"type": "categorizedSymbol", "attr": attribute, "enableorderby": "0", "forceraster": "0"}
    return _qml(
        _element("pipe", _qml_raster("paletted", _element("colorPalette", *entries))),
        _element(
            "renderer-v2", _element("categories", *listed), _element("symbols", *symbols), **how, symbollevels="0"
        ),
        _element("layerGeometryType", POLYGON_LAYER),
    )


def graded() -> str:
    """The QML of a raster of probabilities; its first band is shown."""
    items = [_element("item", value=str(p), color=color, alpha="255", label=f"{p:.0%}") for p, color in RAMP.items()]
    how = {"colorRampType": "INTERPOLATED", "clip": "0", "minimumValue": "0", "maximumValue": "1"}
    shader = _element("rastershader", _element("colorrampshader", *items, **how, classificationMode="1"))
    limits = {"classificationMin": "0", "classificationMax": "1"}
    return _qml(_element("pipe", _qml_raster("singlebandpseudocolor", shader, **limits)))


def _element(tag: str, *inside: Element | str, **attributes: str) -> Element:
    found = Element(tag, attributes)
    for one in inside:
        if isinstance(one, str):
            found.text = one
        else:
            found.append(one)
    return found


def _qml(*parts: Element) -> str:
    return ElementTree.tostring(
        _element("qgis", *parts, version=VERSION, styleCategories="Symbology"), encoding="unicode"
    )


def _qml_raster(kind: str, inside: Element, **limits: str) -> Element:
    return _element("rasterrenderer", inside, type=kind, band="1", opacity="1", alphaBand="-1", **limits)


def _qml_fill(category: Category) -> Element:
    line = {"outline_color": QML_OUTLINE, "outline_width": "0.1", "outline_style": "solid"}
    look = {"color": ",".join(map(str, (*category.rgb, 255))), "style": "solid"} | line
    how = {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"}
    return _element("layer", *(_element("prop", k=name, v=value) for name, value in look.items()), **how)


def raster_sld(layer: str, categories: Categories) -> str:
    """The style of a raster of codes."""
    entries = [
        _sld("ColorMapEntry", color=c.color, quantity=str(c.value), label=c.name, opacity="1") for c in categories
    ]
    return _raster_sld(layer, _sld("ColorMap", *entries, type="values"))


def graded_sld(layer: str) -> str:
    """The style of a raster of probabilities, 0 to 1; its first band is shown."""
    entries = [_sld("ColorMapEntry", color=color, quantity=str(p), label=f"{p:.0%}") for p, color in RAMP.items()]
    return _raster_sld(layer, _sld("ColorMap", *entries, type="ramp"))


def polygon_sld(layer: str, categories: Categories, filters: Sequence[Filter]) -> str:
    """The style of polygons."""
    stroke = _sld("Stroke", _css("stroke", "#232323"), _css("stroke-width", "0.3"))
    rules = []
    for c, wanted in zip(categories, filters, strict=True):
        symbol = _sld("PolygonSymbolizer", _sld("Fill", _css("fill", c.color)), stroke)
        rules.append(_sld("Rule", _sld("Name", c.name), _sld("Title", c.name), _sld_filter(wanted), symbol))
    return _sld_document(layer, *rules)


def _raster_sld(layer: str, colors: Element) -> str:
    return _sld_document(layer, _sld("Rule", _sld("RasterSymbolizer", colors)))


def _sld_document(layer: str, *rules: Element) -> str:
    style = _sld("UserStyle", _sld("Name", layer), _sld("FeatureTypeStyle", *rules))
    root = _sld("StyledLayerDescriptor", _sld("NamedLayer", _sld("Name", layer), style), version="1.0.0")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _sld_filter(wanted: Filter) -> Element:
    equal = [_ogc("PropertyIsEqualTo", _ogc("PropertyName", name), _ogc("Literal", v)) for name, v in wanted.items()]
    return _ogc("Filter", *(equal if len(equal) == 1 else [_ogc("And", *equal)]))


def _css(name: str, value: str) -> Element:
    return _sld("CssParameter", value, name=name)


def _sld(tag: str, *inside: Element | str, **attributes: str) -> Element:
    return _element(f"{{{SLD}}}{tag}", *inside, **attributes)


def _ogc(tag: str, *inside: Element | str) -> Element:
    return _element(f"{{{OGC}}}{tag}", *inside)


CIM_VERSION = "3.0.0"
OUTLINE = (35, 35, 35)
OUTLINE_POINTS = 0.3
Cim = dict[str, Any]


def raster_lyrx(name: str, file: str, categories: Categories) -> str:
    """The layer of a raster of codes that lies beside: a unique value for each category."""
    classes = [
        {"type": "CIMRasterUniqueValueClass", "values": [str(c.value)], "label": c.name, "color": _color(c.rgb)}
        | {"visible": True}
        for c in categories
    ]
    colorizer = {
        "type": "CIMRasterUniqueValueColorizer",
        "resamplingType": "NearestNeighbor",
        "fieldName": "Value",
        "groups": [{"type": "CIMRasterUniqueValueGroup", "heading": "Class", "classes": classes}],
        "useDefaultColor": False,
    }
    data = _connection("DATABASE=.", "Raster", file, "esriDTRasterDataset")
    return _document({"type": "CIMRasterLayer", "dataConnection": data, "colorizer": colorizer}, name)


def polygon_lyrx(name: str, file: str, categories: Categories, filters: Sequence[Filter]) -> str:
    """The layer of the polygons of a GeoPackage that lies beside.

    Args:
        filters: which polygons each category draws, as many; all by the same columns.
    """
    fields = list(filters[0]) if filters else []
    classes = [_polygon_class(c, wanted) for c, wanted in zip(categories, filters, strict=True)]
    renderer = {
        "type": "CIMUniqueValueRenderer",
        "fields": fields,
        "groups": [{"type": "CIMUniqueValueGroup", "heading": ", ".join(fields), "classes": classes}],
        "useDefaultSymbol": False,
        "polygonSymbolColorTarget": "Fill",
    }
    data = _connection(f"AUTHENTICATION_MODE=OSA;DATABASE={file}", "Sql", f"main.{name}", "esriDTFeatureClass")
    table = {"type": "CIMFeatureTable", "dataConnection": data, "displayField": fields[0] if fields else "fid"}
    return _document({"type": "CIMFeatureLayer", "featureTable": table, "renderer": renderer}, name)


def _polygon_class(category: Category, wanted: Filter) -> Cim:
    layers = [
        {"type": "CIMSolidStroke", "enable": True, "width": OUTLINE_POINTS, "color": _color(OUTLINE)},
        {"type": "CIMSolidFill", "enable": True, "color": _color(category.rgb)},
    ]
    symbol = {"type": "CIMSymbolReference", "symbol": {"type": "CIMPolygonSymbol", "symbolLayers": layers}}
    values = [{"type": "CIMUniqueValue", "fieldValues": list(wanted.values())}]
    about = {"type": "CIMUniqueValueClass", "label": category.name, "patch": "Default", "visible": True}
    return about | {"symbol": symbol, "values": values}


def _color(rgb: tuple[int, int, int]) -> Cim:
    """An opaque colour; CIM counts opacity to 100."""
    return {"type": "CIMRGBColor", "values": [*rgb, 100]}


def _connection(place: str, factory: str, dataset: str, kind: str) -> Cim:
    return {
        "type": "CIMStandardDataConnection",
        "workspaceConnectionString": place,
        "workspaceFactory": factory,
        "dataset": dataset,
        "datasetType": kind,
    }


def _document(layer: Mapping[str, Any], name: str) -> str:
    address = f"CIMPATH=landuse/{name}.json"
    about = {"name": name, "uRI": address, "visibility": True, "showLegends": True, "expanded": True}
    document = {
        "type": "CIMLayerDocument",
        "version": CIM_VERSION,
        "layers": [address],
        "layerDefinitions": [dict(layer) | about],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


LAND_USE, CHANGE = "landuse", "change"
RASTER_SLD, POLYGON_SLD = "{}.raster.sld", "{}.polygons.sld"
RASTER_LYRX, POLYGON_LYRX = "{}.raster.lyrx", "{}.polygons.lyrx"
CLASS_EXPRESSION = '"class"'
CHANGE_EXPRESSION = f'"from" || \' {ARROW} \' || "to"'
# The table in which QGIS looks for the styles of a GeoPackage's layers, with the columns that QGIS itself gives it.
LAYER_STYLES = """
CREATE TABLE IF NOT EXISTS layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""
CONTENTS = """
INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier)
VALUES ('layer_styles', 'attributes', 'layer_styles')
"""
ADD_STYLE = """
INSERT INTO layer_styles
    (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD, useAsDefault)
SELECT '', '', table_name, column_name, ?, ?, ?, 1 FROM gpkg_geometry_columns WHERE table_name = ?
"""


def write_land_use_styles(folder: Path, legend: Legend) -> None:
    """Write the styles of the files of classify that lie in a folder."""
    categories = categories_of(legend)
    filters = [{"class": c.name} for c in categories]
    _write_both(folder, LAND_USE, categories, (CLASS_EXPRESSION, filters))
    _write_graded(folder, "probabilities")


def write_change_styles(folder: Path, legend: Legend, numbers: Mapping[str, int], totals: CodeTotals) -> None:
    """Write the styles of the files of diff that lie in a folder, with the changes that occur."""
    named = {number: name for name, number in numbers.items()}
    changes = [c for c in change_categories(legend, numbers) if totals.cells[c.value]]
    pairs = [divmod(c.value, CHANGE_STEP) for c in changes]
    filters = [{"from": named[before], "to": named[after]} for before, after in pairs]
    _write_both(folder, CHANGE, changes, (CHANGE_EXPRESSION, filters))
    _write_graded(folder, "change_probability")


def _write_both(folder: Path, name: str, categories: Categories, polygons: tuple[str, Sequence[Filter]]) -> None:
    expression, filters = polygons
    qml, sld = categorised(categories, expression), polygon_sld(name, categories, filters)
    _write(folder / f"{name}.qml", qml)
    if (folder / f"{name}.tif").is_file():
        _write(folder / RASTER_SLD.format(name), raster_sld(name, categories))
        _write(folder / RASTER_LYRX.format(name), raster_lyrx(name, f"{name}.tif", categories))
    _write(folder / POLYGON_SLD.format(name), sld)
    if (folder / f"{name}.gpkg").is_file():
        embed_style(folder / f"{name}.gpkg", name, qml, sld)
        _write(folder / POLYGON_LYRX.format(name), polygon_lyrx(name, f"{name}.gpkg", categories, filters))


def _write_graded(folder: Path, name: str) -> None:
    _write(folder / f"{name}.qml", graded())
    _write(folder / RASTER_SLD.format(name), graded_sld(name))


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", "utf8")


def embed_style(package: Path, layer: str, qml: str, sld: str) -> None:
    """Make a style the default one of a layer of a GeoPackage."""
    with closing(sqlite3.connect(package)) as database, database:
        database.execute(LAYER_STYLES)
        database.execute(CONTENTS)
        database.execute(ADD_STYLE, (layer, qml, sld, layer))
