"""The data of the page, as compact JSON for its script."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from landuse.outputs.page.assets import Basemap
from landuse.outputs.page.folders import SPARE_COLOR, MapChange, MapYear, Place, Ring
from landuse.outputs.page.land_grid import UNKNOWN, Layer
from landuse.outputs.page.mesh import Floats, Lattice, degrees_of, meridian_of, near
from landuse.outputs.page.places import PageDistricts, site_vectors
from landuse.outputs.record import RunRecord

SAFE = ("#CC6600", "#006633", "#66CCFF", "#000099", "#FFFFCC", "#000000", "#3366FF", "#999999", "#FFCC00", "#CCFFFF")
"""Told apart by lightness as much as by hue; `tests/outputs/test_safe_colors.py` measures by how much."""


def safe_colors(colors: Sequence[str]) -> list[str]:
    """A colour of `SAFE` for each of some colours (#rrggbb), each once; the colours themselves where they are too many."""
    if len(colors) > len(SAFE):
        return list(colors)
    apart = np.linalg.norm(_rgb(colors)[:, None] - _rgb(SAFE)[None], axis=2)
    return [SAFE[at] for at in linear_sum_assignment(apart)[1]]


def _rgb(colors: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors], float).reshape(-1, 3)


UNITS_PER_DEGREE = 1e6
"""Coordinates are whole millionths of a degree: a tenth of a metre."""
STEP = 2
"""Per cent: a confidence is kept in steps, which pack well."""
WORLD_DIGITS, CELL_DIGITS = 10, 4
Corners = list[list[float]]
"""[[south, west], [north, east]] in degrees, as Leaflet has it."""
Alike = Mapping[Path, Mapping[int, Sequence[int]]]


@dataclass(frozen=True)
class PageClass:
    """A class as the page shows it: its name, its colour, and one that colour-blind readers tell from the others."""

    name: str
    color: str
    safe: str


@dataclass(frozen=True, eq=False)
class PageData:
    """What the page shows, imagery apart.

    Attributes:
        title: heading; None for one that the page makes of the years.
        language: in which it opens, ``en`` or ``es``.
        most_zoom: where a pixel of the screen is about one of the imagery; beyond it there is nothing more to see.
        meridian: about which the map is drawn, 180 for ground on both sides of it.
        alike: by folder of a comparison, numbers of the sites that changed most like a site.
    """

    title: str | None
    language: str
    years: tuple[MapYear, ...]
    changes: tuple[MapChange, ...]
    classes: tuple[PageClass, ...]
    districts: PageDistricts
    basemap: Basemap | None
    most_zoom: int
    bounds: Corners
    meridian: float
    alike: Alike


def occurring_classes(years: Sequence[MapYear], changes: Sequence[MapChange]) -> tuple[PageClass, ...]:
    """The classes that occur in any folder, in the order of the first legend that has them, each with one colour."""
    used = {name for year in years for name in year.grid.counts()}
    used |= {site.words[end] for change in changes for site in change.sites for end in ("from", "to")}
    colors: dict[str, str] = {}
    for known_colors in [folder.colors for folder in years] + [folder.colors for folder in changes]:
        for name, color in known_colors.items():
            colors.setdefault(name, color)
    known = [name for name in colors if name in used]
    names = (*known, *sorted(used - set(known)))
    chosen = [colors.get(name, SPARE_COLOR) for name in names]
    return tuple(map(PageClass, names, chosen, safe_colors(chosen)))


def meridian(years: Sequence[MapYear], changes: Sequence[MapChange]) -> float:
    """About which to draw the map."""
    lon = [degrees_of(*_corners(year, 0.0))[0] for year in years]
    lon += [_points(site)[:, 0] for change in changes for site in change.sites]
    return meridian_of(np.concatenate([np.empty(0), *lon]))


def page_bounds(years: Sequence[MapYear], changes: Sequence[MapChange], meridian: float) -> Corners | None:
    """Corners of the land that is mapped, or else of what changed; None where there is neither."""
    world = [_corners(year, meridian) for year in years if year.grid.counts()]
    if world:
        lon, lat = degrees_of(*np.concatenate(world, axis=1))
    else:
        sites = [_points(site) for change in changes for site in change.sites]
        if not sites:
            return None
        lon, lat = np.concatenate(sites).T
        lon = near(lon, meridian)
    return [[float(lat.min()), float(lon.min())], [float(lat.max()), float(lon.max())]]


def _corners(year: MapYear, meridian: float) -> Floats:
    """Points around the cells of a year that hold a class, on the world, (2, n)."""
    grid = year.grid
    held = np.any([layer.classes > 0 for layer in grid.layers], axis=0)
    lines, cols = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
    if not lines.size:
        return np.empty((2, 0))
    x, y = np.meshgrid(np.linspace(cols[0], cols[-1] + 1, 9), np.linspace(lines[0], lines[-1] + 1, 9))
    return Lattice(grid.transform, grid.crs, grid.shape, meridian).world(x.ravel(), y.ravel())


def _points(site: Place) -> npt.NDArray[np.float64]:
    return np.concatenate([np.asarray(rings[0], np.float64)[:, :2] for rings in site.polygons])


def tiers_of(change: MapChange) -> tuple[str, ...]:
    """Names of the tiers of a change, the surest first: as its summary lists them, others by mean probability."""
    found: dict[str, list[float]] = {}
    for site in change.sites:
        found.setdefault(site.words["tier"], []).append(site.numbers["probability"] or 0.0)
    listed = list(change.evidence.tiers) if change.evidence else []
    others = sorted(found.keys() - set(listed), key=lambda tier: (-float(np.mean(found[tier])), tier))
    return (*listed, *others)


def payload(data: PageData) -> dict[str, Any]:
    """The page's data, plain."""
    index = {c.name: i for i, c in enumerate(data.classes)}
    return {
        "title": data.title,
        "language": data.language,
        "several": any(year.several for year in data.years),
        "most_zoom": data.most_zoom,
        "bounds": data.bounds,
        "classes": [asdict(c) for c in data.classes],
        "years": [_year(year, index, data.meridian) for year in data.years],
        "changes": [_change(change, index, data) for change in data.changes],
        "districts": data.districts.as_json(index, lambda polygons: _steps(polygons, data.meridian)),
        "basemap": None if data.basemap is None else {"url": data.basemap.url, "credit": data.basemap.credit},
    }


def _year(year: MapYear, index: Mapping[str, int], meridian: float) -> dict[str, Any]:
    listed = {line.name: line for line in year.summary}
    shown = [name for name in index if name in listed]
    return {
        "label": year.label,
        "origin": _origin(year.record),
        "mapped": round(year.mapped_ha, 4),
        "areas": {index[name]: round(listed[name].area_ha, 4) for name in shown},
        "shares": {index[name]: listed[name].share for name in shown},
        "legend": [index[name] for name in index if name in year.colors],
        "grid": _grid(year, index, meridian),
    }


def _grid(year: MapYear, index: Mapping[str, int], meridian: float) -> dict[str, Any]:
    grid, table = year.grid, np.zeros(256, np.uint8)
    for position, name in enumerate(grid.names, 1):
        table[position] = index.get(name, -1) + 1
    placing = Lattice(grid.transform, grid.crs, grid.shape, meridian).placing()
    return {
        "rows": grid.shape[0],
        "cols": grid.shape[1],
        "lattice": _lattice(year),
        "to_world": placing.to_world.as_json(WORLD_DIGITS),
        "to_cells": placing.to_cells.as_json(CELL_DIGITS),
        "layers": [_layer(layer, table) for layer in grid.layers if layer.classes.any()],
    }


def _layer(layer: Layer, table: npt.NDArray[np.uint8]) -> dict[str, str | None]:
    percent = None if layer.percent is None else packed(_coarse(layer.percent))
    return {"classes": packed(table[layer.classes]), "percent": percent}


def _lattice(year: MapYear) -> dict[str, int | float] | None:
    said = year.record.grid or {}
    try:
        side = float(said["chip_m"])
        x, y, cell = year.grid.transform.c, year.grid.transform.f, year.grid.transform.a
        return {"row": round(y / cell) - 1, "col": round(x / cell), "side": side}
    except (KeyError, TypeError, ValueError):
        return None


def _coarse(percent: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.where(percent == UNKNOWN, percent, (percent + STEP // 2) // STEP * STEP).astype(np.uint8)


def _change(change: MapChange, index: Mapping[str, int], data: PageData) -> dict[str, Any]:
    tiers, labels = tiers_of(change), [year.label for year in data.years]
    before = labels.index(change.before) if change.before else None
    after = labels.index(change.after) if change.after else None
    numbers = [int(s.numbers.get("site") or i) for i, s in enumerate(change.sites, 1)]
    columns = {
        "from": [index[s.words["from"]] for s in change.sites],
        "to": [index[s.words["to"]] for s in change.sites],
        "tier": [tiers.index(s.words["tier"]) for s in change.sites],
        "number": numbers,
        "alike": [data.alike.get(change.folder, {}).get(number, ()) for number in numbers],
        "area": [_rounded(s.numbers["area_ha"], 4) for s in change.sites],
        "probability": [_rounded(s.numbers["probability"], 3) for s in change.sites],
        "polygons": [_steps(s.polygons, data.meridian) for s in change.sites],
    }
    for name, year in (("before", before), ("after", after)):
        vectors = None if year is None else site_vectors(data.years[year], change.sites, index)
        columns[name] = [None] * len(change.sites) if vectors is None else vectors.tolist()
    evidence = change.evidence
    return {
        "name": change.label,
        "beside": change.label.removeprefix(f"{change.before} to {change.after}").strip(),
        "step": change.step,
        "before": before,
        "after": after,
        "tiers": tiers,
        "tier_words": dict(evidence.tiers) if evidence else {},
        "evidence": evidence.as_json() if evidence else None,
        "origin": _origin(change.record),
        "sites": columns,
    }


def _origin(record: RunRecord) -> dict[str, Any]:
    model = record.details.get("model")
    return {
        "command": record.command,
        "version": record.versions.get("landuse", ""),
        "date": record.created[:10],
        "model": model if isinstance(model, str) else None,
        "squares": record.counts.get("classified"),
    }


def _steps(polygons: Sequence[Sequence[Ring]], meridian: float) -> list[list[list[int]]]:
    return [[_ring_steps(ring, meridian) for ring in rings] for rings in polygons]


def _ring_steps(ring: Ring, meridian: float) -> list[int]:
    points = np.array(ring, np.float64)[:-1, :2]
    if meridian:  # RFC 7946 cuts at 180 degrees, so that a ring lies on one side
        points[:, 0] += 360.0 * (points[:, 0].sum() < 0)
    whole = np.round(points * UNITS_PER_DEGREE).astype(np.int64)
    steps: list[int] = np.diff(whole, axis=0, prepend=0).ravel().tolist()
    return steps


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def packed(values: npt.NDArray[np.uint8]) -> str:
    """Bytes by lines, deflated, in base64. A PNG would be read through a canvas, whose pixels some browsers disguise."""
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()
