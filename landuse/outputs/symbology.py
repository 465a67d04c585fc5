"""Which colour and which words each class has: layer styles of QGIS (QML) and styled layer descriptors (OGC SLD 1.0.0).

QGIS takes a ``.qml`` beside a file by itself. `landuse.tif` and `landuse.geojson` share one name before the dot, hence one QML
with a style for rasters and one for polygons. GeoServer, MapServer and others read SLD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from landuse.outputs.categories import Categories

VERSION = "3.22"
POLYGON_LAYER = "2"
OUTLINE = "35,35,35,140"
RAMP = ("#ffffcc", "#fd8d3c", "#800026")
"""Colours of a probability of 0, 0.5 and 1 (ColorBrewer's YlOrRd)."""


def categorised(categories: Categories, attribute: str | None) -> str:
    """The QML of a raster of codes and, where `attribute` is given, of polygons.

    Args:
        attribute: QGIS expression of the name of a polygon's category.
    """
    root = _root()
    pipe = SubElement(SubElement(root, "pipe"), "rasterrenderer", _renderer_of("paletted"))
    palette = SubElement(pipe, "colorPalette")
    for c in categories:
        SubElement(palette, "paletteEntry", value=str(c.value), color=c.color, alpha="255", label=c.name)
    if attribute is not None:
        _add_polygons(root, categories, attribute)
    return ElementTree.tostring(root, encoding="unicode")


def graded() -> str:
    """The QML of a raster of probabilities; its first band is shown."""
    root = _root()
    limits = {"classificationMin": "0", "classificationMax": "1"}
    renderer = SubElement(SubElement(root, "pipe"), "rasterrenderer", _renderer_of("singlebandpseudocolor") | limits)
    how = {
        "colorRampType": "INTERPOLATED",
        "clip": "0",
        "minimumValue": "0",
        "maximumValue": "1",
        "classificationMode": "1",
    }
    shader = SubElement(SubElement(renderer, "rastershader"), "colorrampshader", how)
    for share, color in zip((0, 0.5, 1), RAMP, strict=True):
        SubElement(shader, "item", value=str(share), color=color, alpha="255", label=f"{share:.0%}")
    return ElementTree.tostring(root, encoding="unicode")


def _root() -> Element:
    return Element("qgis", version=VERSION, styleCategories="Symbology")


def _renderer_of(kind: str) -> dict[str, str]:
    return {"type": kind, "band": "1", "opacity": "1", "alphaBand": "-1"}


def _add_polygons(root: Element, categories: Categories, attribute: str) -> None:
    how = {
        "type": "categorizedSymbol",
        "attr": attribute,
        "enableorderby": "0",
        "forceraster": "0",
        "symbollevels": "0",
    }
    renderer = SubElement(root, "renderer-v2", how)
    listed, symbols = SubElement(renderer, "categories"), SubElement(renderer, "symbols")
    for index, c in enumerate(categories):
        SubElement(listed, "category", symbol=str(index), value=c.name, label=c.name, render="true")
        symbol = SubElement(symbols, "symbol", type="fill", name=str(index), alpha="1", clip_to_extent="1")
        layer = SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
        _add_properties(layer, (("color", ",".join(map(str, (*c.rgb, 255)))), ("style", "solid")))
        _add_properties(layer, (("outline_color", OUTLINE), ("outline_width", "0.1"), ("outline_style", "solid")))
    SubElement(root, "layerGeometryType").text = POLYGON_LAYER


def _add_properties(layer: Element, properties: Sequence[tuple[str, str]]) -> None:
    for name, value in properties:
        SubElement(layer, "prop", k=name, v=value)


SLD, OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
ElementTree.register_namespace("sld", SLD)
ElementTree.register_namespace("ogc", OGC)
Filter = Mapping[str, str]
"""The value that each of some columns must have."""


def raster_sld(layer: str, categories: Categories) -> str:
    """The style of a raster of codes."""
    root, style = _document(layer)
    colors = SubElement(_raster_symbolizer(style), _sld("ColorMap"), type="values")
    for c in categories:
        SubElement(colors, _sld("ColorMapEntry"), color=c.color, quantity=str(c.value), label=c.name, opacity="1")
    return _text(root)


def graded_sld(layer: str) -> str:
    """The style of a raster of probabilities, 0 to 1; its first band is shown."""
    root, style = _document(layer)
    colors = SubElement(_raster_symbolizer(style), _sld("ColorMap"), type="ramp")
    for share, color in zip((0, 0.5, 1), RAMP, strict=True):
        SubElement(colors, _sld("ColorMapEntry"), color=color, quantity=str(share), label=f"{share:.0%}")
    return _text(root)


def polygon_sld(layer: str, categories: Categories, filters: Sequence[Filter]) -> str:
    """The style of polygons."""
    root, style = _document(layer)
    for c, wanted in zip(categories, filters, strict=True):
        rule = SubElement(style, _sld("Rule"))
        SubElement(rule, _sld("Name")).text = c.name
        SubElement(rule, _sld("Title")).text = c.name
        _add_filter(SubElement(rule, f"{{{OGC}}}Filter"), wanted)
        symbol = SubElement(rule, _sld("PolygonSymbolizer"))
        _add_parameter(SubElement(symbol, _sld("Fill")), "fill", c.color)
        stroke = SubElement(symbol, _sld("Stroke"))
        _add_parameter(stroke, "stroke", "#232323")
        _add_parameter(stroke, "stroke-width", "0.3")
    return _text(root)


def _document(layer: str) -> tuple[Element, Element]:
    root = Element(_sld("StyledLayerDescriptor"), version="1.0.0")
    named = SubElement(root, _sld("NamedLayer"))
    SubElement(named, _sld("Name")).text = layer
    style = SubElement(named, _sld("UserStyle"))
    SubElement(style, _sld("Name")).text = layer
    return root, SubElement(style, _sld("FeatureTypeStyle"))


def _raster_symbolizer(style: Element) -> Element:
    return SubElement(SubElement(style, _sld("Rule")), _sld("RasterSymbolizer"))


def _add_filter(parent: Element, wanted: Filter) -> None:
    where = parent if len(wanted) == 1 else SubElement(parent, f"{{{OGC}}}And")
    for column, value in wanted.items():
        equal = SubElement(where, f"{{{OGC}}}PropertyIsEqualTo")
        SubElement(equal, f"{{{OGC}}}PropertyName").text = column
        SubElement(equal, f"{{{OGC}}}Literal").text = value


def _add_parameter(parent: Element, name: str, value: str) -> None:
    SubElement(parent, _sld("CssParameter"), name=name).text = value


def _sld(tag: str) -> str:
    return f"{{{SLD}}}{tag}"


def _text(root: Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
