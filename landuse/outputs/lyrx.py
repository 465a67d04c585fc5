"""Layer files of ArcGIS Pro (``.lyrx``): Esri's Cartographic Information Model as JSON, with paths relative to the file.

The property names are those of https://github.com/Esri/cim-spec (v3: CIMVectorLayers, CIMImageLayers, CIMRenderers).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from landuse.outputs.categories import Categories, Category
from landuse.outputs.symbology import Filter

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
