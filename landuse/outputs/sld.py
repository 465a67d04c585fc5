"""Styled layer descriptors (OGC SLD 1.0.0), which GeoServer, MapServer, QGIS and others read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from landuse.outputs.categories import Categories
from landuse.outputs.qml import RAMP

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
    """The style of polygons.

    Args:
        layer: name of the layer.
        categories: names and colours.
        filters: which polygons each category draws, as many.
    """
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
    """The root of a document, and the element that holds its rules."""
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
