"""Zones: the landscape cut into areas of some 50 hectares, each put to one use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import Voronoi

from tools.landscape.features import Array, Bend
from tools.landscape.kinds import DEVELOPED, NATURES, Zone
from tools.landscape.noise import hash01, noise_at
from tools.landscape.spec import LandscapeSpec


@dataclass(frozen=True, slots=True)
class Tessellation:
    """Zones before they are bent.

    Attributes:
        vertices: corner positions, (n, 2).
        ridges: corner index pairs of zone borders, (m, 2).
        sides: zone index pairs on the two sides of each border, (m, 2).
        polygons: straight outlines, one a zone.
        uses: Zone of each zone, (zones,).
    """

    vertices: Array
    ridges: Array
    sides: Array
    polygons: list[Any]
    uses: Array


@dataclass(frozen=True, slots=True)
class Setting:
    """What decides the use of land: towns, river and highway lines, and the ground they need (shapely), in local metres."""

    towns: Array
    rivers: Any
    highways: Any
    corridors: Any
    bend: Bend


def spacing(spec: LandscapeSpec) -> float:
    """Typical side of a zone in metres; small landscapes get small zones, so that they still show every use."""
    return float(np.clip(spec.side / 6.5, 330.0, 680.0))


def margin(spec: LandscapeSpec) -> float:
    """Metres that the plan reaches beyond the survey, so that nothing ends at its edge."""
    return min(900.0, 1.4 * spacing(spec))


def make_setting(spec: LandscapeSpec) -> Setting:
    """Towns, rivers and highways of a landscape."""
    rng = np.random.default_rng([spec.seed, 1])
    count = max(1, round((spec.side / 4600.0) ** 2))
    tries = rng.uniform(0.12, 0.88, (count, 24, 2)) * spec.side
    towns = tries[:1, 0]
    for candidates in tries[1:]:  # best of 24: far from the towns there are
        gaps = np.hypot(*(candidates[:, None] - towns[None]).transpose(2, 0, 1)).min(axis=1)
        towns = np.vstack([towns, candidates[gaps.argmax()]])
    lines = max(1, round(spec.side / 9000.0))
    rivers, highways = _lines(spec, lines, 0), _lines(spec, lines, 1)
    corridors = shapely.union_all([rivers.buffer(64.0), highways.buffer(42.0)])
    return Setting(towns, rivers, highways, corridors, Bend(spec.seed + 5))


def _lines(spec: LandscapeSpec, count: int, axis: int) -> Any:  # noqa: ANN401
    """`count` winding lines across the landscape, from west to east (rivers, axis 0) or north to south (highways, axis 1)."""
    along = np.arange(-margin(spec) - 400, spec.side + margin(spec) + 400, 24.0)
    lines = []
    for k in range(count):
        at = (k + 0.5 + 0.32 * (float(hash01(k, axis, spec.seed + 3)) - 0.5)) * spec.side / count
        seed = spec.seed + 101 * k + 13 * axis
        waves = ((2600.0, 260.0), (900.0, 150.0), (380.0, 42.0)) if axis == 0 else ((3000.0, 260.0), (1300.0, 55.0))
        scale = min(1.0, spec.side / 4000.0)
        off = np.sum([scale * reach * noise_at(along, 0 * along + 77 * k, wave, seed) for wave, reach in waves], axis=0)
        points = np.stack([along, at + off], axis=1)
        lines.append(shapely.LineString(points if axis == 0 else points[:, ::-1]))
    return shapely.MultiLineString(lines)


def make_zones(spec: LandscapeSpec, setting: Setting) -> Tessellation:
    """Cut the landscape into zones and give each its use."""
    seeds = _zone_seeds(spec)
    diagram = Voronoi(seeds)
    reach = margin(spec) + spacing(spec)
    near = ((diagram.vertices > -reach) & (diagram.vertices < spec.side + reach)).all(axis=1)
    polygons = [_polygon(diagram, region, near) for region in diagram.point_region]
    ridges = np.array(diagram.ridge_vertices)
    whole = (ridges >= 0).all(axis=1) & near[ridges].all(axis=1)
    uses = _uses(spec, setting, seeds, polygons)
    return Tessellation(diagram.vertices, ridges[whole], np.asarray(diagram.ridge_points)[whole], polygons, uses)


def _polygon(diagram: Voronoi, region: int, near: Array) -> Any:  # noqa: ANN401
    """A region's outline; an empty polygon for the unbounded and far ones at the rim."""
    corners = diagram.regions[region]
    whole = bool(corners) and -1 not in corners and near[corners].all()
    return shapely.Polygon(diagram.vertices[corners]) if whole else shapely.Polygon()


def _zone_seeds(spec: LandscapeSpec) -> Array:
    """Jittered lattice points, the middles of zones, (n, 2) local metres."""
    step = spacing(spec)
    reach = margin(spec) + 2 * step
    n0, n1 = int(np.floor(-reach / step)), int(np.ceil((spec.side + reach) / step))
    ix, iy = (a.ravel() for a in np.meshgrid(np.arange(n0, n1), np.arange(n0, n1)))
    x = (ix + 0.5 * (iy % 2) + 0.88 * (hash01(ix, iy, spec.seed + 21) - 0.5)) * step
    y = (iy + 0.88 * (hash01(ix, iy, spec.seed + 22) - 0.5)) * step
    return np.stack([x, y], axis=1)


def _uses(spec: LandscapeSpec, setting: Setting, seeds: Array, polygons: list[Any]) -> Array:
    """Use of each zone: kinds in turn take the free zones that suit them best, until they have their share of the survey."""
    survey = shapely.box(0, 0, spec.side, spec.side)
    area = np.array([p.intersection(survey).area for p in polygons]) / survey.area
    weight = np.maximum(area, 1e-4)
    uses = np.full(len(seeds), Zone.FOREST, np.uint8)
    free = np.ones(len(seeds), bool)
    for use, score in _affinities(spec, setting, seeds).items():
        left = NATURES[use].share
        for k in np.argsort(-np.where(free, score, -np.inf), kind="stable"):
            if left <= 0.35 * weight[k] or not free[k]:
                break
            uses[k], free[k], left = use, False, left - weight[k]
    return uses


def _affinities(spec: LandscapeSpec, setting: Setting, seeds: Array) -> dict[Zone, Array]:
    """How well each zone suits each use, in the order in which uses choose."""
    points = shapely.points(setting.bend(seeds))
    x, y = shapely.get_x(points), shapely.get_y(points)
    size = 1250.0 * min(1.0, spec.side / 5000.0)
    away = np.hypot(x[:, None] - setting.towns[:, 0], y[:, None] - setting.towns[:, 1])
    towns = np.exp(-((away / size) ** 2)).max(axis=1)
    wide = np.exp(-((away / (2.2 * size)) ** 2)).max(axis=1)
    river = np.exp(-((shapely.distance(points, setting.rivers) / 700.0) ** 2))
    highway = np.exp(-((shapely.distance(points, setting.highways) / 600.0) ** 2))

    def chance(k: int, wavelength: float = 1700.0) -> npt.NDArray[np.float64]:
        """What use number k owes to no rule: broad noise and a draw for each seed."""
        local = hash01(np.arange(len(x)), k, spec.seed + 61).astype(float)
        return 0.16 * noise_at(x, y, wavelength, spec.seed + 17 * k) + 0.5 * local

    lone = -1.2 * wide - 0.8 * river - 0.8 * highway
    order = {
        Zone.CENTRE: towns,
        Zone.DENSE: towns + 0.15 * chance(1) - 0.3 * highway,
        Zone.INDUSTRY: highway + 0.3 * wide + 0.4 * chance(2) - 0.3 * river,
        Zone.SUBURB: wide + 0.55 * chance(3) - 0.2 * highway,
        Zone.LAKE: lone + 0.8 * chance(4),
        Zone.QUARRY: lone + 1.6 * chance(5),
        Zone.MARSH: 0.7 * river + chance(6) - 2 * highway - wide,
        Zone.SWAMP: 0.5 * river + chance(7) - 2 * highway - wide,
        Zone.CROPS: 0.5 * river + 0.25 * wide + chance(8, 2500.0) * 1.6,
        Zone.PASTURE: 0.2 * river + 0.2 * wide + chance(9, 2500.0) * 1.5,
        Zone.HOMESTEADS: 0.5 * wide + chance(10),
        Zone.SHRUB: chance(11) - 0.5 * wide,
        Zone.MEADOW: chance(12) - 0.5 * wide,
    }
    return {use: np.asarray(score, float) for use, score in order.items()}


def is_developed(uses: Array) -> Array:
    """Whether each use is built-up land."""
    return np.isin(uses, [int(z) for z in DEVELOPED])
