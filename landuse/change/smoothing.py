"""Confirmed changes smoothed: a cell goes along with most of the 3 x 3 cells around it, and a tie leaves it as it is.

A lone confirmed cell among unchanged ones goes, and a cell that its labels call the same change as most of its neighbours comes
along though it is not likely enough by itself. Nothing else is added: where labels agree, nothing is confirmed.
"""

from __future__ import annotations

import numpy as np

from landuse.change.comparison import Comparison, Mask
from landuse.change.lattice import bands
from landuse.change.scratch import COMPARED, NOTHING, CellScratch, States


def smooth_states(found: Comparison, scratch: CellScratch) -> None:
    """Smooth the states of all cells, band by band."""
    above = np.zeros((1, scratch.shape[1]), np.uint16)
    for rows in bands(scratch.shape):
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
