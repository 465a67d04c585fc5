"""What the codes of a raster mean, and how much ground each has: names and colours, the PAM sidecar, `summary.csv`.

The sidecar (``.aux.xml``) holds the names of the codes and a raster attribute table: value, class, colour, cells and hectares.
QGIS and ArcGIS draw and list a raster by that table, and it may be joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.legend import UNMAPPED, Legend
from landuse.outputs.tables import Table, read_csv, safe_cell, write_csv, write_parquet

# What XML 1.0 cannot hold, and what would break a line in a list of classes.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
ARROW = "->"
CHANGE_STEP = 100
"""`change.tif` holds 100 x the number of the earlier class + that of the later one."""
Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Category:
    """One code of a raster: its value, what people read, and its colour as ``#rrggbb``."""

    value: int
    name: str
    color: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as 0 to 255 red, green, blue."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


Categories = Sequence[Category]


def plain_text(text: str) -> str:
    """`text` with control characters turned into spaces, so that every format can hold it."""
    return _UNPRINTABLE.sub(" ", text)


def categories_of(legend: Legend) -> tuple[Category, ...]:
    """The classes of a legend, in its order."""
    return tuple(Category(c.code, plain_text(c.name), c.color) for c in legend.classes)


def change_numbers(legend: Legend) -> dict[str, int]:
    """Class name -> number in `change.tif`: the class code, or its rank in the legend where a code is above 99.

    Raises:
        UsageError: more than 99 classes, for which 100 x from + to has no room.
    """
    if max(legend.codes) < CHANGE_STEP:
        return dict(zip(legend.names, legend.codes, strict=True))
    if len(legend) >= CHANGE_STEP:
        raise UsageError(
            f"The maps have {len(legend)} classes, and change.tif has room for 99; compare them with --regroup."
        )
    return {name: rank for rank, name in enumerate(legend.names, 1)}


def change_categories(legend: Legend, numbers: Mapping[str, int]) -> tuple[Category, ...]:
    """Every change from one class to another, in the colour of what the ground became.

    Args:
        numbers: class name -> number in `change.tif`, 1 to 99 as a rule.
    """
    return tuple(
        Category(CHANGE_STEP * numbers[a.name] + numbers[b.name], plain_text(f"{a.name} {ARROW} {b.name}"), b.color)
        for a in legend.classes
        for b in legend.classes
        if a.name != b.name
    )


def palette_of(categories: Categories) -> dict[int, tuple[int, int, int, int]]:
    """RGBA of every value, with 0 (no data) transparent, as rasterio's `write_colormap` takes it."""
    return {UNMAPPED: (0, 0, 0, 0)} | {c.value: (*c.rgb, 255) for c in categories}


class CodeTotals:
    """Cells and hectares of each code, counted as a raster comes by.

    Attributes:
        cells: int64, by code.
        area_ha: float64, by code.
    """

    def __init__(self, most: int = 255) -> None:
        """Of codes up to `most`."""
        self.cells, self.area_ha = np.zeros(most + 1, np.int64), np.zeros(most + 1)

    def add(self, codes: Codes, areas_ha: Floats) -> None:
        """Count cells: their codes and their hectares, of one shape; code 0 is no data and counts nowhere."""
        inside = codes > UNMAPPED
        found, areas = codes[inside], areas_ha[inside]
        self.cells += np.bincount(found, minlength=len(self.cells))
        self.area_ha += np.bincount(found, weights=areas, minlength=len(self.cells))


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


SUMMARY_HEADER = ("class", "chips", "area_ha", "share")


@dataclass(frozen=True)
class ClassArea:
    """One line: class name, number of chips, hectares on the ellipsoid, share of the mapped area (0 to 1)."""

    name: str
    chips: int
    area_ha: float
    share: float


def class_areas(totals: CodeTotals, legend: Legend, mapped_ha: float | None = None) -> tuple[ClassArea, ...]:
    """One line for each class of the legend, in its order, those that do not occur included.

    Shares are of `mapped_ha`, or of what the classes cover together.
    """
    mapped = float(totals.area_ha[list(legend.codes)].sum()) if mapped_ha is None else mapped_ha
    cells, areas = totals.cells.tolist(), totals.area_ha.tolist()
    return tuple(
        ClassArea(c.name, cells[c.code], areas[c.code], areas[c.code] / mapped if mapped else 0.0)
        for c in legend.classes
    )


def summary_table(lines: tuple[ClassArea, ...]) -> Table:
    """The lines as a table; hectares to four decimals (a square metre), shares to six."""
    return SUMMARY_HEADER, [(safe_cell(x.name), x.chips, round(x.area_ha, 4), round(x.share, 6)) for x in lines]


def write_summary(path: Path, lines: tuple[ClassArea, ...]) -> None:
    """Write the lines with a header as CSV, and as Parquet beside it."""
    write_parquet(path.with_suffix(".parquet"), summary_table(lines))
    rows = [(safe_cell(x.name), x.chips, f"{x.area_ha:.4f}", f"{x.share:.6f}") for x in lines]
    write_csv(path, SUMMARY_HEADER, rows)


def read_summary(path: Path) -> tuple[ClassArea, ...]:
    """Read what `write_summary` wrote.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no summary.
    """

    def read(row: Mapping[str, str]) -> ClassArea:
        """A line."""
        return ClassArea(row["class"], int(row["chips"]), float(row["area_ha"]), float(row["share"]))

    return tuple(read_csv(path, SUMMARY_HEADER, "summary of a land-use map", read))
