"""Districts on the page: the polygons and tables that `classify` and `diff` leave where `--districts` names a file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landuse.errors import ConfigError
from landuse.outputs.districts import DISTRICTS_SHAPES, DISTRICTS_TABLE, NOT_COMPARED, UNCHANGED
from landuse.outputs.page.folders import MapChange, MapYear, Polygons, read_places, shown_text
from landuse.outputs.tables import plain_text

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
    for line in _lines(path):
        found.setdefault(_cell(line, "district"), {})[_cell(line, "class")] = _hectares(path, line)
    return found or None


def _changed(path: Path) -> Mapping[str, float] | None:
    found: dict[str, float] = {}
    for line in _lines(path):
        name, still = _cell(line, "district"), line.get("from") in (UNCHANGED, NOT_COMPARED)
        found[name] = found.get(name, 0.0) + (0.0 if still else _hectares(path, line))
    return found or None


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is damaged: it is no table of districts.") from error


def _cell(line: Mapping[str, str], column: str) -> str:
    return shown_text(plain_text(line.get(column) or ""))


def _hectares(path: Path, line: Mapping[str, str]) -> float:
    try:
        return float(line["area_ha"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is damaged: it is no table of districts.") from error
