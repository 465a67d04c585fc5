"""The last pass over a comparison: what all its cells add up to, by labels, by confirmed change, and by district."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.change.comparison import Comparison
from landuse.change.lattice import bands
from landuse.change.scratch import COMPARED, CellScratch
from landuse.change.transitions import CrossTable, lone_cells
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.cog import CodeWriter
from landuse.outputs.districts import UNCHANGED_CODE, Districts, DistrictTotals
from landuse.outputs.ground import boxes_of_raster


@dataclass(frozen=True)
class ChangeFiles:
    """Where confirmed changes go: a raster, the number of each class in it by its name, and districts to list them by."""

    raster: CodeWriter
    numbers: Mapping[str, int]
    districts: Districts | None


@dataclass(frozen=True, eq=False)
class Totals:
    """Cells and hectares.

    Attributes:
        labels: every cell of either map, by its pair of labels.
        confirmed: the confirmed cells, by theirs.
        by_district: hectares of confirmed change, and of what was compared without, in each district; None without any.
    """

    labels: CrossTable
    confirmed: CrossTable
    by_district: DistrictTotals | None


def add_up(found: Comparison, scratch: CellScratch, files: ChangeFiles) -> Totals:
    """Add up all cells, and write the raster of confirmed changes."""
    labels = lone_cells(found.before, found.overlap.before, later=False)
    labels += lone_cells(found.after, found.overlap.after, later=True)
    confirmed, by_district = CrossTable.empty(), None
    if files.districts is not None:
        area = found.ground.area
        by_district = DistrictTotals(files.districts.within(None if area is None else area.wkb))
    for rows in bands(scratch.shape):
        states, hectares = scratch.states(rows), found.ground.hectares(rows)
        before, after = found.codes(rows)
        labels += CrossTable.counted(before, after, hectares)
        sure = scratch.kinds.is_confirmed(states)
        confirmed += CrossTable.counted(np.where(sure, before, 0), np.where(sure, after, 0), hectares)
        changes = _changes(found, scratch, states, files.numbers)
        files.raster.write(changes, rows.start, 0, hectares)
        if by_district is not None:
            state = np.where(sure, changes, np.where(states >= COMPARED, UNCHANGED_CODE, 0)).astype(np.int32)
            lines, cols = np.indices(state.shape).reshape(2, -1)
            boxes = boxes_of_raster(found.overlap.transform, lines + rows.start, cols)
            by_district.add(boxes, state.ravel(), found.ground.in_sight(rows).ravel())
    return Totals(labels, confirmed, by_district)


def _changes(
    found: Comparison, scratch: CellScratch, states: npt.NDArray[np.uint16], numbers: Mapping[str, int]
) -> npt.NDArray[np.uint16]:
    """The numbers of `change.tif`: CHANGE_STEP x the class before + that after, 0 where nothing is confirmed."""
    sure = scratch.kinds.is_confirmed(states)
    number = np.array([numbers[name] for name in found.legend.names], np.uint16)
    pairs = number[scratch.kinds.pairs(states[sure])]
    changes = np.zeros(states.shape, np.uint16)
    changes[sure] = CHANGE_STEP * pairs[:, 0] + pairs[:, 1]
    return changes
