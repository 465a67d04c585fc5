"""What looks like a chip in a map, and what changed like a chip in a comparison; and the files that show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import rasterio
from pyproj import CRS
from rasterio.features import rasterize

from landuse.change.site_file import read_site_shapes
from landuse.chips import CHIPS_FILE, open_chips
from landuse.crs import transformer
from landuse.errors import NoOverlapError, SourceNotFoundError, UsageError
from landuse.grid import Cell, ChipGrid
from landuse.likeness.vectors import likeness_at, nearest, open_vectors, vectors_at
from landuse.outputs.html import asset, beginning, policy, still_page
from landuse.outputs.land_use_map import COMPONENTS
from landuse.outputs.record import RunRecord
from landuse.outputs.tables import safe_cell, write_csv
from landuse.outputs.views import looks
from landuse.text import date_names

if TYPE_CHECKING:
    import geopandas

CHANGE = "change.tif"
ARROW = "→"
MOST_SITES, MOST_CELLS, EACH = 300, 3_000, 4
"""Of how many sites, the likeliest, a page says what changed like them; by how many cells; and how many it names of each."""
Maps = tuple[Path | None, Path | None]
"""The maps that were compared, None where one is gone."""


@dataclass(frozen=True)
class Find:
    """A chip that was found, or (rank 0) the one that was asked for.

    Attributes:
        rank: 1 is the most alike.
        similarity: cosine, -1 to 1.
        site: number of its change site, None where there is none.
    """

    rank: int
    cell: Cell
    similarity: float
    what: str
    site: int | None = None


@dataclass(frozen=True)
class Finds:
    """What was found.

    Attributes:
        features: whether features were compared; else probabilities, by which chips of one class look alike.
    """

    grid: ChipGrid
    maps: dict[str, Path]
    finds: tuple[Find, ...]
    features: bool


def alike_in_map(folder: Path, cell: Cell, most: int) -> Finds:
    """The chips of a map that look most like one of them.

    Raises:
        UsageError: the map has no such chip.
        LanduseError: the folder cannot serve, as `open_vectors`.
    """
    (vectors,) = open_vectors(folder)
    ranked = nearest(vectors.batches(), vectors.of(cell), most, cell)
    classes = _classes(folder, [cell, *ranked.cells()])
    asked = Find(0, cell, 1.0, classes.get(cell.id, ""))
    found = [
        Find(rank, one, similarity, classes.get(one.id, ""))
        for rank, (one, similarity) in enumerate(zip(ranked.cells(), ranked.similarity.tolist(), strict=True), 1)
    ]
    return Finds(open_chips(folder).grid, {"": folder}, (asked, *found), vectors.features)


def _classes(folder: Path, cells: list[Cell]) -> dict[str, str]:
    import pyarrow.dataset as pads  # it imports pandas, and who draws a map page has no use for either

    table = pads.dataset(folder / CHIPS_FILE)
    name = "class" if "class" in table.schema.names else "classes"
    chosen = pc.field("chip_id").isin([cell.id for cell in cells])
    found = table.to_table(columns=["chip_id", name], filter=chosen).to_pydict()
    said = (", ".join(one) if isinstance(one, list) else one or "" for one in found[name])
    return dict(zip(found["chip_id"], said, strict=True))


def alike_in_change(folder: Path, record: RunRecord, maps: Maps, cell: Cell, most: int) -> Finds:
    """The confirmed sites whose change looks most like that of one chip, each by the cell that does.

    Two changes are as alike as they looked before or look now, whichever is less.

    Args:
        maps: the maps that it compared, None where one is gone.

    Raises:
        UsageError: a map has no such chip.
        SourceNotFoundError: a map is gone, or is none of chips.
        NoOverlapError: nothing is confirmed as changed.
    """
    import pandas as pd

    before, after = maps
    if before is None or after is None or not (before.is_dir() and after.is_dir()) or record.grid is None:
        raise SourceNotFoundError(
            f"The two maps that {folder} compares are not where they were, or are none of landuse classify; compare them again."
        )
    if before.resolve() == after.resolve():
        raise UsageError(f"{folder} compares a map with itself.")
    grid, sites = ChipGrid.from_dict(record.grid), read_site_shapes(folder)
    rows, cols, numbers = _changed(folder / CHANGE, grid, sites)
    both = open_vectors(before, after)
    similarity = np.min([likeness_at(one, one.of(cell), rows, cols) for one in both], axis=0)
    frame = pd.DataFrame({"row": rows, "col": cols, "site": numbers, "similarity": similarity}).dropna()
    own = frame.loc[(frame["row"] == cell.row) & (frame["col"] == cell.col), "site"].tolist()
    best = frame[~frame["site"].isin(own)].sort_values(["similarity", "site"], ascending=[False, True], kind="stable")
    ranked = best.drop_duplicates("site").head(most)
    words = dict(zip(sites["site"], sites["from"] + f" {ARROW} " + sites["to"], strict=True))
    asked = Find(0, cell, 1.0, words[own[0]] if own else "not confirmed as changed", own[0] if own else None)
    found = [
        Find(rank, Cell(row, col), alike, words[site], site)
        for rank, (row, col, site, alike) in enumerate(zip(*(ranked[name].tolist() for name in ranked), strict=True), 1)
    ]
    dates = dict(zip(date_names(before.resolve().name, after.resolve().name), (before, after), strict=True))
    return Finds(grid, dates, (asked, *found), both[0].features)


def alike_sites(folder: Path, record: RunRecord, maps: Maps) -> dict[int, list[int]]:
    """Which of the likeliest sites changed most like each of them, by their numbers, the most alike first.

    Two sites are as alike as the two cells of theirs that are most alike, and these as `alike_in_change` has it. There is none
    where the maps are gone, or have no components of one model.
    """
    before, after = maps
    if before is None or after is None or record.grid is None or before.resolve() == after.resolve():
        return {}
    if not all((one / COMPONENTS).is_file() for one in (before, after)):
        return {}
    sites = read_site_shapes(folder).sort_values(["probability", "site"], ascending=[False, True]).head(MOST_SITES)
    both = open_vectors(before, after) if len(sites) > 1 else []
    if not both or not both[0].features:
        return {}
    rows, cols, numbers = _changed(folder / CHANGE, ChipGrid.from_dict(record.grid), sites)
    rank = {site: place for place, site in enumerate(sites["site"].tolist())}
    first = np.argsort([rank[number] for number in numbers.tolist()], kind="stable")[:MOST_CELLS]
    looks = [vectors_at(one, rows[first], cols[first]) for one in both]
    return _likest(numbers[first], looks)


def _likest(numbers: npt.NDArray[np.int64], looks: list[npt.NDArray[np.float32]]) -> dict[int, list[int]]:
    """The sites most like each, of cells with the number of their site (n,) and their vectors (n, d) at each date."""
    known = np.flatnonzero(np.isfinite(np.concatenate(looks, axis=1)).all(axis=1))
    order = known[np.argsort(numbers[known], kind="stable")]
    sites, starts = np.unique(numbers[order], return_index=True)
    if len(sites) < 2:
        return {}
    cells = np.min([vectors[order] @ vectors[order].T for vectors in looks], axis=0)
    between = np.maximum.reduceat(np.maximum.reduceat(cells, starts, axis=0), starts, axis=1)
    np.fill_diagonal(between, -np.inf)
    ranked = np.argsort(-between, axis=1, kind="stable")[:, : min(EACH, len(sites) - 1)]
    return dict(zip(sites.tolist(), sites[ranked].tolist(), strict=True))


def _changed(
    path: Path, grid: ChipGrid, sites: geopandas.GeoDataFrame
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    with rasterio.open(path) as dataset:
        shape, transform, crs = dataset.shape, dataset.transform, CRS.from_user_input(dataset.crs)
    shapes = sites.to_crs(crs)
    if not len(shapes):
        raise NoOverlapError(f"Nothing is confirmed as changed in {path.parent}, so nothing can look like it.")
    numbers = rasterize(zip(shapes.geometry, shapes["site"], strict=True), shape, transform=transform, dtype="int32")
    lines, columns = np.nonzero(numbers)
    rows = round(transform.f / grid.side) - 1 - lines
    cols = round(transform.c / grid.side) + columns
    return rows.astype(np.int64), cols.astype(np.int64), numbers[lines, columns].astype(np.int64)


SHEET, PACKAGE, TABLE = "similar.html", "similar.gpkg", "similar.csv"
LAYER = "similar"
HEADER = ("rank", "chip_id", "similarity", "what", "site", "lon", "lat")
BY_CLASS = (
    "The maps have no components.tif of one model, so that chips are compared by the probabilities of their classes: all sure "
    "ones of a class look alike. Classify both with one model to have them."
)


def write_finds(folder: Path, found: Finds) -> None:
    """Write `similar.html`, `similar.gpkg` (squares of the lattice) and `similar.csv`; rank 0 is the chip asked for."""
    import geopandas

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
    to_degrees = transformer(found.grid.crs, 4326)
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
