"""What the page shows, read from result folders. Everything in a folder may have been written by a stranger."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.outputs.categories import ClassArea, plain_text, read_summary
from landuse.outputs.land_use_map import READ_OF_MAPS
from landuse.outputs.page.evidence import Evidence, read_evidence
from landuse.outputs.page.land_grid import LandGrid, read_land_grid
from landuse.outputs.record import THRESHOLDS, RunRecord, read_record
from landuse.text import told_apart, year_in

CHANGE = "change.geojson"
MAX_GEOJSON = 512 * 2**20
MAX_TEXT = 120
SPARE_COLOR = "#888888"

Ring = Sequence[Sequence[float]]
Polygons = list[list[Ring]]


@dataclass(frozen=True)
class Place:
    """One polygon feature: `words` (class, or from, to and tier), `numbers` (area_ha, confidence, probability), its rings."""

    words: Mapping[str, str]
    numbers: Mapping[str, float | None]
    polygons: Polygons


@dataclass(frozen=True, eq=False)
class MapYear:
    """A classify folder. A map of `several` classes a square has a layer of cells for each class."""

    folder: Path
    label: str
    record: RunRecord
    colors: Mapping[str, str]
    grid: LandGrid
    summary: tuple[ClassArea, ...]
    several: bool = False

    @property
    def mapped_ha(self) -> float:
        """Hectares of mapped ground."""
        if not self.several:
            return sum(line.area_ha for line in self.summary)
        widest = max(self.summary, key=lambda line: line.share, default=None)
        return widest.area_ha / widest.share if widest and widest.share > 0 else 0.0


@dataclass(frozen=True)
class MapChange:
    """A diff folder.

    `before` and `after` are the labels of the maps that it compared, where its record names maps of the page. A `step` is one
    of the folders inside a comparison of three or more maps.
    """

    folder: Path
    label: str
    record: RunRecord
    colors: Mapping[str, str]
    sites: tuple[Place, ...]
    before: str | None
    after: str | None
    evidence: Evidence | None
    step: bool


def read_folders(folders: Sequence[Path]) -> tuple[list[MapYear], list[MapChange]]:
    """Read the folders of `classify` and `diff`; years in the order of time where every label holds a year.

    Raises:
        UsageError: no folder, the same folder twice, or the result of another command.
        SourceNotFoundError: a folder that is no result, or that lacks a file.
        ConfigError: a file in it is damaged.
    """
    if not folders:
        raise UsageError("Give at least one folder that landuse classify or landuse diff wrote.")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("The same folder is given twice.")
    records = {folder: read_record(folder) for folder in folders}
    for folder, record in records.items():
        if record.command not in ("classify", "diff"):
            raise UsageError(
                f"{folder} is the result of landuse {shown_text(record.command)}; "
                "a map is made of folders of landuse classify and diff."
            )
    labels = folder_labels([f for f in folders if records[f].command == "classify"])
    years = [_read_year(folder, label, records[folder]) for folder, label in labels.items()]
    if len({year.several for year in years}) > 1:
        raise UsageError(
            "Maps of one class a square and maps of several cannot share a page; make a page of each kind."
        )
    if all(year_in(year.label) for year in years):
        years.sort(key=lambda year: year_in(year.label) or 0)
    compared = [folder for folder in folders if records[folder].command == "diff"]
    shown = {folder.resolve(): label for folder, label in labels.items()}
    steps = {folder: _steps(folder) for folder in compared}
    twice = {step.resolve() for found in steps.values() for step in found} & {folder.resolve() for folder in compared}
    if twice:
        step = sorted(twice)[0]
        raise UsageError(f"{step} is a step of {step.parent.name}, which shows it already: give only one of the two.")
    whole = [folder for folder in compared if (folder / CHANGE).is_file() or not steps[folder]]
    changes = [_read_change(folder, shown, step=False) for folder in whole]
    changes += [_read_change(step, shown, step=True) for folder in compared for step in steps[folder]]
    return years, _told_apart(changes)


def _told_apart(changes: Sequence[MapChange]) -> list[MapChange]:
    counts = Counter(change.label for change in changes)
    named = [replace(c, label=f"{c.label} ({_step_name(c.folder)})") if counts[c.label] > 1 else c for c in changes]
    counts = Counter(change.label for change in named)
    return [replace(c, label=f"{c.label} {number}") if counts[c.label] > 1 else c for number, c in enumerate(named, 1)]


def _step_name(folder: Path) -> str:
    """The name of a folder, without the number that a comparison of several steps put before it."""
    name = shown_text(folder.resolve().name)
    return name.removeprefix(f"{_digits(name)}_") or name


def _steps(folder: Path) -> list[Path]:
    found = [path.parent for path in folder.glob(f"*/{CHANGE}")]
    return sorted(found, key=lambda path: (int(_digits(path.name) or 0), path.name))


def _digits(name: str) -> str:
    """The number with which a name begins, empty where there is none; of a stranger's, as many digits as make sense."""
    found = re.match(r"\d{1,9}(?=_)", name)
    return found[0] if found else ""


def folder_labels(folders: Sequence[Path]) -> dict[Path, str]:
    """What people call each folder: the year in its name if that is enough to tell them apart, else its name.

    Folders of one name are called by those above them too: ``2014/map`` and ``2020/map`` by their years.
    """
    places = [folder.resolve() for folder in folders]
    own, apart = [place.name for place in places], told_apart(places)
    for names in (map(_year_or_name, own), own, map(_year_or_name, apart), apart):
        labels = dict(zip(folders, map(shown_text, names), strict=True))
        if len(set(labels.values())) == len(folders):
            return labels
    return {
        folder: f"{_year_or_name(name)} ({number})"
        for number, (folder, name) in enumerate(zip(folders, own, strict=True), 1)
    }


def _year_or_name(name: str) -> str:
    year = year_in(name)
    return name if year is None else str(year)


def _read_year(folder: Path, label: str, record: RunRecord) -> MapYear:
    colors, summary = _colors(folder, record), read_summary(folder / "summary.csv")
    grid = read_land_grid(folder, record)
    grid = replace(grid, names=tuple(map(shown_text, grid.names)))
    return MapYear(folder, label, record, colors, grid, summary, record.details.get(THRESHOLDS) is not None)


def _read_change(folder: Path, years: Mapping[Path, str], *, step: bool) -> MapChange:
    record = read_record(folder)
    sites = tuple(read_places(folder / CHANGE, ("from", "to", "tier"), ("site", "area_ha", "probability")))
    named = dict.fromkeys(_compared(identity, years) for identity in record.inputs)
    compared = [name for name in named if name in years.values()]
    before, after = (compared[0], compared[-1]) if len(compared) > 1 else (None, None)
    label = f"{before} to {after}" if before else shown_text(folder.resolve().name)
    evidence = read_evidence(folder / "summary.json")
    return MapChange(folder, label, record, _colors(folder, record), sites, before, after, evidence, step)


def _compared(identity: Any, years: Mapping[Path, str]) -> str:  # noqa: ANN401
    """Label of the map that an input of `diff` belongs to: by the place of its folder, else by the name of it or of a file."""
    path = Path(identity.path)
    inside = path.name in READ_OF_MAPS
    place = (path.parent if inside else path).resolve()
    return years.get(place) or shown_text(_year_or_name(place.name))


def _colors(folder: Path, record: RunRecord) -> dict[str, str]:
    if record.legend is None:
        return {}
    try:
        legend = Legend.model_validate(record.legend)
    except ValidationError as error:
        raise ConfigError(f"{folder / 'run.json'} is damaged: its legend is no legend.") from error
    return {shown_text(c.name): c.color for c in legend.classes}


def read_places(path: Path, words: Sequence[str], numbers: Sequence[str]) -> Iterator[Place]:
    """The polygons of a GeoJSON file with the properties named; others are left alone."""
    for feature in _features(path):
        try:
            properties = feature.get("properties") or {}
            polygons = _polygons(feature["geometry"])
            named = {name: shown_text(str(properties.get(name) or "")) for name in words}
            yield Place(named, {name: _number(properties.get(name)) for name in numbers}, polygons)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path} is damaged: it holds a feature that is no polygon in degrees.") from error


def _features(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise SourceNotFoundError(
            f"There is no file {path}, so {path.parent} is not whole; write it again with landuse."
        )
    if path.stat().st_size > MAX_GEOJSON:
        raise UsageError(f"{path} is too large for one page ({path.stat().st_size / 1e6:,.0f} MB); map a smaller area.")
    try:
        features = json.loads(path.read_text(encoding="utf8"))["features"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: it is no GeoJSON file.") from error
    if not isinstance(features, list):
        raise ConfigError(f"{path} is damaged: it is no GeoJSON file.")
    return features


def _polygons(geometry: Mapping[str, Any]) -> Polygons:
    """Rings of a Polygon or MultiPolygon. Raises `ValueError` for anything else, or for what lies off the globe."""
    coordinates = geometry["coordinates"]
    polygons: Polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        raise ValueError(geometry["type"])
    for lon, lat in (point[:2] for rings in polygons for ring in rings for point in ring):
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise ValueError("off the globe")
    if any(len(ring) < 4 for rings in polygons for ring in rings) or not all(polygons):
        raise ValueError("a ring without area")
    return polygons


def _number(value: Any) -> float | None:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def shown_text(text: str) -> str:
    """One line of text of bounded length, without signs that nobody sees, such as those that turn the writing around."""
    plain = plain_text(text)
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
    return flat if len(flat) <= MAX_TEXT else flat[: MAX_TEXT - 1] + "…"
