"""README.txt of a packet: what each file is, for who receives it, and what limits the figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import PurePosixPath

from landuse.version import __version__

WIDTH = 92
ABOUT = {
    "report.html": "The report, two pages. Open it in any browser; print it from there.",
    "map.html": "The map of both dates and of every change site. Open it in any browser; it needs no network.",
    "catalog.json": "STAC catalog of the folders, for programs that read such.",
    "change.tif": "What changed: 100 x class before + class after of each square; 0 where no change is confirmed.",
    "change_probability.tif": "How likely each square changed, 0 to 1.",
    "change.gpkg": "The change sites as polygons, with styles (GeoPackage). Open it in QGIS or ArcGIS.",
    "change.geojson": "The change sites in longitude and latitude (GeoJSON).",
    "sites.csv": "The list of sites, the surest first, with coordinates.",
    "ranking.parquet": "Every square, the likeliest change first.",
    "transitions.parquet": "The same for programs.",
    "summary.parquet": "The same for programs.",
    "districts.parquet": "The same for programs.",
    "classes.parquet": "The same for programs.",
    "classes.csv": "Hectares and sites of each class.",
    "timeline.parquet": "What became of each square over all dates.",
    "transitions.csv": "Hectares from each class to each other.",
    "summary.json": "Counts, areas and limits, for programs.",
    "districts.csv": "Hectares by district.",
    "districts.xlsx": "The same as a workbook.",
    "tables.xlsx": "The tables as a workbook.",
    "landuse.tif": "The land use of each square, with colours and names.",
    "landuse.gpkg": "The land use as polygons, with styles (GeoPackage). Open it in QGIS or ArcGIS.",
    "landuse.geojson": "The land use as polygons in longitude and latitude (GeoJSON).",
    "probabilities.tif": "How likely each class is in each square, 0 to 1.",
    "summary.csv": "Hectares of each class.",
    "item.json": "STAC item: place, date, files.",
    "run.json": "How the folder was made, and the digest of each file; landuse info checks them.",
}
BY_SUFFIX = {
    ".qml": "Style for QGIS, taken by itself.",
    ".sld": "Style for GeoServer and others.",
    ".lyrx": "Layer file for ArcGIS Pro.",
    ".xml": "Names of the codes, and hectares of each; belongs to the raster of the same name.",
    ".fgb": "The polygons as FlatGeobuf.",
    ".parquet": "The polygons as GeoParquet.",
    ".pmtiles": "The polygons as vector tiles.",
    ".csv": "A table.",
    ".xlsx": "A workbook of tables.",
}


def readme(title: str, lead: str, names: Sequence[str], limits: Sequence[str], left_out: Sequence[str]) -> str:
    """The text.

    Args:
        title: heading.
        lead: what was found, in a sentence or two.
        names: of the files, with their folders.
        limits: sentences on what limits the figures.
        left_out: sentences on what is not in the packet.
    """
    parts = [title, "=" * min(len(title), WIDTH), "", *_wrapped(lead), "", "Begin with report.html or map.html.", ""]
    parts += ["Files", "-----"]
    folder = None
    for name in names:
        path = PurePosixPath(name)
        if str(path.parent) != folder:
            folder = str(path.parent)
            parts += ["", "In this folder:" if folder == "." else f"{folder}/"]
        parts += _entry(path)
    parts += ["", "What limits the figures", "-----------------------", *_points(limits)]
    parts += ["", "What is not in here", "-------------------", *_points(left_out)]
    return "\n".join([*parts, "", f"Made by landuse {__version__}.", ""])


def _entry(path: PurePosixPath) -> list[str]:
    about = ABOUT.get(path.name) or BY_SUFFIX.get(path.suffix, "")
    return textwrap.wrap(f"{path.name:<24} {about}", WIDTH, initial_indent="  ", subsequent_indent=" " * 27)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _points(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")]
