"""One legend for two maps, and each map in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from landuse.change.maps import ClassMap
from landuse.change.pixels import RecodedPixels
from landuse.errors import ConfigError
from landuse.legend import MOST_CLASSES, MOST_CODE, UNMAPPED, LandClass, Legend


def in_legend(land: ClassMap, legend: Legend) -> ClassMap:
    """The map with its classes recoded, by name, to those of `legend`, which holds every class that occurs in it."""
    table = np.zeros(MOST_CODE + 1, legend.dtype)
    members = np.zeros((len(legend), len(land.legend)), bool)
    for own, c in enumerate(land.legend.classes):
        place = legend.place_of(c.name)
        table[c.code] = legend.codes[place] if place >= 0 else UNMAPPED
        if place >= 0:
            members[place, own] = True
    return replace(land, pixels=RecodedPixels(land.pixels, table, members), legend=legend)


def common_legend(before: ClassMap, after: ClassMap) -> Legend:
    """One legend for both maps, by class name; codes are those of the earlier map wherever they are free.

    Where a code is above 255 the classes are numbered from 1 instead, with their own code as source: pairs of classes are
    counted in a table of 256 x 256.

    Raises:
        ConfigError: a class that occurs in one map is none of the other's, so that comparing them would flag all its cells.
    """
    for one, other in ((before, after), (after, before)):
        alien = [name for name in one.occurring if other.legend.place_of(name) < 0]
        answered = any(one.legend.place_of(name) < 0 for name in other.occurring)
        if alien and not (other.open and (not answered or (one.numbered and other.numbered))):
            raise ConfigError(
                f"{one.name} has the class {alien[0]!r}, which {other.name} does not know; compare both in common classes "
                "with --regroup, for example --regroup groups3, or name the codes with --legend."
            )
    classes = list(before.legend.classes)
    for c in after.legend.classes:
        if before.legend.place_of(c.name) < 0:
            classes.append(c.model_copy(update={"code": _free_code(classes, c.code)}))
    if max(c.code for c in classes) > MOST_CLASSES:
        classes = [c.model_copy(update={"code": n, "sources": (c.code,)}) for n, c in enumerate(classes, 1)]
    return before.legend.with_classes(classes)


def _free_code(classes: list[LandClass], wanted: int) -> int:
    taken = {c.code for c in classes}
    for code in (wanted, *range(1, MOST_CLASSES + 1)):
        if code not in taken and len(taken) < MOST_CLASSES:
            return int(code)
    raise ConfigError("The two maps have more than 255 classes together; compare them with --regroup.")
