"""Outlines of regions as polygons in degrees of WGS 84.

Neighbours share their edges to the last digit. Every polygon keeps a vertex at each lattice corner where more than two
polygons meet, and at evenly spaced corners along straight edges, so that after reprojection no gap opens between them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from landuse.errors import UsageError
from landuse.outputs.edges import EAST, NORTH, SOUTH, VERTEX, Edges, IntArray
from landuse.outputs.regions import regions_of

EDGE_M = 4_000.0
"""Longest edge left without a vertex. Straight in UTM, it bends by less than half a metre in degrees."""
WGS84 = CRS.from_epsg(4326)
Geometries = npt.NDArray[np.object_]


def outlines(ids: npt.NDArray[np.int32], transform: Affine, crs: CRS) -> Geometries:
    """Outline of each region of `ids` (1 to n) in degrees, as shapely polygons, anticlockwise; shape (n,).

    A region of several pieces that do not share an edge becomes a multipolygon; a number that does not occur becomes None.

    Raises:
        UsageError: the regions lie where the CRS has no ground.
    """
    pieces = regions_of(ids, np.empty((0, *ids.shape)), spacing_of(transform, crs))
    return _gathered(polygons_of(pieces.edges, len(pieces), transform, crs), pieces.values - 1, int(ids.max(initial=0)))


def spacing_of(transform: Affine, crs: CRS) -> int:
    """Cells between the vertices of a straight edge."""
    unit = crs.axis_info[0].unit_conversion_factor * (6_371_000.0 if crs.is_geographic else 1.0)
    return int(np.clip(EDGE_M / (abs(transform.a) * unit), 1, 256))


def polygons_of(edges: Edges, regions: int, transform: Affine, crs: CRS) -> Geometries:
    """The polygon of each connected region in degrees, anticlockwise; shape (regions,).

    Args:
        edges: all edges of the regions 0 to `regions` - 1.
        regions: how many there are.
        transform: pixel (col, line) to `crs`; lines may run north or south.
        crs: CRS of the raster.

    Raises:
        UsageError: the regions lie where the CRS has no ground.
    """
    if not regions:
        return np.empty(0, object)
    degrees = _cut_at_antimeridian(_to_degrees(_traced(edges), transform, crs))
    return np.asarray(shapely.orient_polygons(degrees))


def _traced(edges: Edges) -> Geometries:
    """The polygon of each region in pixel coordinates, by number; every region has at least one edge."""
    walk, ring_of = _rings(_next_edges(edges))
    ordered = edges.take(walk)
    area = np.bincount(ring_of, _swept(ordered))
    region_of = np.empty(len(area), np.int64)
    region_of[ring_of] = ordered.region
    rank = np.argsort(np.lexsort((np.arange(len(area)), area < 0, region_of)))  # the shell of a region before its holes
    sorting = np.argsort(rank[ring_of], kind="stable")
    vertices = sorting[ordered.heading[sorting] >= VERTEX]
    points = np.stack([ordered.col[vertices], ordered.line[vertices]], axis=1).astype(np.float64)
    rings = shapely.linearrings(points, indices=rank[ring_of[vertices]])
    return np.asarray(shapely.polygons(rings, indices=np.sort(region_of)))


def _next_edges(edges: Edges) -> IntArray:
    """Which edge follows each, (m,).

    Where a region meets itself at a corner, two edges could follow. The one to the left keeps to the ground outside, so that
    this ground becomes a ring of its own and none touches itself.
    """
    heading = (edges.heading % VERTEX).astype(np.int64)
    stride = int(edges.col.max()) + 2
    start = edges.line.astype(np.int64) * stride + edges.col
    end = start + np.array([1, stride, -1, -stride])[heading]  # east, south, west, north
    order = np.argsort(start * 4 + heading)
    keys = (start * 4 + heading)[order]
    following = np.full(len(edges), -1, np.int64)
    for turn in (NORTH, EAST, SOUTH):  # seen from an edge that heads east: left, straight on, right
        wanted = end * 4 + (heading + turn) % 4
        found = order[np.searchsorted(keys, wanted).clip(max=len(keys) - 1)]
        fits = (start[found] * 4 + heading[found] == wanted) & (edges.region[found] == edges.region) & (following < 0)
        following[fits] = found[fits]
    return following


def _rings(following: IntArray) -> tuple[IntArray, IntArray]:
    """Edges in the order in which rings are walked, and the ring of each, both (m,)."""
    after, seen = following.tolist(), bytearray(len(following))
    walk, lengths = np.empty(len(after), np.int64), []
    done = 0
    for first in range(len(after)):
        edge, begun = first, done
        while not seen[edge]:
            seen[edge] = 1
            walk[done] = edge
            done += 1
            edge = after[edge]
        if done > begun:
            lengths.append(done - begun)
    return walk, np.repeat(np.arange(len(lengths)), lengths)


def _swept(edges: Edges) -> npt.NDArray[np.float64]:
    """What each edge adds to the area of its ring, which is above 0 for shells and below it for holes."""
    heading = edges.heading % VERTEX
    return np.asarray(edges.col * ((heading == SOUTH).astype(np.float64) - (heading == NORTH)), np.float64)


def _gathered(pieces: Geometries, region_of: npt.NDArray[np.integer], regions: int) -> Geometries:
    """One geometry a region, shape (regions,)."""
    gathered, counts = np.full(regions, None, object), np.bincount(region_of, minlength=regions)
    single = counts[region_of] == 1
    gathered[region_of[single]] = pieces[single]
    if not single.all():
        parts, piece_of = shapely.get_parts(pieces[~single], return_index=True)
        owners = region_of[~single][piece_of]
        order = np.argsort(owners, kind="stable")
        numbers, position = np.unique(owners[order], return_inverse=True)
        gathered[numbers] = shapely.multipolygons(parts[order], indices=position)
    return gathered


def _to_degrees(polygons: npt.NDArray[np.object_], transform: Affine, crs: CRS) -> npt.NDArray[np.object_]:
    """Polygons in pixel coordinates, in WGS 84 longitudes and latitudes."""
    to_wgs84 = Transformer.from_crs(crs, WGS84, always_xy=True)

    def reproject(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Pixel coordinates (m, 2) as degrees."""
        x, y = transform.c + points[:, 0] * transform.a, transform.f + points[:, 1] * transform.e
        return np.stack(to_wgs84.transform(x, y), axis=1)

    degrees = shapely.transform(polygons, reproject)
    if not np.isfinite(shapely.get_coordinates(degrees)).all():
        raise UsageError(f"Some cells lie outside the area of {crs.name}; choose a CRS made for this place.")
    return np.asarray(degrees)


def _cut_at_antimeridian(polygons: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Polygons that span more than half the globe are meant to cross longitude 180: cut there (RFC 7946, 3.1.9)."""
    west, _, east, _ = shapely.bounds(polygons).T
    for index in np.flatnonzero(east - west > 180):
        whole = shapely.transform(polygons[index], lambda points: points + 360.0 * (points < [0.0, -91.0]))
        eastern = shapely.intersection(whole, shapely.box(0, -90, 180, 90))
        western = shapely.intersection(whole, shapely.box(180, -90, 540, 90))
        polygons[index] = shapely.union_all([eastern, shapely.transform(western, lambda points: points - [360.0, 0.0])])
    return polygons
