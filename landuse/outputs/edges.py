"""The edges around the connected regions of a raster, and which of their corners are vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.integer]
EAST, SOUTH, WEST, NORTH = range(4)
VERTEX = 4


@dataclass(frozen=True, eq=False)
class Edges:
    """Sides of cells beside another region, as directed unit edges with their own region on the right.

    Attributes:
        region: int32 (m,), the region.
        line, col: int32 (m,), the corner where the edge starts.
        heading: uint8 (m,), EAST, SOUTH, WEST or NORTH, plus VERTEX where that corner is one.
    """

    region: Int32
    line: Int32
    col: Int32
    heading: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.region)

    def take(self, where: Mask | IntArray) -> Edges:
        """Some of the edges."""
        return Edges(self.region[where], self.line[where], self.col[where], self.heading[where])

    def renamed(self, number: Int32) -> Edges:
        """The same edges, of the regions `number[region]`."""
        return Edges(number[self.region], self.line, self.col, self.heading)

    @classmethod
    def joined(cls, *parts: Edges) -> Edges:
        """The edges of all parts."""
        empty = np.empty(0, np.int32)
        none = Edges(empty, empty, empty, empty.astype(np.uint8))
        columns = zip(*((p.region, p.line, p.col, p.heading) for p in (none, *parts)), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


def corners_kept(values: Values, first_line: int, spacing: int) -> Mask:
    """Which corners between the lines of `values` (h + 1, W) are vertices, bool (h, W + 1).

    All but those in the middle of a straight edge between just two regions, and every `spacing`-th of those too.
    """
    padded = np.pad(values, ((0, 0), (1, 1)))
    upright = (padded[:-1] == padded[1:])[:, :-1] & (padded[:-1] == padded[1:])[:, 1:]
    side = padded[:, :-1] == padded[:, 1:]
    level = side[:-1] & side[1:]
    keep: Mask = ~(upright | level)
    mark = np.arange(first_line, first_line + len(keep)) % spacing == 0
    keep[mark] |= upright[mark]
    keep[:, ::spacing] |= level[:, ::spacing]
    return keep


def edges_of(values: Values, region: Int32, kept: Mask, first_line: int) -> Edges:
    """The level edges between the lines of `values` (h + 1, W), and the upright ones of all its lines but the last.

    Args:
        values: what tells neighbours apart; 0 has no edges of its own.
        region: (h + 1, W), the region of each cell.
        kept: (h + 1, W + 1), which corners above each line are vertices.
        first_line: line of the raster to which `values[0]` belongs.
    """
    wide, wide_region = np.pad(values, ((0, 0), (1, 1)))[:-1], np.pad(region, ((0, 0), (1, 1)))[:-1]
    level, upright = values[:-1] != values[1:], wide[:, :-1] != wide[:, 1:]
    sides = (  # heading, which cells have the edge, their regions, and from the cell's place to the corner where it starts
        (EAST, level & (values[1:] != 0), region[1:], (1, 0)),
        (WEST, level & (values[:-1] != 0), region[:-1], (1, 1)),
        (NORTH, upright & (wide[:, 1:] != 0), wide_region[:, 1:], (1, 0)),
        (SOUTH, upright & (wide[:, :-1] != 0), wide_region[:, :-1], (0, 0)),
    )
    found = []
    for heading, has, regions, (down, right) in sides:
        lines, cols = np.nonzero(has)
        marked = kept[lines + down, cols + right]
        start = (lines + (down + first_line)).astype(np.int32), (cols + right).astype(np.int32)
        found.append(Edges(regions[has].astype(np.int32), *start, (heading + VERTEX * marked).astype(np.uint8)))
    return Edges.joined(*found)
