"""Neighbourhoods: streets, lots, houses with drives, yards and pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from tools.landscape.features import Array, Bend, Features
from tools.landscape.kinds import Box, Road, Zone
from tools.landscape.subdivide import Cut, Layout, Rect, subdivide


@dataclass(frozen=True, slots=True)
class Density:
    """How a neighbourhood is built: block cuts, lot width, setback, house half sizes and height in metres, share of pools."""

    cut: Cut
    lot: float
    setback: float
    house: tuple[float, float]
    pools: float
    height: float


DENSITIES = {
    Zone.DENSE: Density(Cut(170, 74), 15.5, 14.0, (5.6, 4.3), 0.02, 7.0),
    Zone.SUBURB: Density(Cut(260, 98), 25.0, 19.0, (7.2, 4.8), 0.12, 5.0),
    Zone.HOMESTEADS: Density(Cut(400, 180), 50.0, 29.0, (8.6, 5.4), 0.16, 5.5),
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where to build: the plan polygon, the bend to ground, the direction of its streets, and the generator to draw from."""

    polygon: Any
    bend: Bend
    angle: float
    rng: np.random.Generator


def settle(site: Site, zone: Zone, features: Features) -> None:
    """Build a neighbourhood of the given density on a site."""
    density = DENSITIES[zone]
    layout = subdivide(site.polygon, site.angle, density.cut, site.rng)
    lay_streets(site, layout, features)
    lots = np.concatenate([np.zeros((0, 4)), *(_lots(rect, density, site.rng) for rect in layout.leaves)])
    plan = layout.to_plan(lots[:, :2])
    inner = site.polygon.buffer(-density.setback - 3.0)
    lots, plan = (a[shapely.contains_xy(inner, plan[:, 0], plan[:, 1])] for a in (lots, plan))
    lots = lots[site.rng.uniform(size=len(lots)) < 0.95][: len(lots)]
    if len(lots):
        _build(site, layout, density, lots, features)


def lay_streets(site: Site, layout: Layout, features: Features) -> None:
    """Pave the cut lines of a layout as far as they lie in the site."""
    for line in layout.cuts:
        inside = shapely.LineString(layout.to_plan(line)).intersection(site.polygon.buffer(1.0))
        for part in shapely.get_parts(inside):
            if part.geom_type == "LineString" and part.length > 30:
                points = shapely.get_coordinates(shapely.segmentize(part, 22.0))
                features.add_road(site.bend(points), Road.STREET)


def _lots(rect: Rect, density: Density, rng: np.random.Generator) -> Array:
    """House places of a block: (n, 4) of u, v, outward direction across (+1 or -1), lot depth; both sides where it is deep."""
    along, across = rect.size
    count = int((along - 10) / density.lot)
    if count < 1 or across < density.setback + 12:
        return np.zeros((0, 4))
    u = rect.u0 + 5 + (np.arange(count) + 0.5) * (along - 10) / count
    both = across > 2 * density.setback + 8
    rows = []
    for side in (1.0, -1.0) if both else (1.0 if rng.uniform() < 0.5 else -1.0,):
        edge = rect.v1 if side > 0 else rect.v0
        v = edge - side * (density.setback + rng.normal(0, 1.2, count))
        depth = across / 2 if both else across
        rows.append(np.stack([u + rng.normal(0, 1.0, count), v, np.full(count, side), np.full(count, depth)], axis=1))
    return np.concatenate(rows)


def _build(site: Site, layout: Layout, density: Density, lots: Array, features: Features) -> None:
    """Put a house, its drive and what stands around it on every lot."""
    rng, n, side = site.rng, len(lots), lots[:, 2]

    def ground(du: Array, dv: Array) -> Array:
        """Bent position of a point of each lot, `du` along the street and `dv` towards it, from the house's middle."""
        return site.bend(layout.to_plan(lots[:, :2] + np.stack([du, side * dv], axis=1)))

    zero, one = np.zeros(n), np.ones(n)
    ahead = ground(one, zero) - ground(-one, zero)
    angle = np.arctan2(ahead[:, 1], ahead[:, 0])
    middle = density.setback + 1 - lots[:, 3] / 2
    yard = np.stack([one * density.lot / 2, lots[:, 3] / 2 - 2.5], axis=1)
    features.add_boxes(Box.YARD, ground(zero, middle - 2.0), yard, angle, (0.0, rng.uniform(size=n)))
    half = np.array(density.house) * rng.uniform(0.82, 1.2, (n, 2))
    turned = rng.uniform(size=n) < (0.6 if density.lot < 18 else 0.15)
    angle_house = angle + np.where(turned, np.pi / 2, 0) + rng.normal(0, 0.03, n)
    tone, height = rng.uniform(size=n), density.height * rng.uniform(0.8, 1.25, n)
    roof = np.where(rng.uniform(size=n) < 0.3, Box.HIP, Box.GABLE)
    here = ground(zero, zero)
    hand = np.where(rng.uniform(size=n) < 0.5, 1.0, -1.0)
    edge = np.minimum(half[:, 0] + 1.0, density.lot / 2 - 2.2)
    drive = np.stack([one * 1.7, one * (density.setback - 2.0) / 2], axis=1)
    features.add_boxes(Box.DRIVE, ground(hand * edge, drive[:, 1] + 0.5), drive, angle, (0.0, rng.uniform(size=n)))
    for kind in (Box.HIP, Box.GABLE):
        k = roof == kind
        features.add_boxes(kind, here[k], half[k], angle_house[k], (height[k], tone[k]))
    wing = (rng.uniform(size=n) < 0.55) & ~turned
    wings = np.stack([half[:, 1] * 0.62, half[:, 1] * 1.25], axis=1)
    place = ground(hand * (half[:, 0] - 2.4), hand * 0 + 2.6)
    features.add_boxes(
        Box.GABLE, place[wing], wings[wing][:, ::-1], angle_house[wing] + np.pi / 2, (height[wing] * 0.85, tone[wing])
    )
    _extras(density, ground, angle, rng, features)


def _extras(density: Density, ground: Any, angle: Array, rng: np.random.Generator, features: Features) -> None:  # noqa: ANN401
    """Pools and sheds behind some houses."""
    n = len(angle)
    spot = ground(rng.uniform(-0.28, 0.28, n) * density.lot, -density.house[1] - rng.uniform(7, 12, n))
    pool = rng.uniform(size=n) < density.pools
    size = rng.uniform(0.8, 1.25, (n, 1)) * np.array([[4.4, 2.4]])
    features.add_boxes(Box.POOL, spot[pool], size[pool], angle[pool], (0.0, rng.uniform(size=n)[pool]))
    shed = ~pool & (rng.uniform(size=n) < 0.3)
    small = np.full((n, 2), 2.1) * rng.uniform(0.8, 1.4, (n, 2))
    features.add_boxes(Box.GABLE, spot[shed], small[shed], angle[shed], (2.6, rng.uniform(size=n)[shed]))
