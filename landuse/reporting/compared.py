"""A folder of `diff` as a report reads it: what was compared, and what its tables say. All of it may be a stranger's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from landuse.change.result import compared_maps
from landuse.change.transitions import NO_DATA, Transition, read_transitions
from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.outputs.page.evidence import MAX_BYTES, Areas, Evidence
from landuse.outputs.record import RECORD, RunRecord, read_record
from landuse.outputs.tables import read_csv
from landuse.text import date_names

CHANGE, SUMMARY, TRANSITIONS = "change.tif", "summary.json", "transitions.csv"


class Hectares(Areas):
    """The areas that a report speaks of."""

    compared: float


class Summary(Evidence):
    """The part of `summary.json` that a report speaks of; `tiers` says what each tier means, the surest first."""

    before: str
    after: str
    area_ha: Hectares
    sites: int
    sites_by_tier: dict[str, int]


@dataclass(frozen=True)
class ClassChange:
    """Hectares of a class on the ground that both maps cover: by their labels, and what is confirmed as gained and lost."""

    name: str
    color: str
    before_ha: float
    after_ha: float
    gained_ha: float
    lost_ha: float


@dataclass(frozen=True)
class Compared:
    """A comparison of two maps."""

    folder: Path
    record: RunRecord
    summary: Summary
    legend: Legend
    transitions: tuple[Transition, ...]

    @property
    def dates(self) -> tuple[str, str]:
        """What people call the two dates."""
        return date_names(self.summary.before, self.summary.after)

    @property
    def maps(self) -> tuple[Path | None, Path | None]:
        """The earlier and the later map."""
        return maps_of(self.folder, self.record)

    def classes(self) -> list[ClassChange]:
        """The classes that occur at either date, in the order of the legend."""
        lines = [self._class(c.name, c.color) for c in self.legend.classes]
        return [line for line in lines if line.before_ha or line.after_ha]

    def _class(self, name: str, color: str) -> ClassChange:
        both = [line for line in self.transitions if NO_DATA not in (line.before, line.after)]
        return ClassChange(
            name,
            color,
            sum(line.area_ha for line in both if line.before == name),
            sum(line.area_ha for line in both if line.after == name),
            sum(line.confirmed_ha for line in both if line.after == name and line.before != name),
            sum(line.confirmed_ha for line in both if line.before == name and line.after != name),
        )

    def confirmed(self) -> list[Transition]:
        """The confirmed transitions, the largest first."""
        found = [line for line in self.transitions if line.confirmed_cells and line.before != line.after]
        return sorted(found, key=lambda line: (-line.confirmed_ha, line.before, line.after))


def maps_of(folder: Path, record: RunRecord) -> tuple[Path | None, Path | None]:
    """The earlier and the later map of a comparison: folders of classify or class GeoTIFFs, None where one is gone."""
    maps = [path if path.exists() else None for path in compared_maps(folder, record)]
    return (maps[0], maps[-1]) if maps else (None, None)


def read_compared(folder: Path) -> Compared:
    """Read a folder of `diff`.

    Raises:
        SourceNotFoundError: it is the result of another command, or a file is missing.
        UsageError: it compares maps of several classes a square, which have a folder each.
        ConfigError: a file is damaged.
    """
    record = read_record(folder)
    if record.command != "diff":
        raise SourceNotFoundError(f"{folder} is the result of landuse {record.command}; give a folder of landuse diff.")
    if not (folder / CHANGE).is_file() and (parts := sorted(folder.glob(f"*/{CHANGE}"))):
        raise UsageError(
            f"{folder} compares maps of several classes a square, class by class; give the folder of one class, such as "
            f"{parts[0].parent}."
        )
    legend = _legend(folder, record)
    return Compared(folder, record, _summary(folder / SUMMARY), legend, read_transitions(folder / TRANSITIONS))


def _legend(folder: Path, record: RunRecord) -> Legend:
    try:
        return Legend.model_validate(record.legend)
    except ValidationError as error:
        raise ConfigError(f"{folder / RECORD} is damaged: its legend is no legend.") from error


def _summary(path: Path) -> Summary:
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}, so {path.parent} is not whole; compare the maps again.")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} is too large for the summary of a comparison.")
    try:
        return Summary.model_validate_json(path.read_text(encoding="utf8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is damaged: it is not the summary of a comparison.") from error


def largest(lines: Sequence[Transition], most: int) -> tuple[list[Transition], float]:
    """The first lines, and the confirmed hectares of those that are left out."""
    return list(lines[:most]), sum(line.confirmed_ha for line in lines[most:])


AREAS, ACCURACY = "areas.csv", "accuracy.json"
CLOSE = 0.005
"""How far, as a share, the sampled and the compared ground may differ."""


@dataclass(frozen=True)
class Interval:
    """Hectares with their 95 % interval, which is None where the sample is too small to tell it."""

    area_ha: float
    low_ha: float | None
    high_ha: float | None


class Share(BaseModel):
    """A share with its 95 % interval; None is what the sample cannot say."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    value: float | None
    low: float | None = None
    high: float | None = None


class _Map(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    overall: Share


class Accuracy(_Map):
    """The part of `accuracy.json` that a report speaks of: of the change map, and of the map of each date."""

    before: _Map
    after: _Map
    units: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A labelled sample: intervals by kind ("before", "after", "transition") and name, and accuracy."""

    areas: Mapping[tuple[str, str], Interval]
    accuracy: Accuracy

    def change(self, before: str, after: str) -> Interval | None:
        """What the ground says of a transition."""
        return self.areas.get(("transition", f"{before} -> {after}"))


def read_sample(folder: Path, compared: Compared) -> Sample:
    """Read a folder of `assess estimate`.

    Raises:
        SourceNotFoundError: it is none.
        UsageError: it is about another comparison.
        ConfigError: a file is damaged.
    """
    record = read_record(folder)
    if record.command != "assess estimate":
        raise SourceNotFoundError(
            f"{folder} is the result of landuse {record.command}; --assess takes a folder of landuse assess estimate."
        )
    sample = Sample(_areas(folder / AREAS), _accuracy(folder / ACCURACY))
    names = {name for kind, name in sample.areas if kind != "transition"}
    total = sum(line.area_ha for (kind, _), line in sample.areas.items() if kind == "before")
    ground = compared.summary.area_ha.compared
    left_out = any("left out of every figure" in note for note in sample.accuracy.notes)
    if not names <= set(compared.legend.names) or total > ground * (1 + CLOSE):
        raise _alien(folder, compared)
    if total < ground * (1 - CLOSE) and not left_out:
        raise _alien(folder, compared)
    return sample


def _alien(folder: Path, compared: Compared) -> UsageError:
    return UsageError(
        f"{folder} is about other ground or other classes than {compared.folder}; give the estimate of a sample of this change."
    )


def _areas(path: Path) -> dict[tuple[str, str], Interval]:
    columns = ("kind", "name", "area_ha", "low_ha", "high_ha")
    return dict(read_csv(path, columns, "table of areas of landuse assess", _interval))


def _interval(line: Mapping[str, str]) -> tuple[tuple[str, str], Interval]:
    low, high = (float(line[name]) if line[name] else None for name in ("low_ha", "high_ha"))
    return (line["kind"], line["name"]), Interval(float(line["area_ha"]), low, high)


def _accuracy(path: Path) -> Accuracy:
    try:
        return Accuracy.model_validate(json.loads(path.read_text(encoding="utf8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"{path} is missing or damaged; estimate the sample again with landuse assess.") from error
