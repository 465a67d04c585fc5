"""The order of chips: block by block, and within a block as in an image."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from landuse.grid import BLOCK, Block, IntArray


def image_order(rows: IntArray, cols: IntArray, span: int = BLOCK) -> IntArray:
    """Positions that sort cells by block (south to north, west to east), then in image order within the block."""
    return np.lexsort((cols, -rows, cols // span, rows // span)).astype(np.int64)


def is_image_order(rows: IntArray, cols: IntArray, span: int = BLOCK) -> bool:
    """Whether cells are in the order of `image_order` and each stands once."""
    ordered = np.zeros(max(len(rows) - 1, 0), bool)
    tied = ~ordered
    for key in (rows // span, cols // span, -rows, cols):
        step = np.diff(key)
        ordered |= tied & (step > 0)
        tied &= step == 0
    return bool(ordered.all())


def block_slices(rows: IntArray, cols: IntArray, span: int = BLOCK) -> list[tuple[Block, slice]]:
    """The blocks of cells that are in image order, each with the slice of its cells."""
    if not len(rows):
        return []
    block_rows, block_cols = rows // span, cols // span
    changes = (np.diff(block_rows) != 0) | (np.diff(block_cols) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(rows)]]).tolist()
    return [
        (Block(int(block_rows[first]), int(block_cols[first]), span), slice(first, last))
        for first, last in pairwise(starts)
    ]
