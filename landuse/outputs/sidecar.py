"""The PAM sidecar of a raster (``.aux.xml``): what GDAL, QGIS and ArcGIS say of its codes.

It holds the names of the codes and a raster attribute table: value, class, colour, cells and hectares. QGIS and ArcGIS draw and
list a raster by that table, and it may be joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from landuse.legend import UNMAPPED
from landuse.outputs.categories import Categories, Category, CodeTotals

MOST_NAMES = 9_999
"""GDAL's list of names has a line for each code from 0 on, so that codes above this are named in the table alone."""
NO_DATA = "No data"
INTEGER, REAL, TEXT = "0", "1", "2"
COLUMNS = (
    ("Value", INTEGER, "5"),
    ("Class", TEXT, "2"),
    ("Red", INTEGER, "6"),
    ("Green", INTEGER, "7"),
    ("Blue", INTEGER, "8"),
    ("Count", INTEGER, "1"),
    ("Hectares", REAL, "0"),
)
"""Name, type (GDALRATFieldType) and meaning (GDALRATFieldUsage) of each column."""


def write_sidecar(raster: Path, categories: Categories, totals: CodeTotals) -> Path:
    """Write ``raster.aux.xml`` for the first band; return its path. Codes that do not occur are in the names alone."""
    root = Element("PAMDataset")
    band = SubElement(root, "PAMRasterBand", band="1")
    _add_names(SubElement(band, "CategoryNames"), categories)
    table = SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(COLUMNS):
        column = SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", kind), ("Usage", usage)):
            SubElement(column, tag).text = text
    for index, values in enumerate(_rows(categories, totals)):
        row = SubElement(table, "Row", index=str(index))
        for value in values:
            SubElement(row, "F").text = value
    ElementTree.indent(root)
    path = raster.with_name(f"{raster.name}.aux.xml")
    ElementTree.ElementTree(root).write(path, encoding="utf-8")
    return path


def _add_names(parent: Element, categories: Categories) -> None:
    """A name for each code from 0 on, empty where a code has none."""
    names = {UNMAPPED: NO_DATA} | {c.value: c.name for c in categories if c.value <= MOST_NAMES}
    for code in range(max(names) + 1):
        SubElement(parent, "Category").text = names.get(code, "")


def _rows(categories: Categories, totals: CodeTotals) -> Iterator[tuple[str, ...]]:
    for c in sorted(categories, key=lambda category: category.value):
        if cells := int(totals.cells[c.value]):
            yield str(c.value), c.name, *map(str, c.rgb), str(cells), f"{totals.area_ha[c.value]:.4f}"


def read_sidecar(raster: Path) -> tuple[Category, ...]:
    """The codes that occur in a raster by the table that `write_sidecar` wrote; none where there is no such table."""
    path = raster.with_name(f"{raster.name}.aux.xml")
    if not path.is_file():
        return ()
    found = []
    for row in ElementTree.parse(path).getroot().iterfind("PAMRasterBand/GDALRasterAttributeTable/Row"):
        value, name, *rgb = [cell.text or "" for cell in row.iterfind("F")][:5]
        found.append(Category(int(value), name, "#" + "".join(f"{int(part):02x}" for part in rgb)))
    return tuple(found)
