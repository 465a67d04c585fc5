"""The plan: everything that stands in the landscape, in both years, as vectors. Painting only looks things up in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from tools.landscape.features import Array, Bend, Features, Parcel
from tools.landscape.frame import Frame
from tools.landscape.homes import DENSITIES, Site, settle
from tools.landscape.kinds import NATURES, Zone
from tools.landscape.network import dig_waters, lay_county_roads, lay_highways
from tools.landscape.noise import noise_at
from tools.landscape.spec import LandscapeSpec
from tools.landscape.works import build_centre, build_industry, plough
from tools.landscape.zones import Setting, Tessellation, make_setting, make_zones


@dataclass(frozen=True, slots=True)
class Plan:
    """A landscape as vectors, in local metres.

    Attributes:
        spec: what was asked for.
        parcels: polygons in the order of painting.
        boxes: dtype BOX, in the order of painting.
        segments: road segments, dtype SEGMENT.
        tree: spatial index of the parcels.
    """

    spec: LandscapeSpec
    parcels: Sequence[Parcel]
    boxes: Array
    segments: Array
    tree: Any

    @classmethod
    def of(cls, spec: LandscapeSpec, features: Features) -> Plan:
        """Freeze what has been gathered."""
        boxes = features.all_boxes()
        boxes = boxes[np.argsort(boxes["what"], kind="stable")]
        tree = shapely.STRtree([p.polygon for p in features.parcels])
        return cls(spec, tuple(features.parcels), boxes, features.all_segments(), tree)

    def parcels_in(self, frame: Frame, year: int) -> list[int]:
        """Indices of the parcels that touch a frame in a year (bit mask), in the order of painting."""
        found = sorted(int(k) for k in self.tree.query(shapely.box(*frame.box)))
        return [k for k in found if self.parcels[k].years & year]

    def boxes_in(self, frame: Frame, year: int) -> Array:
        """Boxes that may touch a frame in a year."""
        return _near(self.boxes, frame, year, np.hypot(self.boxes["hu"], self.boxes["hv"]))

    def segments_in(self, frame: Frame, year: int, reach: float) -> Array:
        """Road segments within `reach` metres of a frame in a year."""
        s = self.segments
        x0, y0, x1, y1 = frame.box
        keep = (np.maximum(s["x1"], s["x2"]) > x0 - reach) & (np.minimum(s["x1"], s["x2"]) < x1 + reach)
        keep &= (np.maximum(s["y1"], s["y2"]) > y0 - reach) & (np.minimum(s["y1"], s["y2"]) < y1 + reach)
        return np.asarray(s[keep & (s["years"] & year > 0)])


def _near(rows: Array, frame: Frame, year: int, reach: Array) -> Array:
    """Rows with x and y within `reach` of a frame in a year."""
    x0, y0, x1, y1 = frame.box
    keep = (rows["x"] > x0 - reach) & (rows["x"] < x1 + reach) & (rows["y"] > y0 - reach) & (rows["y"] < y1 + reach)
    return np.asarray(rows[keep & (rows["years"] & year > 0)])


def draw_base(spec: LandscapeSpec) -> Features:
    """The landscape of the first year."""
    setting = make_setting(spec)
    zones = make_zones(spec, setting)
    features = Features()
    for k, polygon in enumerate(zones.polygons):
        if not polygon.is_empty:
            _furnish_zone(spec, setting, zones, k, features)
    features.gather()
    for part in shapely.get_parts(setting.corridors):
        features.clear(part)
    overlays = Features()
    water = dig_waters(zones, setting, overlays)
    for part in shapely.get_parts(water.buffer(20.0)):
        features.clear(part)
    lay_highways(setting, overlays)
    lay_county_roads(zones, setting, water, overlays)
    features.extend(overlays)
    features.gather()
    return features


def _furnish_zone(spec: LandscapeSpec, setting: Setting, zones: Tessellation, k: int, features: Features) -> None:
    """Draw one zone: its ground, and what is built or grown on it."""
    polygon, use = zones.polygons[k], Zone(int(zones.uses[k]))
    rng = np.random.default_rng([spec.seed, 2, k])
    features.parcels.append(ground_of(use, setting.bend.polygon(polygon), int(rng.integers(1 << 30))))
    bend, inner = setting.bend, polygon.buffer(-7.0)
    if use in (Zone.INDUSTRY, Zone.CENTRE):  # large straight buildings need straight streets
        bend, inner = Bend(spec.seed, 0.0), setting.bend.polygon(polygon).buffer(-7.0).difference(setting.corridors)
    furnish(Site(inner, bend, rng.uniform(0, np.pi), rng), use, features)


def ground_of(use: Zone, polygon: Any, seed: int) -> Parcel:  # noqa: ANN401
    """The parcel that a zone itself is, below everything else; forests differ in their share of conifers."""
    nature = NATURES[use]
    conifers, code = nature.conifers, nature.code
    if use == Zone.FOREST:
        middle = polygon.centroid
        mix = float(noise_at(np.array([middle.x]), np.array([middle.y]), 1900.0, 99)[0]) + (seed % 100) / 100 - 0.5
        conifers, code = (0.75, 42) if mix > 0.95 else (0.45, 43) if mix > 0.15 else (0.12, 41)
    return Parcel(polygon, nature.cover, code, nature.trees, nature.bushes, conifers, (seed % 314) / 100, seed)


def furnish(site: Site, use: Zone, features: Features) -> None:
    """Build or plant what belongs to a use on a site; wild land stays as it is."""
    if use in DENSITIES:
        settle(site, use, features)
    elif use == Zone.INDUSTRY:
        build_industry(site, features)
    elif use == Zone.CENTRE:
        build_centre(site, features)
    elif use in (Zone.CROPS, Zone.PASTURE):
        plough(site, use, features)
