"""What a labelled sample says: areas of classes and transitions, the accuracy of the map, and how far two people agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landuse.errors import ConfigError
from landuse.evaluation.estimators import Z95, Estimate, MapEstimates, StratifiedSample, estimate_map
from landuse.evaluation.metrics import kappa
from landuse.evaluation.sample_files import Answer, Size, Unit, spelled
from landuse.outputs.tables import safe_cell, write_csv, write_json

KINDS = ("before", "after", "transition")
ARROW = " -> "
FEW = 10
"""Units of a class below which its interval is too narrow to be trusted: the normal distribution is not yet near."""

SHOWN = 5
"""Classes that a sentence names."""


@dataclass(frozen=True, eq=False)
class Part:
    """One map of the assessment: the classes before, those after, or the transitions.

    Attributes:
        kind: "before", "after" or "transition".
        names: its classes.
        mapped: (n,) position in `names` of each unit in the map.
        reference: (n,) the same on the ground.
        found: the estimates.
        mapped_ha: (K,) hectares of each class in the map: as the sample tells, or those of the map itself (`beside_map`).
    """

    kind: str
    names: tuple[str, ...]
    mapped: npt.NDArray[np.int64]
    reference: npt.NDArray[np.int64]
    found: MapEstimates
    mapped_ha: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Assessment:
    """Everything that a labelled sample says.

    Attributes:
        parts: by kind.
        sample: the answered units, in their strata.
        rows: the same units, in that order.
        unsure: units that were looked at and cannot be told.
        notes: sentences on what the sample cannot say.
    """

    parts: dict[str, Part]
    sample: StratifiedSample
    rows: tuple[Unit, ...]
    unsure: int
    notes: tuple[str, ...]

    @property
    def answered(self) -> int:
        """Units whose classes are told at both dates."""
        return len(self.rows)

    def beside_map(self, mapped: Mapping[str, Mapping[str, float]]) -> Assessment:
        """The same, with the hectares that the map itself has by kind and name; kinds that are not given stay."""
        parts = {
            kind: replace(part, mapped_ha=np.array([mapped[kind].get(name, 0.0) for name in part.names]))
            for kind, part in self.parts.items()
            if kind in mapped
        }
        return replace(self, parts=self.parts | parts)

    def write(self, folder: Path) -> None:
        """Write areas.csv, accuracy.json and matrix.csv."""
        header = ("kind", "name", "area_ha", "se_ha", "low_ha", "high_ha", "mapped_ha", "units")
        write_csv(folder / "areas.csv", header, (line for part in self.parts.values() for line in _area_lines(part)))
        write_json(folder / "accuracy.json", self.figures())
        _write_matrix(folder / "matrix.csv", self.parts["transition"])

    def figures(self) -> dict[str, object]:
        """What accuracy.json holds: the change map first, then the map of each date. Undefined is null."""
        dates = {kind: _accuracy(self.parts[kind]) for kind in ("before", "after")}
        counts = {"units": self.answered, "unsure": self.unsure, "notes": list(self.notes)}
        return _accuracy(self.parts["transition"]) | dates | counts


def assess_sample(units: Mapping[str, Unit], answers: Sequence[Answer], sizes: Mapping[str, Size]) -> Assessment:
    """Estimate areas and accuracies from answers.

    Units without an answer, or whose answer is "unsure", are left out, as if they had not been drawn. A stratum with an area
    and no answer is left out with its area, and said.

    Raises:
        ConfigError: an answer is for a unit that was not drawn, a stratum has no area, or nothing is answered.
    """
    alien = [answer.id for answer in answers if answer.id not in units]
    if alien:
        raise ConfigError(
            f"Sample {alien[0][:40]!r} is not of this design; give the folder of its design with --design."
        )
    mapped = dict.fromkeys(name for unit in units.values() for name in (*unit.mapped, *unit.change))
    known = [answer for answer in spelled(answers, mapped) if answer.known]
    if not known:
        raise ConfigError("No unit of the sample has both its classes, before and after, so nothing can be estimated.")
    rows = [units[answer.id] for answer in known]
    lacking = sorted({unit.stratum for unit in rows} - sizes.keys())
    if lacking:
        raise ConfigError(f"The strata say nothing of stratum {lacking[0][:40]!r}.")
    strata = [name for name in sizes if any(unit.stratum == name for unit in rows)]
    place = {name: number for number, name in enumerate(strata)}
    stratum = np.array([place[unit.stratum] for unit in rows], np.int64)
    areas, cells = ([getattr(sizes[name], what) for name in strata] for what in ("area_ha", "cells"))
    sample = StratifiedSample(stratum, np.array(areas), sizes=np.array(cells))
    ground = [(answer.before, answer.after) for answer in known]
    parts = {
        "before": _part("before", sample, [u.mapped[0] for u in rows], [g[0] for g in ground]),
        "after": _part("after", sample, [u.change[1] for u in rows], [g[1] for g in ground]),
        "transition": _part(
            "transition", sample, [ARROW.join(u.change) for u in rows], [ARROW.join(g) for g in ground]
        ),
    }
    unsure = sum(bool(answer.before or answer.after) for answer in answers) - len(known)
    strange = sorted({name for pair in ground for name in pair} - mapped.keys())
    notes = (*_strange(strange), *_notes(sample, strata, sizes, unsure, parts))
    return Assessment(parts, sample, tuple(rows), unsure, notes)


def _strange(names: Sequence[str]) -> Iterable[str]:
    """What is to be said of classes that answers name and the maps do not have at any unit."""
    if names:
        yield f"The maps have no {', '.join(names[:SHOWN])} at any unit, and answers do: mend the answers if this is a slip."


def _part(kind: str, sample: StratifiedSample, mapped: Sequence[str], reference: Sequence[str]) -> Part:
    names = tuple(dict.fromkeys([*sorted(mapped), *sorted(reference)]))
    index = {name: number for number, name in enumerate(names)}
    on_map, on_ground = (np.array([index[name] for name in column], np.int64) for column in (mapped, reference))
    found = estimate_map(sample, on_map, on_ground, len(names))
    hectares = found.proportions.sum(axis=1) * sample.areas.sum()
    return Part(kind, names, on_map, on_ground, found, hectares)


def _notes(
    sample: StratifiedSample, strata: Sequence[str], sizes: Mapping[str, Size], unsure: int, parts: Mapping[str, Part]
) -> Iterable[str]:
    empty = [name for name, size in sizes.items() if name not in strata and size.area_ha > 0]
    if empty:
        left = sum(sizes[name].area_ha for name in empty)
        yield f"No answer lies in {_listed('stratum', empty)}, so its {left:,.1f} ha are left out of every figure."
    lone = [strata[i] for i in np.flatnonzero((sample.units == 1) & (sample.not_drawn > 0)).tolist()]
    if lone:
        yield f"One answer alone lies in {_listed('stratum', lone)}: errors and intervals are withheld until there are two."
    if unsure:
        yield f"{unsure:,} units were looked at and cannot be told; they are left out, as if they had not been drawn."
    few = [n for part in parts.values() for n, c in zip(part.names, _units(part), strict=True) if 0 < c < FEW]
    if few:
        yield f"Fewer than {FEW} units were found of {', '.join(few)}: their intervals may be too narrow."


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what} {', '.join(names)}"


def _units(part: Part) -> list[int]:
    counts: list[int] = np.bincount(part.reference, minlength=len(part.names)).tolist()
    return counts


def _area_lines(part: Part) -> Iterable[tuple[object, ...]]:
    area = part.found.areas
    for k, name in enumerate(part.names):
        value, error = float(area.value[k]), float(area.error[k])
        interval = (value - Z95 * error, value + Z95 * error)
        told = [_cell(error), _cell(max(0.0, interval[0])), _cell(interval[1])] if np.isfinite(error) else ["", "", ""]
        yield part.kind, safe_cell(name), _cell(value), *told, _cell(float(part.mapped_ha[k])), _units(part)[k]


def _cell(value: float) -> str:
    return f"{value:.4f}"


def _accuracy(part: Part) -> dict[str, object]:
    found = part.found
    return {
        "overall": _told(found.overall, 0),
        "users": {name: _told(found.users, k) for k, name in enumerate(part.names)},
        "producers": {name: _told(found.producers, k) for k, name in enumerate(part.names)},
        "quantity": found.quantity,
        "allocation": found.allocation,
        "exchange": found.exchange,
        "shift": found.shift,
    }


def _told(estimate: Estimate, k: int) -> dict[str, float | None]:
    """A share with its standard error and interval, which lies between 0 and 1; None is what the sample cannot say."""
    value, error = float(estimate.value[k]), float(estimate.error[k])
    low, high = max(0.0, value - Z95 * error), min(1.0, value + Z95 * error)
    named = {"value": value, "se": error, "low": low, "high": high}
    if not np.isfinite(error):
        named |= {"se": np.nan, "low": np.nan, "high": np.nan}
    return {name: number if np.isfinite(number) else None for name, number in named.items()}


def _write_matrix(path: Path, part: Part) -> None:
    """Area shares of the land: a line a mapped transition, a column a transition on the ground."""
    safe = [safe_cell(name) for name in part.names]
    shares = zip(safe, part.found.proportions, strict=True)
    write_csv(path, ["mapped", *safe], ([name, *(f"{x:.8f}" for x in row)] for name, row in shares))


@dataclass(frozen=True)
class Agreement:
    """How far two people see the same.

    Attributes:
        compared: units that both have told.
        kappa: Cohen's, of the classes before and after together; None where chance alone would agree.
        same: share of units on which they agree.
        apart: units that they see differently: id, what the first saw, what the second saw.
    """

    compared: int
    kappa: float | None
    same: float
    apart: tuple[tuple[str, str, str], ...]

    def figures(self) -> dict[str, object]:
        """What agreement.json holds."""
        return {"units": self.compared, "agreement": self.same, "kappa": self.kappa, "disagreements": len(self.apart)}


def agreement(first: Sequence[Answer], second: Sequence[Answer]) -> Agreement:
    """Compare two interpreters on the units that both have told. Raises `ConfigError` where there is none."""
    names = [name for answer in first for name in (answer.before, answer.after)]
    other = {answer.id: answer for answer in spelled(second, names) if answer.known}
    both = [(answer, other[answer.id]) for answer in spelled(first, ()) if answer.known and answer.id in other]
    if not both:
        raise ConfigError("The two tables have no unit that both answer, so they cannot be compared.")
    pairs = [(ARROW.join((a.before, a.after)), ARROW.join((b.before, b.after))) for a, b in both]
    names = sorted({name for pair in pairs for name in pair})
    matrix = np.zeros((len(names), len(names)), np.int64)
    for one, two in pairs:
        matrix[names.index(one), names.index(two)] += 1
    apart = tuple((a.id, *pair) for (a, _), pair in zip(both, pairs, strict=True) if pair[0] != pair[1])
    return Agreement(len(both), kappa(matrix), 1 - len(apart) / len(both), apart)


def write_disagreements(path: Path, found: Agreement) -> None:
    """Write the units that two people see differently."""
    write_csv(path, ("sample_id", "first", "second"), ([safe_cell(text) for text in line] for line in found.apart))
