"""The polygons and the table of a comparison: its sites, each with its classes, size and tier, the surest first."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from landuse.change.comparison import Comparison
from landuse.change.scratch import Kinds
from landuse.change.sites import TIERS, SiteFile, SiteTable, tier_of
from landuse.crs import transformer
from landuse.errors import ConfigError, SourceNotFoundError
from landuse.outputs.styles import CHANGE
from landuse.outputs.tables import Table, Value, safe_cell
from landuse.outputs.vector_formats import DEFAULT_FORMATS, Layer, areas_writer
from landuse.outputs.vectors import Areas

if TYPE_CHECKING:
    import geopandas
    import pandas


HEADER = ("site", "from", "to", "area_ha", "cells", "probability", "tier", "lon", "lat", "expected_real_share")
MOST_SITES = 1_000
"""Sites in the workbook, the surest first; `sites.csv` has all of them."""
FILES = (f"{CHANGE}.gpkg", f"{CHANGE}.geojson")
COLUMNS = ("site", "from", "to", "area_ha", "probability", "tier")


def write_outlines(folder: Path, found: Comparison, sites: SiteFile, formats: Sequence[str] = DEFAULT_FORMATS) -> None:
    """Write the confirmed sites as `change.geojson` and in the other formats, numbered from 1, the surest first."""
    crs, done = found.before.crs, 0
    with areas_writer(folder, Layer.of_raster(CHANGE, crs, found.overlap.transform), formats) as writer:
        for some in sites.ranked(confirmed=True):
            polygons = np.asarray(shapely.from_wkb(some.outlines))
            writer.write(Areas(_columns(found, some, done), polygons, crs))
            done += len(some)


def _columns(found: Comparison, sites: SiteTable, done: int) -> dict[str, Sequence[str] | npt.NDArray[np.generic]]:
    """The properties of the polygons, of which so many stand before these."""
    before, after = _classes(found, sites)
    return {
        "site": np.arange(done + 1, done + len(sites) + 1),
        "from": before,
        "to": after,
        "area_ha": sites.area_ha,
        "cells": sites.cells,
        "probability": sites.probability,
        "tier": [tier_of(p) for p in sites.probability.tolist()],
    }


def _classes(found: Comparison, sites: SiteTable) -> tuple[list[str], list[str]]:
    """Names of the classes of each site before and after."""
    names = found.legend.names
    first, second = Kinds(len(names)).pairs(sites.states).reshape(-1, 2).T.tolist()
    return [names[i] for i in first], [names[i] for i in second]


def write_sites(path: Path, found: Comparison, sites: SiteFile, *, expected: bool) -> dict[str, int]:
    """Write all sites, the confirmed ones and then the others, each with the surest first; return how many each tier has.

    Args:
        expected: whether expected figures may be told; the last column stays empty where they may not.
    """
    tiers, real = dict.fromkeys(TIERS, 0), 0.0
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for listed, (line, probability) in enumerate(_lines(found, sites), 1):
            tier, real = tier_of(probability), real + probability
            tiers[tier] += 1
            rated = "" if np.isnan(probability) else f"{probability:.4f}"
            share = f"{real / listed:.4f}" if rated and expected else ""
            writer.writerow((listed, *line[:4], rated, tier, *line[4:], share))
    return tiers


def _lines(found: Comparison, sites: SiteFile) -> Iterator[tuple[tuple[str, ...], float]]:
    """Classes, hectares, cells, longitude and latitude of each site as texts, and its probability."""
    to_degrees = transformer(found.before.crs, 4326)
    for some in chain(sites.ranked(confirmed=True), sites.ranked(confirmed=False)):
        lon, lat = to_degrees.transform(some.x, some.y)
        before, after = _classes(found, some)
        columns = (
            map(safe_cell, before),
            map(safe_cell, after),
            (f"{area:.4f}" for area in some.area_ha.tolist()),
            map(str, some.cells.tolist()),
            (f"{degrees:.6f}" for degrees in np.asarray(lon).tolist()),
            (f"{degrees:.6f}" for degrees in np.asarray(lat).tolist()),
        )
        yield from zip(zip(*columns, strict=True), some.probability.tolist(), strict=True)


def site_table(path: Path) -> Table:
    """The first lines of `sites.csv`."""
    with path.open(encoding="utf8", newline="") as stream:
        header, *rows = islice(csv.reader(stream), MOST_SITES + 1)
    return header, [[_value(cell) for cell in row] for row in rows]


def _value(cell: str) -> Value:
    """A cell of a CSV as a number where it is one."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if math.isfinite(number) else cell


def read_site_table(folder: Path) -> pandas.DataFrame:
    """`COLUMNS` of every site, without its polygon; the index is what `read_site_shapes` takes. Raises as it."""
    table: pandas.DataFrame = _read(folder, columns=list(COLUMNS), read_geometry=False, fid_as_index=True)
    return table


def read_site_shapes(folder: Path, index: Sequence[int] | None = None) -> geopandas.GeoDataFrame:
    """The polygons of some sites, or of all, with `COLUMNS`, in the CRS of the file.

    Raises:
        SourceNotFoundError: the folder has no polygons of sites.
        ConfigError: they are damaged.
    """
    return _read(folder, columns=list(COLUMNS), fids=index)


def _read(folder: Path, **how: object) -> geopandas.GeoDataFrame:
    from landuse.ogr import OGR_ERRORS, pyogrio

    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise SourceNotFoundError(f"There is no {FILES[-1]} in {folder}, so it is not whole; compare the maps again.")
    try:
        found = pyogrio.read_dataframe(path, layer=CHANGE, **how)
    except OGR_ERRORS as error:
        raise ConfigError(f"{path} is damaged: it holds no sites of change.") from error
    if not set(COLUMNS) <= set(found.columns):
        raise ConfigError(f"{path} is damaged: its sites lack a column.")
    return found
