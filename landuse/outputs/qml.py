"""QGIS layer styles (QML): which colour and which words each class has. QGIS takes a ``.qml`` beside a file by itself.

`landuse.tif` and `landuse.geojson` share one name before the dot, hence one QML with a style for rasters and one for polygons.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        categories: values, names and colours.
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
    """A symbol for each category."""
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
