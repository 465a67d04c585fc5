"""The passes over a comparison, some cells at a time: what is said of each, that smoothed, and what all adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from landuse.change.comparison import ComparedBlock, Comparison, Mask
from landuse.change.overlap import bands
from landuse.change.pair import CellChanges, Floats
from landuse.change.ranking import Ranking
from landuse.change.scratch import COMPARED, NOTHING, CellScratch, Kinds, States
from landuse.change.transitions import CrossTable, lone_cells
from landuse.engine.progress import Progress, followed
from landuse.environment import give_memory_back
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.cog import BlockWriter, CodeWriter
from landuse.outputs.districts import UNCHANGED_CODE, Districts, DistrictTotals

POSSIBLE = 0.1
"""Least probability of a change that is not confirmed and still listed in `sites.csv`."""
BLOCKS = 4
"""Blocks after which freed memory is given back: it lies between what GDAL keeps in its cache."""


@dataclass
class Tally:
    """What is counted of the cells that both maps hold probabilities of.

    Attributes:
        known: how many there are.
        differing: those whose labels differ.
        change: the sum of the probabilities of change of those whose labels differ. Where both maps name one class little is
            real of what may seem to have changed (docs/change.md), and there are many such cells.
        budget: differences of labels that are expected though the land did not change so.
        ranking: the likeliest changes.
    """

    known: int = 0
    differing: int = 0
    change: float = 0.0
    budget: float = 0.0
    ranking: Ranking = field(default_factory=Ranking.empty)

    def add(self, block: ComparedBlock, cells: CellChanges) -> None:
        """Count a block."""
        differ = block.differ[block.known]
        self.known += len(differ)
        self.differing += int(differ.sum())
        self.change += float(cells.change[differ].sum())
        self.budget += float((1.0 - cells.named[differ]).sum())
        self.ranking = self.ranking.with_cells(block.places, cells)

    def shares(self, learnt: Floats) -> Floats:
        """Share (K, K) of the cells in each pair of classes: as learnt from a sample, with as much change as was counted."""
        moved = 1.0 - np.trace(learnt)
        share = self.change / max(self.known, 1)
        if moved <= 0:
            return learnt
        stay = np.eye(len(learnt), dtype=bool)
        return np.asarray(np.where(stay, learnt * (1 - share) / max(1 - moved, 1e-12), learnt * share / moved))

    @property
    def differing_share(self) -> float:
        """Share of cells whose labels differ."""
        return self.differing / max(self.known, 1)


def infer_cells(found: Comparison, scratch: CellScratch, probability: BlockWriter) -> Tally:
    """Infer the change of every cell: into `scratch`, and P(change) into a raster."""
    tally = Tally()
    progress = Progress(scratch.shape[0] * scratch.shape[1], "cells", "inferring")
    for number, block in enumerate(followed(found.blocks(), progress, lambda block: block.known.size), 1):
        corner, cells = (block.window[0].start, block.window[1].start), found.inferred(block)
        named = moved = np.full(block.known.shape, np.nan, np.float32)
        if cells is not None:
            tally.add(block, cells)
            named, moved = block.image(cells.named), block.image(cells.moved)
            probability.write(block.image(cells.change), *corner)
        scratch.write(corner, states_of(found, block, cells, scratch.kinds), named, moved)
        if number % BLOCKS == 0:
            give_memory_back()
    tally.ranking = tally.ranking.in_order()
    return tally


def states_of(found: Comparison, block: ComparedBlock, cells: CellChanges | None, kinds: Kinds) -> States:
    """The state of each cell of a block: confirmed where the labels differ and that change is likely enough, or possible."""
    states = np.where(block.both, COMPARED, 0).astype(np.uint16)
    labels = np.stack([found.positions(block.before), found.positions(block.after)], axis=-1)
    sure = block.differ
    if cells is not None:
        sure = sure & (np.nan_to_num(block.image(cells.named), nan=-1.0) >= found.rule.min_probability)
        moves = np.zeros((*block.known.shape, 2), np.int64)
        moves[block.known] = cells.move
        maybe = np.nan_to_num(block.image(cells.moved)) >= POSSIBLE
        states[maybe] = kinds.possible(moves[maybe])
    elif found.rated:
        sure = sure & (found.rule.min_probability <= 0)
    states[sure] = kinds.confirmed(labels[sure])
    return states


def smooth_states(found: Comparison, scratch: CellScratch) -> None:
    """Smooth the states of all cells, band by band: a cell goes along with most of the 3 x 3 around it, and a tie leaves it.

    A lone confirmed cell among unchanged ones goes, and a cell that its labels call the same change as most of its neighbours
    comes along though it is not likely enough by itself. Where labels agree, nothing is confirmed.
    """
    above = np.zeros((1, scratch.shape[1]), np.uint16)
    for rows in bands(scratch.shape, "smoothing"):
        below = slice(rows.stop, min(rows.stop + 1, scratch.shape[0]))
        states = scratch.states(rows)
        beneath = scratch.states(below) if below.start < below.stop else np.zeros_like(above)
        around = np.concatenate([above, states, beneath])
        sure = np.where(scratch.kinds.is_confirmed(around), around, np.where(around > NOTHING, COMPARED, NOTHING))
        most = most_frequent(np.pad(sure.astype(np.uint16), ((0, 0), (1, 1))))
        above = states[-1:]
        scratch.set_states(rows, _gone_along(states, most, _labelled(found, scratch, rows), scratch))


def most_frequent(states: States) -> States:
    """The most frequent state of each 3 x 3 cells (h, w) of an image (h + 2, w + 2); a cell's own where it is one of them.

    Cells of state 0 do not count.
    """
    height, width = states.shape[0] - 2, states.shape[1] - 2
    near = np.stack([states[i : i + height, j : j + width] for i in range(3) for j in range(3)])
    votes = np.stack([np.where(one > NOTHING, (near == one).sum(axis=0), 0) for one in near])
    best = np.take_along_axis(near, votes.argmax(axis=0)[None], axis=0)[0]
    own = near[4]
    return np.asarray(np.where((votes[4] >= votes.max(axis=0)) | (own == NOTHING), own, best), np.uint16)


def _labelled(found: Comparison, scratch: CellScratch, rows: slice) -> States:
    """The change that the labels of each cell name, as a confirmed one; 0 where they do not differ."""
    before, after = found.codes(rows)
    pairs = np.stack([found.positions(before), found.positions(after)], axis=-1)
    differ: Mask = (before > 0) & (after > 0) & (before != after)
    return np.where(differ, scratch.kinds.confirmed(pairs), NOTHING).astype(np.uint16)


def _gone_along(states: States, most: States, labelled: States, scratch: CellScratch) -> States:
    """The states of cells whose neighbours are mostly in the states `most`."""
    leaves = scratch.kinds.is_confirmed(states) & (most == COMPARED)
    joins = scratch.kinds.is_confirmed(most) & (most == labelled)
    return np.where(joins, most, np.where(leaves, COMPARED, states)).astype(np.uint16)


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
    for rows in bands(scratch.shape, "adding up"):
        states, hectares = scratch.states(rows), found.ground.hectares(rows)
        before, after = found.codes(rows)
        labels += CrossTable.counted(before, after, hectares)
        sure = scratch.kinds.is_confirmed(states)
        confirmed += CrossTable.counted(np.where(sure, before, 0), np.where(sure, after, 0), hectares)
        changes = _changes(found, scratch, states, files.numbers)
        files.raster.write(changes, rows.start, 0, hectares)
        if by_district is not None:
            state = np.where(sure, changes, np.where(states >= COMPARED, UNCHANGED_CODE, 0)).astype(np.int32)
            by_district.add_raster(found.overlap.transform, rows.start, state, found.ground.in_sight(rows))
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
