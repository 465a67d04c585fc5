"""Areas within districts, from one sample of the whole map: estimation for domains (Stehman 2014, equations 27 and 28).

The share of a class in a district is a ratio of two means over the land: of units of the class within it, and of all units
within it. Times the ground that the maps compare there, it is an area. A district that few units lie in has no such figure: the
sample was drawn for the whole map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from landuse.evaluation.assessment import ARROW, Assessment, Part
from landuse.evaluation.estimators import Z95, Floats
from landuse.outputs.tables import Table, Value, safe_cell

LEAST_UNITS = 20
"""Answered units in a district below which nothing is estimated for it."""
LEAST_OF_CLASS = 5
"""Units of a class in a district below which its interval is withheld: it would miss the truth more often than it says."""
HEADER = ("district", "kind", "name", "area_ha", "se_ha", "low_ha", "high_ha", "mapped_ha", "units")
NOT_COMPARED = "(not compared)"
Mask = npt.NDArray[np.bool_]
MappedAreas = Mapping[tuple[str, str], Floats]
"""Class before and after in the change map -> hectares (m,) in each district."""


def district_table(
    found: Assessment, areas: Mapping[str, float], inside: Sequence[Mask], mapped: MappedAreas
) -> tuple[Table, tuple[str, ...]]:
    """The table of districts, and the sentences on what is withheld in it.

    Args:
        found: what the whole sample says.
        areas: hectares of each of m districts by its name; with what is not compared, the lines of each kind add up to them.
        inside: the units (n,) that lie in each.
        mapped: what the change map says.
    """
    few = [name for name, units in zip(areas, inside, strict=True) if units.sum() < LEAST_UNITS]
    rows = [
        row
        for number, (name, units) in enumerate(zip(areas, inside, strict=True))
        for part in found.parts.values()
        for row in _rows(
            found, part, (name, areas[name]), units, {pair: float(ha[number]) for pair, ha in mapped.items()}
        )
    ]
    note = f"Fewer than {LEAST_UNITS} answered units lie in {', '.join(few)}: nothing is estimated there."
    return (HEADER, rows), (note,) if few else ()


def _rows(
    found: Assessment, part: Part, district: tuple[str, float], inside: Mask, mapped: Mapping[tuple[str, str], float]
) -> Iterator[tuple[Value, ...]]:
    """The lines of one kind in a district of that name and area: each class that is met or mapped there, and the rest."""
    name, whole = district
    compared = sum(mapped.values())
    units = np.bincount(part.reference[inside], minlength=len(part.names))
    in_map = dict.fromkeys(part.names, 0.0)
    for pair, hectares in mapped.items():
        named = {"before": pair[0], "after": pair[1]}.get(part.kind, ARROW.join(pair))
        in_map[named] = in_map.get(named, 0.0) + hectares
    of_class = (part.reference[:, None] == np.arange(len(part.names))) & inside[:, None]
    area = found.sample.ratio(of_class, inside).times(compared)
    for k, one in enumerate(in_map):
        count = int(units[k]) if k < len(units) else 0
        if count or in_map[one]:
            told: tuple[Value, ...] = (None,) * 4
            if inside.sum() >= LEAST_UNITS:
                value, error = (float(side[k]) if k < len(units) else 0.0 for side in (area.value, area.error))
                sure = count >= LEAST_OF_CLASS and np.isfinite(error)
                interval = (error, max(0.0, value - Z95 * error), min(compared, value + Z95 * error))
                told = (round(value, 4), *(round(x, 4) if sure else None for x in interval))
            yield safe_cell(name), part.kind, safe_cell(one), *told, round(in_map[one], 4), count
    rest = round(max(whole - compared, 0.0), 4)
    yield safe_cell(name), part.kind, NOT_COMPARED, rest, None, None, None, rest, 0
