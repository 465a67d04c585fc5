"""Styles beside the files of a map or of a comparison, and inside their GeoPackage, so that they open in their colours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

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
from landuse.outputs.symbology import Filter, categorised, graded, graded_sld, polygon_sld, raster_sld

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
