"""Connected regions of a raster that comes line by line: what they hold and the edges around them.

The sweep remembers one line and, of each region that touches it, the sums and the edges so far. A region is given out, and
forgotten, once no cell of it lies on that line, so memory follows the regions that are open and not the raster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.outputs.edges import Edges, Int32, IntArray, Mask, Values, corners_kept, edges_of


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions that are whole, or that are open.

    Attributes:
        values: (n,), the value of their cells.
        sums: float64 (n, s), the sum of each weight over their cells.
        edges: the edges around them, with regions 0 to n - 1.
    """

    values: Values
    sums: npt.NDArray[np.float64]
    edges: Edges

    def __len__(self) -> int:
        return len(self.values)

    def take(self, which: Mask) -> Regions:
        """Some of the regions, numbered anew."""
        number = np.where(which, np.cumsum(which) - 1, -1).astype(np.int32)
        edges = self.edges.take(which[self.edges.region])
        return Regions(self.values[which], self.sums[which], edges.renamed(number))


class Sweep:
    """Finds the regions of a raster whose lines come in order: cells that share an edge and a value, 0 apart."""

    def __init__(self, width: int, weights: int, spacing: int) -> None:
        """Start above the first line.

        Args:
            width: columns of the raster.
            weights: how many numbers a cell has that are summed over regions.
            spacing: cells between the vertices of a straight edge.
        """
        self._spacing = spacing
        self._line = 0
        self._front = np.zeros(width, np.int64)
        self._region = np.full(width, -1, np.int32)
        self._kept = np.zeros(width + 1, bool)
        self._open = Regions(np.empty(0, np.int64), np.empty((0, weights)), Edges.joined())

    def skip_to(self, line: int) -> Regions:
        """Pass over lines without data up to `line`; the regions that end there."""
        if line == self._line:
            return self._open.take(np.zeros(len(self._open), bool))
        ended = self.add(np.zeros((1, len(self._front)), np.int64), np.empty((self._open.sums.shape[1], 1, 1)))
        self._line = line
        return ended

    def add(self, values: Values, weights: npt.NDArray[np.float64]) -> Regions:
        """The regions that end within the next lines.

        Args:
            values: (h, W).
            weights: (s, h, W); what lies where the value is 0 counts nowhere.
        """
        stack = np.concatenate([self._front[np.newaxis], values])
        region = connected(stack, self._links())
        found = int(region.max(initial=-1)) + 1
        number = self._numbers(region[0])
        kept = np.concatenate([self._kept[np.newaxis], corners_kept(stack, self._line, self._spacing)])
        here = Regions(
            values=_value_of(stack, region, found),
            sums=self._summed(region[1:], weights, number, found),
            edges=Edges.joined(self._open.edges.renamed(number), edges_of(stack, region, kept, self._line - 1)),
        )
        touching = np.zeros(found, bool)
        touching[region[-1][region[-1] >= 0]] = True
        self._front, self._kept, self._line = stack[-1], kept[-1], self._line + len(values)
        self._region = np.where(region[-1] >= 0, (np.cumsum(touching) - 1)[region[-1]] if found else -1, -1)
        self._open = here.take(touching)
        return here.take(~touching)

    def _links(self) -> IntArray:
        """Pairs of columns of the front that belong to one open region, (2, m)."""
        where = np.flatnonzero(self._region >= 0)
        first, group = np.unique(self._region[where], return_index=True, return_inverse=True)[1:]
        return np.stack([where, where[first][group]])

    def _numbers(self, front: Int32) -> Int32:
        """New number of each open region, from those of the front's cells."""
        number = np.full(len(self._open), -1, np.int32)
        known = self._region >= 0
        number[self._region[known]] = front[known]
        return number

    def _summed(
        self, region: Int32, weights: npt.NDArray[np.float64], number: Int32, found: int
    ) -> npt.NDArray[np.float64]:
        """Sums over the regions of these lines, with those of the open regions, (found, s)."""
        sums = np.zeros((found, len(weights)))
        np.add.at(sums, number, self._open.sums)
        inside = region >= 0
        if inside.any():
            for index, weight in enumerate(weights):
                sums[:, index] += np.bincount(region[inside], weight[inside], minlength=found)
        return sums


def regions_of(values: Values, weights: npt.NDArray[np.float64], spacing: int) -> Regions:
    """All regions of a raster (H, W) that is in memory; those that reach the last line come last."""
    sweep = Sweep(values.shape[1], len(weights), spacing)
    inside, last = sweep.add(values, weights), sweep.skip_to(len(values) + 1)
    edges = Edges.joined(inside.edges, last.edges.renamed(np.arange(len(last), dtype=np.int32) + len(inside)))
    return Regions(np.concatenate([inside.values, last.values]), np.concatenate([inside.sums, last.sums]), edges)


def connected(values: Values, links: IntArray | None = None) -> Int32:
    """Number of the connected area of each cell, int32 (H, W): 0 and up in image order, -1 where the value is 0.

    Args:
        values: (H, W); cells that share an edge and a value belong together.
        links: flat positions that belong together besides, in pairs, (2, m).
    """
    flat = values.ravel()
    where = np.flatnonzero(flat)
    if not len(where):
        return np.full(values.shape, -1, np.int32)
    position = np.arange(values.size).reshape(values.shape)
    level = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] != 0)
    upright = (values[1:] == values[:-1]) & (values[1:] != 0)
    pairs = [[position[:, :-1][level], position[:, 1:][level]], [position[:-1][upright], position[1:][upright]]]
    start, end = np.concatenate([*pairs, *([] if links is None else [links])], axis=1)
    label = components(values.size, start, end)
    numbers = np.full(values.size, -1, np.int32)
    numbers[where] = np.unique(label[where], return_inverse=True)[1]
    return numbers.reshape(values.shape)


def components(count: int, start: IntArray, end: IntArray) -> IntArray:
    """The first of the nodes 0 to `count` - 1 with which each hangs together, (count,), along links of `start` to `end` (m,).

    Each round hangs every tree of nodes below a neighbour whose first node comes earlier, and then flattens the trees, so that
    the number of trees that still have neighbours halves at least. scipy has this too, and takes a third of a second to import.
    """
    first = np.arange(count)
    while len(start):
        one, other = first[start], first[end]
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(above := first[first], first):
            first = above
        apart = first[start] != first[end]
        start, end = start[apart], end[apart]
    return first


def _value_of(values: Values, region: Int32, found: int) -> Values:
    """The value of each region."""
    result = np.zeros(found, values.dtype)
    result[region[region >= 0]] = values[region >= 0]
    return result
