"""Industry, town centres and farms: large roofs, car parks, yards, barns and fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from tools.landscape.features import Features, Parcel
from tools.landscape.homes import Site, lay_streets
from tools.landscape.kinds import Box, Cover, Zone
from tools.landscape.subdivide import Cut, Layout, Rect, subdivide


def build_industry(site: Site, features: Features) -> None:
    """Warehouses and plants, each with its car park and its depot, along a few streets."""
    layout = subdivide(site.polygon, site.angle, Cut(235, 175, 0.12), site.rng)
    lay_streets(site, layout, features)
    _fill(site, layout, features, tall=9.0)


def build_centre(site: Site, features: Features) -> None:
    """A town centre or a mall: blocks of flat roofs, car parks between."""
    layout = subdivide(site.polygon, site.angle, Cut(120, 95, 0.14), site.rng)
    lay_streets(site, layout, features)
    _fill(site, layout, features, tall=10.0)


def _fill(site: Site, layout: Layout, features: Features, tall: float) -> None:
    """Build on every leaf that lies well inside the site."""
    inner = site.polygon.buffer(-6.0)
    shapely.prepare(inner)
    for rect in layout.leaves:
        fitting = _largest_inside(layout, rect, inner)
        if fitting is not None:
            _lot(site, layout, fitting, features, tall)


def _largest_inside(layout: Layout, rect: Rect, inner: object) -> Rect | None:
    """The largest of a few smaller rectangles of a leaf that lies in the site; None where none does."""
    u0, v0, u1, v1 = rect
    um, vm = (u0 + u1) / 2, (v0 + v1) / 2
    halves = [Rect(u0, v0, um, v1), Rect(um, v0, u1, v1), Rect(u0, v0, u1, vm), Rect(u0, vm, u1, v1)]
    quarters = [Rect(u0, v0, um, vm), Rect(um, v0, u1, vm), Rect(u0, vm, um, v1), Rect(um, vm, u1, v1)]
    tries = [_scaled(part, share) for part in (rect, *halves, *quarters) for share in (1.0, 0.88, 0.76, 0.64)]
    for part in sorted(tries, key=lambda r: -r.size[0] * r.size[1]):
        if shapely.covers(inner, layout.polygon(part, 7.0)):
            return part
    return None


def _scaled(rect: Rect, share: float) -> Rect:
    """A rectangle shrunk about its middle."""
    off_u, off_v = (side * (1 - share) / 2 for side in rect.size)
    return Rect(rect.u0 + off_u, rect.v0 + off_v, rect.u1 - off_u, rect.v1 - off_v)


def _lot(site: Site, layout: Layout, rect: Rect, features: Features, tall: float) -> None:
    """One plot: a flat roof on one part of it, paving with cars on the rest."""
    rng = site.rng
    u0, v0, u1, v1 = (rect.u0 + 9, rect.v0 + 9, rect.u1 - 9, rect.v1 - 9)
    if u1 - u0 < 24 or v1 - v0 < 24:
        return
    share = rng.uniform(0.42, 0.66)
    if rng.uniform() < 0.5:
        roof, rest = Rect(u0, v0, u0 + share * (u1 - u0), v1), Rect(u0 + share * (u1 - u0), v0, u1, v1)
    else:
        rest, roof = Rect(u0, v0, u1, v0 + (1 - share) * (v1 - v0)), Rect(u0, v0 + (1 - share) * (v1 - v0), u1, v1)
    kind = Box.LOT if rng.uniform() < 0.68 else Box.DEPOT
    _place(site, layout, Rect(u0 - 2, v0 - 2, u1 + 2, v1 + 2), features, (Box.PAVE, 0.0))
    _place(site, layout, rest, features, (kind, 0.0))
    high = tall * rng.uniform(0.7, 1.3)
    inset = rng.uniform(2, 6)
    main = Rect(roof.u0 + inset, roof.v0 + inset, roof.u1 - inset, roof.v1 - inset)
    _place(site, layout, main, features, (Box.FLAT, high))
    if rng.uniform() < 0.45:  # an office or a lower hall in front
        along = rng.uniform(0.3, 0.6) * (main.u1 - main.u0)
        _place(
            site, layout, Rect(main.u0, main.v0 - inset, main.u0 + along, main.v0 + 9), features, (Box.FLAT, 0.6 * high)
        )


def _place(site: Site, layout: Layout, rect: Rect, features: Features, look: tuple[Box, float]) -> None:
    """Add one rectangle of the rotated frame as a box."""
    middle = np.array([[(rect.u0 + rect.u1) / 2, (rect.v0 + rect.v1) / 2]])
    ends = site.bend(layout.to_plan(np.concatenate([middle, middle + np.array([[1.0, 0.0]])])))
    angle = np.arctan2(*(ends[1] - ends[0])[::-1])
    half = np.array([[max(rect.size[0], 2.0) / 2, max(rect.size[1], 2.0) / 2]])
    features.add_boxes(look[0], ends[:1], half, angle, (look[1], site.rng.uniform()))


def plough(site: Site, zone: Zone, features: Features) -> None:
    """Cut a zone into fields with hedges between, and put a farm in it."""
    rng = site.rng
    layout = subdivide(site.polygon, site.angle, Cut(rng.uniform(260, 400), rng.uniform(150, 240), 0.16), rng)
    inner = site.polygon.buffer(-9.0)
    cover, code = (Cover.CROP, 82) if zone == Zone.CROPS else (Cover.PASTURE, 81)
    for rect in layout.leaves:
        hedge = rng.choice([1.0, 2.0, 6.0], p=[0.45, 0.25, 0.3])
        field = layout.polygon(rect, hedge).intersection(inner).buffer(-5).buffer(5)
        if field.area < 2500:
            continue
        if rng.uniform() < 0.13:
            features.parcels.append(_woodlot(site.bend.polygon(field), rng))
            continue
        along = layout.angle + (0.0 if rng.uniform() < 0.6 else np.pi / 2)
        ground = site.bend.polygon(field)
        hay = cover == Cover.PASTURE and rng.uniform() < 0.35
        trees = 0.0 if cover == Cover.CROP or hay else 0.006
        own = Cover.CROP if hay else cover
        features.parcels.append(Parcel(ground, own, code, trees, trees, 0.1, along, int(rng.integers(1 << 30))))
    _farm(site, layout, features)


def _woodlot(polygon: Any, rng: np.random.Generator) -> Parcel:  # noqa: ANN401
    """A field left to trees."""
    return Parcel(polygon, Cover.LITTER, 41, 0.95, 0.3, rng.uniform(0.05, 0.6), 0.0, int(rng.integers(1 << 30)))


def _farm(site: Site, layout: Layout, features: Features) -> None:
    """A farmstead near the middle of the zone: house, barns, silos on a gravel yard."""
    rng = site.rng
    leaves = sorted(layout.leaves, key=lambda r: -layout.polygon(r).intersection(site.polygon).area)
    rect = leaves[min(len(leaves) - 1, int(rng.integers(0, 3)))]
    u, v = rect.u0 + 32, rect.v0 + 30
    spots: list[tuple[float, float, float, float, Box, int]]
    spots = [(0, 0, 27, 24, Box.PAVE, 0), (-10, -8, 8, 5.5, Box.GABLE, 6), (9, -9, 7, 14, Box.GABLE, 8)]
    spots += [(10, 14, 13, 6, Box.GABLE, 7), (-2, 12, 2.6, 2.6, Box.DOME, 14), (-8, 13, 2.6, 2.6, Box.DOME, 12)]
    for du, dv, hu, hv, what, high in spots:
        part = Rect(u + du - hu, v + dv - hv, u + du + hu, v + dv + hv)
        if shapely.contains_xy(site.polygon, *layout.to_plan(np.array([[u + du, v + dv]]))[0]):
            _place(site, layout, part, features, (what, float(high)))
