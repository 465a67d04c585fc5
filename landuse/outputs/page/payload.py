"""The data of the page, as compact JSON that cannot break out of its script element."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

import numpy as np

from landuse.outputs.page.folders import SPARE_COLOR, MapChange, MapYear, Polygons, Ring
from landuse.outputs.page.imagery import Picture
from landuse.outputs.page.site_pictures import SitePicture

UNITS_PER_DEGREE = 1e6
"""Coordinates are whole millionths of a degree: a tenth of a metre."""


@dataclass(frozen=True)
class PageClass:
    """A class as the page shows it."""

    name: str
    color: str


@dataclass(frozen=True)
class PageData:
    """Everything the page shows; `sites` holds the pictures of each change's sites, by the position of the site.

    `most_zoom` is where a pixel of the screen is about one of the imagery; beyond it there is nothing more to see.
    """

    years: tuple[MapYear, ...]
    changes: tuple[MapChange, ...]
    pictures: tuple[Picture, ...]
    classes: tuple[PageClass, ...]
    sites: tuple[Mapping[int, SitePicture], ...] = ()
    most_zoom: int = 18

    @property
    def several(self) -> bool:
        """Whether squares carry any number of classes; the page then shows one class at a time."""
        return any(year.several for year in self.years)


def occurring_classes(years: Sequence[MapYear], changes: Sequence[MapChange]) -> tuple[PageClass, ...]:
    """The classes that occur in any folder, in the order of the first legend that has them, each with one colour."""
    used = {p.words["class"] for year in years for p in year.places}
    used |= {site.words[end] for change in changes for site in change.sites for end in ("from", "to")}
    colors: dict[str, str] = {}
    for known_colors in [folder.colors for folder in years] + [folder.colors for folder in changes]:
        for name, color in known_colors.items():
            colors.setdefault(name, color)
    known = [name for name in colors if name in used]
    return tuple(PageClass(name, colors.get(name, SPARE_COLOR)) for name in (*known, *sorted(used - set(known))))


def tiers_of(change: MapChange) -> tuple[str, ...]:
    """Names of the tiers of a change, the surest first: as its summary lists them, others by mean probability."""
    found: dict[str, list[float]] = {}
    for site in change.sites:
        found.setdefault(site.words["tier"], []).append(site.numbers["probability"] or 0.0)
    listed = list(change.evidence.tiers) if change.evidence else []
    others = sorted(found.keys() - set(listed), key=lambda tier: (-float(np.mean(found[tier])), tier))
    return (*listed, *others)


def payload(data: PageData) -> str:
    """The page's data as JSON text for a script element."""
    index = {c.name: i for i, c in enumerate(data.classes)}
    labels = [year.label for year in data.years]
    return script_json(
        {
            "several": data.several,
            "most_zoom": data.most_zoom,
            "classes": [{"name": c.name, "color": c.color} for c in data.classes],
            "years": [_year(year, index) for year in data.years],
            "changes": [
                _change(change, index, labels) | {"pictures": _pictures(pictures)}
                for change, pictures in zip(data.changes, data.sites or repeat({}), strict=False)
            ],
            "imagery": [{"label": p.label, "year": p.year, "bounds": p.bounds, "uri": p.uri} for p in data.pictures],
        }
    )


def script_json(value: Any) -> str:  # noqa: ANN401
    """JSON that may stand inside a script element: no character that could end it or start markup."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _year(year: MapYear, index: dict[str, int]) -> dict[str, Any]:
    return {"label": year.label, "places": _year_columns(year, index)}


def _year_columns(year: MapYear, index: dict[str, int]) -> dict[str, Any]:
    return {
        "class": [index[p.words["class"]] for p in year.places],
        "area": [_rounded(p.numbers["area_ha"], 2) for p in year.places],
        "confidence": [_rounded(p.numbers["confidence"], 3) for p in year.places],
        "polygons": [_steps(p.polygons) for p in year.places],
    }


def _change(change: MapChange, index: dict[str, int], labels: list[str]) -> dict[str, Any]:
    tiers = tiers_of(change)
    columns = {
        "from": [index[s.words["from"]] for s in change.sites],
        "to": [index[s.words["to"]] for s in change.sites],
        "tier": [tiers.index(s.words["tier"]) for s in change.sites],
        "number": [int(s.numbers.get("site") or i) for i, s in enumerate(change.sites, 1)],
        "area": [_rounded(s.numbers["area_ha"], 2) for s in change.sites],
        "probability": [_rounded(s.numbers["probability"], 3) for s in change.sites],
        "polygons": [_steps(s.polygons) for s in change.sites],
    }
    before = labels.index(change.before) if change.before else None
    after = labels.index(change.after) if change.after else None
    return {"label": change.label, "before": before, "after": after, "tiers": tiers, "sites": columns}


def _pictures(pictures: Mapping[int, SitePicture]) -> dict[str, Any]:
    return {str(position): asdict(picture) for position, picture in pictures.items()}


def _steps(polygons: Polygons) -> list[list[list[int]]]:
    """Rings as whole-number steps, the closing point left out: [lon, lat, dlon, dlat, ...]."""
    return [[_ring_steps(ring) for ring in rings] for rings in polygons]


def _ring_steps(ring: Ring) -> list[int]:
    points = np.round(np.asarray(ring, np.float64)[:-1, :2] * UNITS_PER_DEGREE).astype(np.int64)
    steps: list[int] = np.diff(points, axis=0, prepend=0).ravel().tolist()
    return steps


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
