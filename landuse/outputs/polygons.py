"""Polygons of the connected regions of a raster that comes band by band. GDAL traces them (`rasterio.features.shapes`).

Of what has passed, only the open regions are remembered: those with a cell on the last line. A region is joined from its
pieces and given out once no cell of it lies there, so memory follows the regions that are open and not the raster.

Neighbours share their vertices: every polygon has one at each lattice corner where more than two regions meet, and at evenly
spaced corners of straight edges, so that no gap opens between them in another CRS. How the bands were cut leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio.features
import shapely

Floats = npt.NDArray[np.float64]
Geometries = npt.NDArray[np.object_]
Int32 = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Regions:
    """Connected regions of one value.

    Attributes:
        values: (n,), the value of their cells.
        sums: float64 (n, s), the sum of each weight over their cells.
        polygons: (n,), in pixel coordinates (column, line), whole numbers.
    """

    values: Values
    sums: Floats
    polygons: Geometries

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Polygons of one band each, (m,), and the region that each belongs to, int (m,)."""

    polygons: Geometries
    region: IntArray

    def of(self, chosen: Mask) -> _Pieces:
        """The pieces of the chosen regions, bool (n,), numbered anew."""
        mine = chosen[self.region]
        return _Pieces(self.polygons[mine], (np.cumsum(chosen) - 1)[self.region[mine]])

    def joined(self) -> Geometries:
        """One polygon a region, in order."""
        order = np.argsort(self.region, kind="stable")
        polygons, starts = self.polygons[order], np.unique(self.region[order], return_index=True)[1]
        whole = polygons[starts]
        ends = np.append(starts[1:], len(order))
        for number in np.flatnonzero(ends - starts > 1):
            whole[number] = shapely.union_all(polygons[starts[number] : ends[number]])
        return np.asarray(whole)


NO_PIECES = _Pieces(np.empty(0, object), np.empty(0, np.int64))


class Sweep:
    """Finds the regions of a raster whose lines come in order: cells that share an edge and a value, 0 apart."""

    def __init__(self, width: int, weights: int, spacing: int) -> None:
        """Start above the first line.

        Args:
            weights: how many numbers a cell has that are summed over regions.
            spacing: cells between the vertices of a straight edge.
        """
        self._line = 0
        self._front: Values = np.zeros(width, np.int64)
        self._region = np.full(width, -1, np.int64)
        self._corners = _Corners(width, spacing)
        self._values: Values = np.empty(0, np.int64)
        self._sums, self._pieces = np.empty((0, weights)), NO_PIECES

    def skip_to(self, line: int) -> Regions:
        """Pass over lines without data up to `line`; the regions that end there."""
        weights = self._sums.shape[1]
        if line == self._line:
            return Regions(np.empty(0, np.int64), np.empty((0, weights)), np.empty(0, object))
        ended = self.add(np.zeros((1, len(self._front)), np.int64), np.empty((weights, 1, 1)))
        self._line = line
        self._corners.restart(line)
        return ended

    def add(self, values: Values, weights: Floats) -> Regions:
        """The regions that end within the next lines.

        Args:
            values: (h, W).
            weights: (s, h, W); what lies where the value is 0 counts nowhere.
        """
        stack = np.concatenate([self._front[np.newaxis], values])
        self._corners.add(stack)
        region = connected(stack, self._links())
        count = int(region.max(initial=-1)) + 1
        number = self._numbers(region[0])
        sums = np.zeros((count, len(weights)))
        np.add.at(sums, number, self._sums)
        sums += _summed(region[1:], weights, count)
        here = traced(region[1:], self._line)
        pieces = _Pieces(
            np.concatenate([self._pieces.polygons, here.polygons]),
            np.concatenate([number[self._pieces.region], here.region]),
        )
        touching = np.zeros(count, bool)
        touching[region[-1][region[-1] >= 0]] = True
        value_of = _value_of(stack, region, count)
        ended = Regions(value_of[~touching], sums[~touching], self._corners.marked(pieces.of(~touching).joined()))
        self._keep(stack[-1], region[-1], touching)
        self._values, self._sums, self._pieces = value_of[touching], sums[touching], pieces.of(touching)
        self._line += len(values)
        self._corners.forget(shapely.bounds(self._pieces.polygons)[:, 1].min(initial=self._line))
        return ended

    def _keep(self, front: Values, region: Int32, touching: Mask) -> None:
        self._front = front
        position = np.append(np.cumsum(touching) - 1, -1)
        self._region = position[np.where(region >= 0, region, len(touching))]

    def _links(self) -> IntArray:
        """Pairs of columns of the last line that belong to one open region, (2, m)."""
        where = np.flatnonzero(self._region >= 0)
        first, group = np.unique(self._region[where], return_index=True, return_inverse=True)[1:]
        return np.stack([where, where[first][group]])

    def _numbers(self, front: Int32) -> IntArray:
        number = np.full(len(self._values), -1, np.int64)
        known = self._region >= 0
        number[self._region[known]] = front[known]
        return number


class _Corners:
    """Which corners of the lattice are vertices: one bit a corner, for the lines that open regions reach."""

    def __init__(self, width: int, spacing: int) -> None:
        self._spacing, self._first = spacing, 0
        self._bits = np.empty((0, width // 8 + 1), np.uint8)

    def restart(self, line: int) -> None:
        """Go on at a line; no region is open."""
        self._first, self._bits = line, self._bits[:0]

    def forget(self, line: float) -> None:
        """No region reaches above this line any more."""
        self._bits = self._bits[int(line) - self._first :]
        self._first = int(line)

    def add(self, values: Values) -> None:
        """The corners between the next lines, (h + 1, W) with the last one before them."""
        kept = corners_kept(values, self._first + len(self._bits), self._spacing)
        self._bits = np.concatenate([self._bits, np.packbits(kept, axis=1)])

    def marked(self, polygons: Geometries) -> Geometries:
        """The polygons with their vertices at these corners, and at no others."""
        if not len(polygons):
            return polygons
        rings, owner = shapely.get_rings(shapely.segmentize(polygons, 1.0), return_index=True)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        points = np.rint(points)
        cols, lines = points.astype(np.intp).T
        kept = (self._bits[lines - self._first, cols >> 3] >> (7 - (cols & 7)).astype(np.uint8)) & 1 == 1
        marked = shapely.polygons(shapely.linearrings(points[kept], indices=ring[kept]), indices=owner)
        return np.asarray(marked)


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


def traced(region: Int32, first_line: int) -> _Pieces:
    """One polygon for each connected number of `region` (h, W), -1 apart, in pixel coordinates from `first_line` on."""
    found = list(rasterio.features.shapes(region, mask=region >= 0, connectivity=4))
    if not found:
        return NO_PIECES
    rings = [ring for shape, _ in found for ring in shape["coordinates"]]
    points = np.add([point for ring in rings for point in ring], (0.0, first_line))
    ring_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    owner = np.repeat(np.arange(len(found)), [len(shape["coordinates"]) for shape, _ in found])
    polygons = shapely.polygons(shapely.linearrings(points, indices=ring_of), indices=owner)
    return _Pieces(np.asarray(polygons), np.array([int(value) for _, value in found], np.int64))


def connected(values: Values, links: IntArray | None = None) -> Int32:
    """Number of the connected area of each cell, int32 (H, W): 0 and up in image order, -1 where the value is 0.

    Args:
        values: (H, W); cells that share an edge and a value belong together.
        links: flat positions that belong together besides, in pairs, (2, m).
    """
    position = np.arange(values.size).reshape(values.shape)
    level = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] != 0)
    upright = (values[1:] == values[:-1]) & (values[1:] != 0)
    pairs = [[position[:, :-1][level], position[:, 1:][level]], [position[:-1][upright], position[1:][upright]]]
    start, end = np.concatenate([*pairs, *([] if links is None else [links])], axis=1)
    first, known = firsts(values.size, start, end), values.ravel() != 0
    number = np.cumsum(known & (first == position.ravel()), dtype=np.int32) - 1
    return np.where(known, number[first], np.int32(-1)).reshape(values.shape)


def firsts(count: int, start: IntArray, end: IntArray) -> IntArray:
    """The first (count,) of the nodes that each of nodes 0 to `count` - 1 hangs together with, along links (m,) of two ends.

    Of two ends that do not share their first yet, the later one takes the earlier one, in rounds (Shiloach and Vishkin 1982).
    SciPy does the same no faster, and takes a third of a second to import, which each map would cost.
    """
    first = np.arange(count)
    while len(start):
        np.minimum.at(first, np.maximum(first[start], first[end]), np.minimum(first[start], first[end]))
        while (first != (further := first[first])).any():
            first = further
        apart = first[start] != first[end]
        start, end = start[apart], end[apart]
    return first


def _summed(region: Int32, weights: Floats, count: int) -> Floats:
    """Sums of the weights over the regions of some lines, (count, s)."""
    sums, inside = np.zeros((count, len(weights))), region >= 0
    if inside.any():
        for index, weight in enumerate(weights):
            sums[:, index] = np.bincount(region[inside], weight[inside], minlength=count)
    return sums


def _value_of(values: Values, region: Int32, count: int) -> Values:
    found = np.zeros(count, values.dtype)
    found[region[region >= 0]] = values[region >= 0]
    return found
