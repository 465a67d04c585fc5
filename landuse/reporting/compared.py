"""A folder of `diff` as a report reads it: what was compared, and what its tables say. All of it may be a stranger's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from landuse.change.transitions import NO_DATA, Transition, read_transitions
from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.legend import Legend
from landuse.outputs.page.evidence import MAX_BYTES, Areas, Cells, SummaryPart
from landuse.outputs.record import RECORD, RunRecord, read_record
from landuse.text import date_names

CHANGE, SUMMARY, TRANSITIONS = "change.tif", "summary.json", "transitions.csv"


class Hectares(Areas):
    """The areas that a report speaks of."""

    compared: float


class Summary(SummaryPart):
    """The part of `summary.json` that a report speaks of; `tiers` says what each tier means, the surest first."""

    before: str
    after: str
    cells: Cells
    area_ha: Hectares
    sites: int
    sites_by_tier: dict[str, int]
    tiers: dict[str, str]
    limits: tuple[str, ...] = ()
    note: str | None = None


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
    """A comparison of two maps.

    Attributes:
        folder: of `diff`.
        record: its `run.json`.
        summary: its `summary.json`.
        transitions: the lines of `transitions.csv`.
    """

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
        return maps_of(self.record)

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


OF_CLASSIFY = ("landuse.tif", "probabilities.tif", RECORD)


def maps_of(record: RunRecord) -> tuple[Path | None, Path | None]:
    """The earlier and the later map of a comparison: folders of classify or class GeoTIFFs, None where one is gone."""
    files = [Path(identity.path) for identity in record.inputs]
    named = list(dict.fromkeys(file.parent if file.name in OF_CLASSIFY else file for file in files))
    if len(named) < 2:
        return None, None
    first, last = (path if path.exists() else None for path in (named[0], named[-1]))
    return first, last


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
