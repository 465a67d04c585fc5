"""The polygons and the table of a comparison: its sites, each with its classes, size and tier, the surest first."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from landuse.change.comparison import Comparison
from landuse.change.lattice import strips
from landuse.change.sites import Sites, change_sites, tier_of
from landuse.grid import IntArray
from landuse.outputs.placing import outlines
from landuse.outputs.spreadsheet import safe_cell
from landuse.outputs.styles import CHANGE
from landuse.outputs.vector_formats import DEFAULT_FORMATS, Layer, areas_writer
from landuse.outputs.vectors import Areas

POSSIBLE = 0.1
"""Least probability of a change that is not confirmed and still listed in `sites.csv`."""
HEADER = ("site", "from", "to", "area_ha", "cells", "probability", "tier", "lon", "lat", "expected_real_share")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteTable:
    """n sites of one kind, in the order of their ids.

    Attributes:
        sites: where they are.
        pairs: (n, 2) class codes before and after.
        probability: (n,) mean probability of the change, NaN where unrated.
        area_ha: (n,).
        surest: (n, 2) line and column of the surest cell of each.
        confirmed: whether they are.
    """

    sites: Sites
    pairs: IntArray
    probability: Floats
    area_ha: Floats
    surest: IntArray
    confirmed: bool


def write_sites(folder: Path, table: Path, found: Comparison, formats: Sequence[str] = DEFAULT_FORMATS) -> list[str]:
    """Write the confirmed sites as `change.geojson` and in the other formats, and all as a table; return all tiers.

    Sites are numbered from 1, the surest first; confirmed ones come before those that are merely possible.
    """
    sure, rest = confirmed_sites(found), possible_sites(found)
    orders = [np.lexsort((-one.area_ha, -np.nan_to_num(one.probability))) for one in (sure, rest)]
    columns = _numbered(found, sure, orders[0])
    crs, transform = found.before.crs, found.overlap.transform
    with areas_writer(folder, Layer.of_raster(CHANGE, crs, transform), formats) as writer:
        writer.write(Areas(columns, outlines(sure.sites.ids, transform, crs), crs))
    return _write_table(table, found, [(sure, orders[0], 1), (rest, orders[1], 1 + len(sure.sites))])


def confirmed_sites(found: Comparison) -> SiteTable:
    """The sites of confirmed cells, by the labels of the two maps."""
    before, after = found.codes
    return _measured(found, found.sites, np.stack([before, after], axis=-1), _named(found), confirmed=True)


def possible_sites(found: Comparison) -> SiteTable:
    """The sites of other cells whose likeliest change has a probability of at least `POSSIBLE`."""
    shape, codes = found.known.shape, np.asarray(found.legend.codes, np.int64)
    pairs, probability = np.zeros((*shape, 2), np.int64), np.full(shape, np.nan)
    if found.cells is not None:
        pairs[found.known], probability[found.known] = codes[found.cells.move], found.cells.moved
    listed = ~found.confirmed & (np.nan_to_num(probability) >= POSSIBLE)
    kinds = np.where(listed, pairs[..., 0] * (int(codes.max()) + 1) + pairs[..., 1], 0)
    return _measured(found, change_sites(kinds, found.rule.min_site), pairs, probability, confirmed=False)


def _named(found: Comparison) -> Floats:
    """Probability (H, W) of the change that the labels name, NaN where it is not known."""
    named = np.full(found.known.shape, np.nan)
    if found.cells is not None:
        named[found.known] = found.cells.named
    return named


def _measured(
    found: Comparison, sites: Sites, pairs: npt.NDArray[np.integer], probability: Floats, *, confirmed: bool
) -> SiteTable:
    """The sites with what is known of them; `pairs` (H, W, 2) and `probability` (H, W) are of cells."""
    flat = sites.ids.ravel()
    inside = np.flatnonzero(flat)
    first = inside[np.unique(flat[inside], return_index=True)[1]]
    value = np.nan_to_num(probability.ravel()[inside])
    order = np.lexsort((-value, flat[inside]))
    surest = inside[order][np.unique(flat[inside][order], return_index=True)[1]]
    mean = np.bincount(flat[inside], weights=value, minlength=len(sites) + 1)[1:] / sites.cells
    return SiteTable(
        sites,
        pairs.reshape(-1, 2)[first].astype(np.int64),
        np.where(np.isnan(probability.ravel()[first]), np.nan, mean),
        _areas(found, sites),
        np.stack(np.divmod(surest, found.known.shape[1]), axis=1),
        confirmed,
    )


def _areas(found: Comparison, sites: Sites) -> Floats:
    """Hectares of each site on the ellipsoid."""
    area = np.zeros(len(sites) + 1)
    for rows, hectares in strips(found.overlap.transform, found.before.crs, found.overlap.shape):
        area += np.bincount(sites.ids[rows].ravel(), weights=hectares.ravel(), minlength=len(area))
    return area[1:]


def _numbered(found: Comparison, sure: SiteTable, order: IntArray) -> dict[str, Any]:
    """The columns of the polygons."""
    number, name = np.empty(len(order), np.int64), found.legend.name_of
    number[order] = np.arange(1, len(order) + 1)
    return {
        "site": number,
        "from": [name(code) for code in sure.pairs[:, 0].tolist()],
        "to": [name(code) for code in sure.pairs[:, 1].tolist()],
        "area_ha": sure.area_ha,
        "cells": sure.sites.cells,
        "probability": sure.probability,
        "tier": [tier_of(p) for p in sure.probability.tolist()],
    }


def _write_table(path: Path, found: Comparison, tables: list[tuple[SiteTable, IntArray, int]]) -> list[str]:
    name, tiers, real, listed = found.legend.name_of, [], 0.0, 0
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for table, order, start in tables:
            lon, lat = _places(found, table.surest)
            for number, site in enumerate(order.tolist(), start):
                probability = float(table.probability[site])
                tiers.append(tier_of(probability))
                real, listed = real + probability, listed + 1
                rated = ("", "") if np.isnan(probability) else (f"{probability:.4f}", f"{real / listed:.4f}")
                classes = (safe_cell(name(int(code))) for code in table.pairs[site])
                size = f"{table.area_ha[site]:.4f}", int(table.sites.cells[site])
                place = f"{lon[site]:.6f}", f"{lat[site]:.6f}"
                writer.writerow((number, *classes, *size, rated[0], tiers[-1], *place, rated[1]))
    return tiers


def _places(found: Comparison, cells: IntArray) -> tuple[Floats, Floats]:
    """Longitude and latitude (n,), WGS 84, of the centres of cells (n, 2)."""
    x, y = found.overlap.transform @ (cells[:, 1] + 0.5, cells[:, 0] + 0.5)
    lon, lat = Transformer.from_crs(found.before.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.asarray(lon, np.float64), np.asarray(lat, np.float64)
