"""The first pass over a comparison: what is said of every cell, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from landuse.change.comparison import ComparedBlock, Comparison
from landuse.change.posterior import CellChanges
from landuse.change.ranking import Ranking
from landuse.change.scratch import COMPARED, CellScratch, Kinds, States
from landuse.outputs.cog import BlockWriter

POSSIBLE = 0.1
"""Least probability of a change that is not confirmed and still listed in `sites.csv`."""


@dataclass
class Tally:
    """What is counted of the cells that both maps hold probabilities of.

    Attributes:
        known: how many there are.
        differing: those whose labels differ.
        change: the sum of their probabilities of change.
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
        self.change += float(cells.change.sum())
        self.budget += float((1.0 - cells.named[differ]).sum())
        if block.pair is not None:
            self.ranking = self.ranking.with_cells(block.pair, cells)

    @property
    def differing_share(self) -> float:
        """Share of cells whose labels differ."""
        return self.differing / max(self.known, 1)


def infer_cells(found: Comparison, scratch: CellScratch, probability: BlockWriter) -> Tally:
    """Infer the change of every cell: into `scratch`, and P(change) into a raster."""
    tally = Tally()
    for block in found.blocks():
        corner, cells = (block.window[0].start, block.window[1].start), found.inferred(block)
        named = moved = np.full(block.known.shape, np.nan, np.float32)
        if cells is not None:
            tally.add(block, cells)
            named, moved = block.image(cells.named), block.image(cells.moved)
            probability.write(block.image(cells.change), *corner)
        scratch.write(corner, states_of(found, block, cells, scratch.kinds), named, moved)
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
