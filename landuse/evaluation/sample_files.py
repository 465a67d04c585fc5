"""The files of an assessment: the sample that people label, what the map says of it, and its strata."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.legend import same_name
from landuse.outputs.tables import cell_text, safe_cell, write_csv

SAMPLE, KEY, STRATA, PAGE = "sample.csv", "key.csv", "strata.csv", "label.html"
UNSURE = "unsure"
MOST_ROWS = 1_000_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Unit:
    """A sampled cell.

    Attributes:
        id: of the unit.
        lon, lat: of its middle, in degrees.
        chip_id: of its cell, empty where the maps are not of chips.
        stratum: number of its stratum; its name would betray the map.
        mapped: class before and after in the two maps.
        change: class before and after as the change map has it: the same twice where no change is confirmed.
    """

    id: str
    lon: float
    lat: float
    chip_id: str
    stratum: str
    mapped: tuple[str, str]
    change: tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """What a person saw at a unit: the class at both dates; empty where not answered, "unsure" where it cannot be told."""

    id: str
    before: str
    after: str

    @property
    def known(self) -> bool:
        """Whether both classes are told."""
        return all(found and found.casefold() != UNSURE for found in (self.before, self.after))


@dataclass(frozen=True, slots=True)
class Size:
    """What a stratum covers.

    Attributes:
        area_ha: hectares.
        cells: cells of the map, drawn or not; infinity where nobody counted them.
    """

    area_ha: float
    cells: float = np.inf


def spelled(answers: Iterable[Answer], names: Iterable[str]) -> list[Answer]:
    """The answers with each class as it is spelled first, in `names` or else here: capitals make no other class."""
    answers = list(answers)
    every = [*names, *(name for answer in answers for name in (answer.before, answer.after))]
    spelling = {same_name(name): name for name in reversed(every)}
    return [Answer(a.id, spelling[same_name(a.before)], spelling[same_name(a.after)]) for a in answers]


def write_sample(folder: Path, units: Sequence[Unit]) -> None:
    """Write the sample to be labelled, which says nothing of the map's classes, and the key, which does."""
    write_lines(
        folder / SAMPLE,
        ("sample_id", "lon", "lat", "chip_id", "stratum", "before", "after"),
        ((u.id, f"{u.lon:.7f}", f"{u.lat:.7f}", u.chip_id, u.stratum, "", "") for u in units),
    )
    write_lines(
        folder / KEY,
        ("sample_id", "before", "after", "from", "to"),
        ((u.id, *u.mapped, *u.change) for u in units),
    )


def write_strata(path: Path, names: Sequence[str], cells: Iterable[int], areas: Iterable[float]) -> None:
    """Write a line a stratum, areas in hectares. Strata are numbered from 1 in the order of `names`."""
    rows = enumerate(zip(names, cells, areas, strict=True), 1)
    lines = ((number, count, f"{area:.6f}", name) for number, (name, count, area) in rows)
    write_lines(path, ("stratum", "cells", "area_ha", "name"), lines)


def read_answers(path: Path) -> list[Answer]:
    """The answers of a labelled sample. Raises `ConfigError` where it lacks a column or names a unit twice."""
    rows = read_table(path, ("sample_id", "before", "after"))
    answers = [Answer(row["sample_id"], row["before"], row["after"]) for row in rows]
    _check_once(path, [answer.id for answer in answers])
    return answers


def read_strata(path: Path) -> dict[str, Size]:
    """The size of each stratum by its number (or name). Raises `ConfigError` where an area is no number from 0 upwards."""
    rows = read_table(path, ("stratum", "area_ha"))
    _check_once(path, [row["stratum"] for row in rows])
    return {row["stratum"]: Size(_area(path, row["area_ha"]), _cells(path, row.get("cells", ""))) for row in rows}


def read_units(sample: Path, key: Path) -> dict[str, Unit]:
    """The units of a design by their id: place and stratum from its sample, the map's classes from its key."""
    columns = ("sample_id", "before", "after")
    said = {row["sample_id"]: row for row in read_table(key, columns)}
    units = {}
    for row in read_table(sample, ("sample_id", "stratum")):
        if row["sample_id"] not in said:
            raise ConfigError(f"{key} says nothing of sample {row['sample_id'][:40]!r} of {sample}.")
        units[row["sample_id"]] = _unit(row, said[row["sample_id"]])
    return units


def _unit(row: Mapping[str, str], key: Mapping[str, str]) -> Unit:
    mapped = key["before"], key["after"]
    return Unit(
        id=row["sample_id"],
        lon=_number(row.get("lon", "").replace(",", ".")),
        lat=_number(row.get("lat", "").replace(",", ".")),
        chip_id=row.get("chip_id", ""),
        stratum=row["stratum"],
        mapped=mapped,
        change=(key.get("from") or mapped[0], key.get("to") or mapped[1]),
    )


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV as texts, however a spreadsheet saved it: semicolons or tabs, capitals in the header, empty rows.

    Raises:
        ConfigError: a column is missing, or the file is no table in UTF-8.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            names = next(csv.reader([header], delimiter=(separator := max(",;\t", key=header.count))), [])
            reader = csv.DictReader(stream, [name.strip().casefold() for name in names], delimiter=separator)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path} has no column {missing[0]!r}.")
            rows = [{k: cell_text((v or "").strip()) for k, v in row.items() if k} for row in reader]
            rows = [row for row in rows if any(row.values())]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no table of comma-separated values in UTF-8.") from error
    if len(rows) > MOST_ROWS:
        raise ConfigError(f"{path} has more than {MOST_ROWS:,} rows.")
    return rows


def _check_once(path: Path, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ConfigError(f"{path} has {one[:40]!r} twice.")
        seen.add(one)


def _area(path: Path, text: str) -> float:
    value = _number(text)
    if not value >= 0:
        raise ConfigError(f"{path}: {text[:40]!r} is no area in hectares.")
    return value


def _cells(path: Path, text: str) -> float:
    """How many cells a stratum has; endless where nothing is said."""
    value = _number(text) if text else np.inf
    if not value >= 0:
        raise ConfigError(f"{path}: {text[:40]!r} is no number of cells.")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def write_lines(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV. No text in it is taken for a formula by a spreadsheet."""
    safe = ([safe_cell(x) if isinstance(x, str) and not _is_number(x) else x for x in row] for row in rows)
    write_csv(path, header, safe)


def _is_number(text: str) -> bool:
    return not np.isnan(_number(text))
