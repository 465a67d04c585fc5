"""What two maps have in common: the ground, cell by cell, for they must lie on one lattice, and one legend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from landuse.change.maps import ClassMap
from landuse.change.pixels import RecodedPixels
from landuse.engine.progress import Progress, followed
from landuse.errors import ConfigError, GridMismatchError, NoOverlapError
from landuse.legend import MOST_CLASSES, MOST_CODE, UNMAPPED, LandClass, Legend

ALIGNED = 0.01
"""Largest offset of cell edges, in cells, that still counts as the same lattice (rounding of coordinates in files)."""
BAND_CELLS = 2**17
"""Cells of a band of lines: few, so that memory does not follow the width of a map."""


@dataclass(frozen=True)
class Overlap:
    """The rectangle of cells that both maps cover.

    Attributes:
        before, after: (rows, columns) slices of that rectangle in each map.
        transform: north-up transform of the rectangle.
        shape: (rows, columns).
    """

    before: tuple[slice, slice]
    after: tuple[slice, slice]
    transform: Affine
    shape: tuple[int, int]


def overlap(before: ClassMap, after: ClassMap) -> Overlap:
    """The cells that both maps cover.

    Raises:
        GridMismatchError: another CRS, another cell size, or cell edges that do not coincide.
        NoOverlapError: no cell has data in both.
    """
    same_crs = before.crs.equals(after.crs, ignore_axis_order=True)
    if not same_crs:
        raise GridMismatchError(
            f"{before.name} lies in {before.crs.name} and {after.name} in {after.crs.name}; classify both with the same --crs, "
            "or bring one onto the other's grid with gdalwarp -r near."
        )
    _check_cell_size(before, after)
    down, right = _offset(before, after)
    rows = _shared(before.pixels.shape[0], after.pixels.shape[0], down)
    cols = _shared(before.pixels.shape[1], after.pixels.shape[1], right)
    if rows is None or cols is None:
        raise NoOverlapError(f"{before.name} and {after.name} share no ground; give maps of the same place.")
    shape = rows[0].stop - rows[0].start, cols[0].stop - cols[0].start
    found = Overlap(
        (rows[0], cols[0]),
        (rows[1], cols[1]),
        before.transform @ Affine.translation(cols[0].start, rows[0].start),
        shape,
    )
    if not any(_both(before, after, found, rows) for rows in bands(shape)):
        raise NoOverlapError(
            f"No cell has a class in both {before.name} and {after.name}; give maps of the same place."
        )
    return found


def bands(shape: tuple[int, int], doing: str = "") -> Iterator[slice]:
    """The lines of a raster, some at a time, from north to south; with what is done to them, a progress counts its cells."""
    lines = max(1, BAND_CELLS // shape[1])
    found = (slice(top, min(top + lines, shape[0])) for top in range(0, shape[0], lines))
    if not doing:
        return found
    progress = Progress(shape[0] * shape[1], "cells", doing)
    return followed(found, progress, lambda rows: shape[1] * (rows.stop - rows.start))


def within(place: tuple[slice, slice], rows: slice) -> tuple[slice, slice]:
    """Some lines of the common ground, from side to side, in a map of which it is `place`."""
    return slice(place[0].start + rows.start, place[0].start + rows.stop), place[1]


def _both(before: ClassMap, after: ClassMap, shared: Overlap, rows: slice) -> bool:
    """Whether a cell of some lines has a class in both maps."""
    first = before.pixels.codes(*within(shared.before, rows))
    return bool(((first > 0) & (after.pixels.codes(*within(shared.after, rows)) > 0)).any())


def _check_cell_size(before: ClassMap, after: ClassMap) -> None:
    """Cells must stay together over the whole of both maps, so a tiny difference counts the more the larger they are."""
    cells = max(*before.pixels.shape, *after.pixels.shape)
    for a, b in ((before.transform.a, after.transform.a), (before.transform.e, after.transform.e)):
        if abs(a / b - 1) * cells > ALIGNED:
            raise GridMismatchError(
                f"The cells of {before.name} are {abs(a):g} {_unit(before)} wide and those of {after.name} {abs(b):g}; "
                "classify both with the same --chip-size, or bring one onto the other's grid with gdalwarp -r near -tr."
            )


def _offset(before: ClassMap, after: ClassMap) -> tuple[int, int]:
    """Rows down and columns right from the corner of `before` to that of `after`, in whole cells."""
    right = (after.transform.c - before.transform.c) / before.transform.a
    down = (after.transform.f - before.transform.f) / before.transform.e
    odd = max(abs(right - round(right)), abs(down - round(down)))
    if odd > ALIGNED:
        raise GridMismatchError(
            f"The cells of {before.name} and {after.name} are of one size but {odd:.2f} of a cell apart; "
            "bring one onto the other's grid with gdalwarp -r near -te and -tr."
        )
    return round(down), round(right)


def _shared(size_before: int, size_after: int, offset: int) -> tuple[slice, slice] | None:
    start, stop = max(0, offset), min(size_before, offset + size_after)
    return (slice(start, stop), slice(start - offset, stop - offset)) if start < stop else None


def _unit(land: ClassMap) -> str:
    return str(land.crs.axis_info[0].unit_name) if land.crs.axis_info else "units"


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
