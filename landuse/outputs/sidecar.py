"""The PAM sidecar of a raster (``.aux.xml``), which tells GDAL, QGIS and ArcGIS what its codes mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

# What XML 1.0 cannot hold, and what would break a line in a list of classes.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def plain_text(text: str) -> str:
    """`text` with control characters turned into spaces, so that every format can hold it."""
    return _UNPRINTABLE.sub(" ", text)


def write_category_names(raster: Path, names: Mapping[int, str]) -> Path:
    """Write ``raster.aux.xml`` with a name for each code of the first band; return its path.

    GDAL's list of category names starts at code 0 and has no gaps, so codes without a name get an empty one.
    """
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    categories = ElementTree.SubElement(band, "CategoryNames")
    for code in range(max(names) + 1):
        ElementTree.SubElement(categories, "Category").text = plain_text(names.get(code, ""))
    ElementTree.indent(root)
    path = raster.with_name(f"{raster.name}.aux.xml")
    ElementTree.ElementTree(root).write(path, encoding="utf-8")
    return path
