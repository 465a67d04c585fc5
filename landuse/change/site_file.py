"""The polygons of a comparison: its sites, each with its classes, size and tier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.change.comparison import Comparison
from landuse.change.lattice import strips
from landuse.change.sites import tier_of
from landuse.outputs.placing import outlines
from landuse.outputs.styles import CHANGE
from landuse.outputs.vector_formats import DEFAULT_FORMATS, Layer, areas_writer
from landuse.outputs.vectors import Areas

Floats = npt.NDArray[np.float64]


def write_sites(folder: Path, found: Comparison, formats: Sequence[str] = DEFAULT_FORMATS) -> list[str]:
    """Write the change sites as `change.geojson` and in the other formats; return the tier of each."""
    sites, (before, after) = found.sites, found.codes
    flat = sites.ids.ravel()
    inside = np.flatnonzero(flat)
    first = inside[np.unique(flat[inside], return_index=True)[1]]
    probability = _site_means(found)
    tiers = [tier_of(p) for p in probability.tolist()]
    name = found.legend.name_of
    columns: dict[str, Any] = {
        "from": [name(code) for code in before.ravel()[first].tolist()],
        "to": [name(code) for code in after.ravel()[first].tolist()],
        "area_ha": _site_areas(found),
        "cells": sites.cells,
        "probability": probability,
        "tier": tiers,
    }
    crs, transform = found.before.crs, found.overlap.transform
    with areas_writer(folder, Layer.of_raster(CHANGE, crs, transform), formats) as writer:
        writer.write(Areas(columns, outlines(sites.ids, transform, crs), crs))
    return tiers


def _site_means(found: Comparison) -> Floats:
    """Mean P(change) of the cells of each site, NaN where unrated."""
    if found.probability is None:
        return np.full(len(found.sites), np.nan)
    known = np.where(found.confirmed, found.probability, 0.0).ravel()
    total = np.bincount(found.sites.ids.ravel(), weights=known, minlength=len(found.sites) + 1)
    return np.asarray(total[1:] / found.sites.cells)


def _site_areas(found: Comparison) -> Floats:
    """Hectares of each site on the ellipsoid."""
    ids, area = found.sites.ids, np.zeros(len(found.sites) + 1)
    for rows, hectares in strips(found.overlap.transform, found.before.crs, found.overlap.shape):
        area += np.bincount(ids[rows].ravel(), weights=hectares.ravel(), minlength=len(area))
    return area[1:]
