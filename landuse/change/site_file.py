"""The polygons and the table of a comparison: its sites, each with its classes, size and tier, the surest first."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from landuse.change.comparison import Comparison
from landuse.change.scratch import Kinds
from landuse.change.sites import OutlineFile, SiteTable, tier_of
from landuse.grid import IntArray
from landuse.outputs.spreadsheet import safe_cell
from landuse.outputs.styles import CHANGE
from landuse.outputs.vector_formats import DEFAULT_FORMATS, Layer, areas_writer
from landuse.outputs.vectors import Areas

HEADER = ("site", "from", "to", "area_ha", "cells", "probability", "tier", "lon", "lat", "expected_real_share")
AT_ONCE = 10_000
Floats = npt.NDArray[np.float64]


def write_outlines(
    folder: Path, found: Comparison, sites: SiteTable, outlines: OutlineFile, formats: Sequence[str] = DEFAULT_FORMATS
) -> None:
    """Write the confirmed sites as `change.geojson` and in the other formats, numbered from 1, the surest first."""
    crs, transform = found.before.crs, found.overlap.transform
    order = sites.order()
    number, done = np.empty(len(order), np.int64), 0
    number[order] = np.arange(1, len(order) + 1)
    with areas_writer(folder, Layer.of_raster(CHANGE, crs, transform), formats) as writer:
        writer.write(Areas(_columns(found, sites.take(order[:0]), number[:0]), np.empty(0, object), crs))
        for polygons in outlines.read():
            here = np.arange(done, done + len(polygons))
            writer.write(Areas(_columns(found, sites.take(here), number[here]), polygons, crs))
            done += len(polygons)


def _columns(
    found: Comparison, sites: SiteTable, number: IntArray
) -> dict[str, Sequence[str] | npt.NDArray[np.generic]]:
    """The properties of the polygons."""
    before, after = _classes(found, sites)
    return {
        "site": number,
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


def write_sites(path: Path, found: Comparison, tables: Sequence[SiteTable]) -> list[str]:
    """Write the sites of some tables, one after the other, each with the surest first; return the tier of each."""
    tiers, real, listed = [], 0.0, 0
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for table in tables:
            order = table.order()
            for first in range(0, len(order), AT_ONCE):
                for line, probability in _lines(found, table.take(order[first : first + AT_ONCE])):
                    tiers.append(tier_of(probability))
                    real, listed = real + probability, listed + 1
                    rated = ("", "") if np.isnan(probability) else (f"{probability:.4f}", f"{real / listed:.4f}")
                    writer.writerow((listed, *line[:4], rated[0], tiers[-1], *line[4:], rated[1]))
    return tiers


def _lines(found: Comparison, sites: SiteTable) -> list[tuple[tuple[str, ...], float]]:
    """Classes, hectares, cells, longitude and latitude of each site as texts, and its probability."""
    to_degrees = Transformer.from_crs(found.before.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(sites.points[:, 0], sites.points[:, 1])
    before, after = _classes(found, sites)
    columns = (
        map(safe_cell, before),
        map(safe_cell, after),
        (f"{area:.4f}" for area in sites.area_ha.tolist()),
        map(str, sites.cells.tolist()),
        (f"{degrees:.6f}" for degrees in np.asarray(lon).tolist()),
        (f"{degrees:.6f}" for degrees in np.asarray(lat).tolist()),
    )
    return list(zip(zip(*columns, strict=True), sites.probability.tolist(), strict=True))
