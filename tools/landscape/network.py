"""County roads along zone borders, highways, and the water that they cross."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from tools.landscape.features import Array, Features, Parcel
from tools.landscape.kinds import Cover, Road, Zone
from tools.landscape.noise import hash01
from tools.landscape.zones import Setting, Tessellation, is_developed


def lay_county_roads(zones: Tessellation, setting: Setting, water: Any, features: Features) -> None:  # noqa: ANN401
    """Roads along zone borders: a spanning tree of the corners that stays off the water, all town borders, some others."""
    ends = zones.vertices[zones.ridges]
    lines = shapely.linestrings(ends)
    roads = shapely.transform(shapely.segmentize(lines, 26.0), setting.bend)
    length = shapely.length(roads)
    wet = shapely.length(shapely.intersection(roads, water)) / np.maximum(length, 1.0)
    reachable = wet < 0.45
    uses = zones.uses[zones.sides]
    chance = hash01(zones.ridges[:, 0], zones.ridges[:, 1], setting.bend.seed)
    town = is_developed(uses).any(axis=1)
    farms = np.isin(uses, [Zone.CROPS, Zone.PASTURE]).any(axis=1)
    dry = reachable & (wet < 0.08) & ~(uses == Zone.LAKE).any(axis=1)
    chosen = dry & (town | (farms & (chance < 0.3)) | (chance < 0.1))
    tree = _tree(zones, length * (1 + 4 * wet) * (1.2 - 0.4 * town), reachable)
    chosen = _without_stubs(zones, chosen | tree)
    for road in roads[chosen]:
        features.add_road(shapely.get_coordinates(road), Road.COUNTY)


def _tree(zones: Tessellation, cost: Array, allowed: Array) -> Array:
    """Which ridges belong to a minimum spanning tree over the allowed ones."""
    n = len(zones.vertices)
    ridges = zones.ridges[allowed]
    graph = coo_array((cost[allowed], (ridges[:, 0], ridges[:, 1])), shape=(n, n)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    kept = set(zip(tree.row.tolist(), tree.col.tolist(), strict=True))
    kept = {tuple(sorted(pair)) for pair in kept}
    inside = [tuple(sorted(pair)) in kept for pair in zones.ridges.tolist()]
    return np.asarray(inside) & allowed


def _without_stubs(zones: Tessellation, chosen: Array) -> Array:
    """Leave out roads that end in the wild, again and again for a few times."""
    for _ in range(6):
        degree = np.bincount(zones.ridges[chosen].ravel(), minlength=len(zones.vertices))
        chosen = chosen & (degree[zones.ridges] > 1).all(axis=1)
    return chosen


def lay_highways(setting: Setting, features: Features) -> None:
    """Two carriageways with a grass median along every highway line, on a mown verge."""
    for line in setting.highways.geoms:
        verge = line.buffer(33.0)
        features.parcels.append(Parcel(verge, Cover.VERGE, 21, trees=0.02, bushes=0.03))
        for side in (13.0, -13.0):
            points = shapely.get_coordinates(shapely.segmentize(line.offset_curve(side), 40.0))
            features.add_road(points, Road.HIGHWAY)


def dig_waters(zones: Tessellation, setting: Setting, features: Features) -> Any:  # noqa: ANN401
    """Lakes in their zones and rivers along their lines, with wooded banks; returns all water as one geometry."""
    lakes = shapely.union_all([zones.polygons[k] for k in np.flatnonzero(zones.uses == Zone.LAKE)])
    parts = [setting.bend.polygon(lake) for lake in shapely.get_parts(lakes) if not lake.is_empty]
    shaped = [lake.buffer(-95.0).buffer(72.0, quad_segs=16) for lake in parts]
    rivers = shapely.union_all([_river(line) for line in setting.rivers.geoms])
    bank = Parcel(rivers.buffer(24.0), Cover.LITTER, 41, trees=0.85, bushes=0.4, conifers=0.05, ragged=False)
    features.parcels.append(bank)
    for geometry, ragged in ((shapely.union_all(shaped), True), (rivers, False)):
        for part in shapely.get_parts(geometry):
            if part.geom_type == "Polygon":
                seed = int(abs(part.centroid.x))
                features.parcels.append(Parcel(part, Cover.WATER, 11, seed=seed, ragged=ragged))
    return shapely.union_all([*shaped, rivers])


def _river(line: Any) -> Any:  # noqa: ANN401
    """A river of slowly changing width around its line."""
    points = shapely.get_coordinates(line)
    widths = 23.0 + 9.0 * np.sin(points[:, 0] / 410.0) + 5.0 * np.sin(points[:, 0] / 127.0 + 1.0)
    return shapely.union_all(shapely.buffer(shapely.points(points), widths)).buffer(4.0).buffer(-4.0)
