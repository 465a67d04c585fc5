"""What a sample that people labelled says of a comparison: areas with intervals, and how right the map is."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from landuse.errors import ConfigError, SourceNotFoundError, UsageError
from landuse.outputs.record import read_record
from landuse.outputs.tables import cell_text
from landuse.reporting.compared import Compared

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
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}; estimate the sample again with landuse assess.")
    try:
        with path.open(encoding="utf8", newline="") as stream:
            return {(line["kind"], cell_text(line["name"])): _interval(line) for line in csv.DictReader(stream)}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged: it is no table of areas of landuse assess.") from error


def _interval(line: Mapping[str, str]) -> Interval:
    low, high = (float(line[name]) if line[name] else None for name in ("low_ha", "high_ha"))
    return Interval(float(line["area_ha"]), low, high)


def _accuracy(path: Path) -> Accuracy:
    try:
        return Accuracy.model_validate(json.loads(path.read_text(encoding="utf8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"{path} is missing or damaged; estimate the sample again with landuse assess.") from error
