"""Where samples lie: cells of one lattice, blocks of them, and how far apart two sides of a split are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.grid import IntArray

Mask = npt.NDArray[np.bool_]
DEFAULT_CELLS = 8
"""Side of a block where no size is asked for, in chips: 1.8 km for chips of 224 m."""


@dataclass(frozen=True, eq=False)
class Places:
    """The cell of every sample.

    Attributes:
        rows, cols: int64 (n,).
        chip_m: ground side of a cell in metres.
    """

    rows: IntArray
    cols: IntArray
    chip_m: float

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Mask | IntArray) -> Places:
        """The places at positions, or where a mask holds."""
        return Places(self.rows[chosen], self.cols[chosen], self.chip_m)

    def blocks(self, block_m: float | None = None) -> IntArray:
        """Number of the square of `block_m` metres that holds each cell's centre, int64 (n,); None takes 8 chips."""
        side = DEFAULT_CELLS if block_m is None else max(block_m / self.chip_m, 1.0)
        squares = np.floor((np.stack([self.rows, self.cols], axis=1) + 0.5) / side).astype(np.int64)
        return np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def gaps(self, others: Mask) -> npt.NDArray[np.float64]:
        """Metres of ground between each cell and the nearest of those where `others` holds, float64 (n,).

        Measured from edge to edge: 0 for cells that touch, at an edge or at a corner, and -1 for the same cell. Infinite
        where `others` is empty. With row and column differences of whole cells, the gap is the distance to the nearest
        of the other cells and their eight neighbours.
        """
        if not others.any():
            return np.full(len(self), np.inf)
        from scipy.spatial import cKDTree  # a quarter of a second to import, and classify imports this module

        cells = np.stack([self.rows, self.cols], axis=1)
        there = np.unique(cells[others], axis=0)
        around = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
        widened = np.unique((there[:, None, :] + around).reshape(-1, 2), axis=0)
        gaps: npt.NDArray[np.float64] = cKDTree(widened).query(cells)[0] * self.chip_m
        same = cKDTree(there).query(cells)[0] == 0
        return np.where(same, -1.0, gaps)
