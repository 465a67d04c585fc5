"""What was found, as files: a sheet of pictures, a GeoPackage and a table."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
from pyproj import Transformer

from landuse.likeness.finds import Find, Finds
from landuse.outputs.html import asset, beginning, policy, still_page
from landuse.outputs.tables import safe_cell, write_csv
from landuse.outputs.views import looks

SHEET, PACKAGE, TABLE = "similar.html", "similar.gpkg", "similar.csv"
LAYER = "similar"
HEADER = ("rank", "chip_id", "similarity", "what", "site", "lon", "lat")
BY_CLASS = (
    "The map kept no features, so that chips are compared by the probabilities of their classes: all sure ones of a class look "
    "alike. classify --keep-features keeps them."
)


def write_finds(folder: Path, found: Finds) -> None:
    """Write `similar.html`, `similar.gpkg` (squares of the lattice) and `similar.csv`; rank 0 is the chip asked for."""
    rows = _rows(found)
    safe = ([safe_cell(value) if isinstance(value, str) else value for value in row] for row in rows)
    write_csv(folder / TABLE, HEADER, safe)
    columns = {name: [row[number] for row in rows] for number, name in enumerate(HEADER)}
    cells = [find.cell for find in found.finds]
    squares = found.grid.polygons(np.array([c.row for c in cells]), np.array([c.col for c in cells]))
    frame = geopandas.GeoDataFrame(columns, geometry=squares, crs=found.grid.crs)
    frame.to_file(folder / PACKAGE, layer=LAYER, driver="GPKG", engine="pyogrio")
    (folder / SHEET).write_text(sheet_html(found), encoding="utf8")


def _rows(found: Finds) -> list[tuple[int | float | str | None, ...]]:
    return [
        (find.rank, find.cell.id, round(find.similarity, 4), find.what, find.site, round(lon, 6), round(lat, 6))
        for find, (lon, lat) in zip(found.finds, _places(found), strict=True)
    ]


def _places(found: Finds) -> list[tuple[float, float]]:
    to_degrees = Transformer.from_crs(found.grid.crs, 4326, always_xy=True)
    return [to_degrees.transform(*found.grid.centre(find.cell)) for find in found.finds]


def sheet_html(found: Finds) -> str:
    """A page of pictures that fetches nothing; every word from the data is escaped by the template engine."""
    cells = [find.cell for find in found.finds]
    seen = [[look.wide for look in looks(folder, found.grid, cells)] for folder in found.maps.values()]
    lines = [
        {
            "rank": find.rank,
            "chip_id": find.cell.id,
            "what": find.what,
            "similarity": find.similarity,
            "site": find.site,
            "place": f"{lat:.5f}, {lon:.5f}",
            "pictures": pictures,
        }
        for find, (lon, lat), pictures in zip(found.finds, _places(found), zip(*seen, strict=True), strict=True)
    ]
    title, package = _title(found), "landuse.likeness"
    start = beginning(title, asset(package, "sheet.css"), policy())
    values = {"title": title, "lead": _lead(found, seen), "dates": list(found.maps), "finds": lines}
    return still_page(package, "sheet.html", start, values)


def _title(found: Finds) -> str:
    asked = found.finds[0].cell.id
    return f"What changed like {asked}" if len(found.maps) > 1 else f"What looks like {asked}"


def _lead(found: Finds, seen: list[list[str]]) -> str:
    said = ["First what was asked for, then the others, the most alike first; 1.00 would be just the same."]
    if not found.features:
        said.append(BY_CLASS)
    if not any(map(any, seen)):
        said.append("The imagery is not on this machine, so nothing can be shown of it.")
    return " ".join(said)


def figures(found: Finds) -> dict[str, object]:
    """The finds as JSON data: whether features were compared, and what stands in `similar.csv`."""
    return {"features": found.features, "finds": [dict(zip(HEADER, row, strict=True)) for row in _rows(found)]}


def sentence(find: Find) -> str:
    """One find in a line, for a terminal."""
    site = f", site {find.site}" if find.site is not None else ""
    return f"{find.rank:>4}  {find.cell.id:<18} {find.similarity:.3f}  {find.what}{site}"
