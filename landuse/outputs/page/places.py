"""What the page says of places: the areas of districts, and the mean probabilities of change sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from landuse.crs import transformer
from landuse.errors import ConfigError
from landuse.outputs.categories import plain_text
from landuse.outputs.cog import RASTER_ERRORS
from landuse.outputs.districts import DISTRICTS_SHAPES, DISTRICTS_TABLE, NOT_COMPARED, UNCHANGED
from landuse.outputs.land_use_map import PROBABILITIES
from landuse.outputs.page.folders import MapChange, MapYear, Place, Polygons, read_places, shown_text
from landuse.outputs.tables import read_csv

ClassAreas = Mapping[str, Mapping[str, float]]
"""Hectares by district and class."""


@dataclass(frozen=True)
class PageDistricts:
    """Attributes: `names`; `polygons` of each; hectares by district and class of each year (`areas`), and by district of
    what changed in each comparison (`changed`); None for a folder without districts.
    """  # noqa: D205

    names: tuple[str, ...]
    polygons: tuple[Polygons, ...]
    areas: tuple[ClassAreas | None, ...]
    changed: tuple[Mapping[str, float] | None, ...]

    def as_json(self, index: Mapping[str, int], packed: Callable[[Polygons], Any]) -> dict[str, Any]:
        """Plain values; classes by `index`, polygons as `packed` makes them."""
        areas = [
            None if table is None else [self._classes(table, name, index) for name in self.names]
            for table in self.areas
        ]
        changed = [None if one is None else [one.get(name) for name in self.names] for one in self.changed]
        polygons = [packed(polygons) for polygons in self.polygons]
        return {"places": {"name": self.names, "polygons": polygons}, "areas": areas, "changed": changed}

    def _classes(self, table: ClassAreas, name: str, index: Mapping[str, int]) -> dict[int, float]:
        return {index[kind]: area for kind, area in table.get(name, {}).items() if kind in index and area}


def read_districts(years: Sequence[MapYear], changes: Sequence[MapChange]) -> PageDistricts:
    """The districts of all folders that have some; those of one name are one, drawn as the first folder has it.

    Raises:
        ConfigError: a file of theirs is damaged.
    """
    shapes: dict[str, Polygons] = {}
    for folder in [year.folder for year in years] + [change.folder for change in changes]:
        if (folder / DISTRICTS_SHAPES).is_file():
            for place in read_places(folder / DISTRICTS_SHAPES, ("district",), ()):
                shapes.setdefault(place.words["district"], place.polygons)
    areas = tuple(_class_areas(year.folder / f"{DISTRICTS_TABLE}.csv") for year in years)
    changed = tuple(_changed(change.folder / f"{DISTRICTS_TABLE}.csv") for change in changes)
    names = tuple(sorted(shapes))
    return PageDistricts(names, tuple(shapes[name] for name in names), areas, changed)


def _class_areas(path: Path) -> ClassAreas | None:
    found: dict[str, dict[str, float]] = {}
    for name, kind, hectares in _lines(path, "class"):
        found.setdefault(name, {})[kind] = hectares
    return found or None


def _changed(path: Path) -> Mapping[str, float] | None:
    found: dict[str, float] = {}
    for name, before, hectares in _lines(path, "from"):
        still = before in (UNCHANGED, NOT_COMPARED)
        found[name] = found.get(name, 0.0) + (0.0 if still else hectares)
    return found or None


def _lines(path: Path, column: str) -> list[tuple[str, str, float]]:
    """District, the given column and hectares of each line; none where there is no table."""
    if not path.is_file():
        return []

    def read(line: Mapping[str, str]) -> tuple[str, str, float]:
        """A line; its texts may be a stranger's."""
        return shown_text(line["district"]), shown_text(line[column]), float(line["area_ha"])

    return read_csv(path, ("district", column, "area_ha"), "table of districts", read)


def site_vectors(year: MapYear, sites: Sequence[Place], index: Mapping[str, int]) -> npt.NDArray[np.int64] | None:
    """Mean probabilities of sites in per cent, (sites, classes), classes by `index`; None where the year has none.

    A site without a known cell has zeros.
    """
    path = year.folder / PROBABILITIES
    if not sites or not path.is_file():
        return None
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            ids = _numbered(sites, dataset)
            found = np.zeros((len(sites), len(index)))
            for band, name in enumerate(dataset.descriptions, 1):
                position = index.get(plain_text(name or ""))
                if position is not None:
                    found[:, position] = _means(ids, dataset.read(band), len(sites))
    except RASTER_ERRORS as error:
        raise ConfigError(f"{path} is damaged: its pixels cannot be read.") from error
    return np.round(100 * found).astype(np.int64)


def _numbered(sites: Sequence[Place], dataset: rasterio.DatasetReader) -> npt.NDArray[np.int32]:
    """The number of the site on each cell, from 1; 0 where there is none."""
    to_grid = transformer(4326, CRS.from_user_input(dataset.crs))
    shapes = [
        (
            {
                "type": "MultiPolygon",
                "coordinates": [[_carried(ring, to_grid) for ring in rings] for rings in site.polygons],
            },
            i,
        )
        for i, site in enumerate(sites, 1)
    ]
    ids: npt.NDArray[np.int32] = rasterize(shapes, dataset.shape, transform=dataset.transform, dtype="int32")
    return ids


def _carried(ring: Sequence[Sequence[float]], to_grid: Transformer) -> list[tuple[float, float]]:
    lon, lat = np.asarray(ring, np.float64)[:, :2].T
    return list(zip(*(side.tolist() for side in to_grid.transform(lon, lat)), strict=True))


def _means(ids: npt.NDArray[np.int32], values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """Mean of the known values of each number, (count,)."""
    here = (ids > 0) & np.isfinite(values)
    cells = np.bincount(ids[here], minlength=count + 1)[1:]
    total = np.bincount(ids[here], weights=values[here], minlength=count + 1)[1:]
    return np.asarray(total / np.maximum(cells, 1))
