"""The vocabulary of the plan: what a zone is used for, what covers a parcel, what a box is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Zone(IntEnum):
    """Use of a zone, an area of some 50 hectares."""

    FOREST = 0
    CENTRE = 1
    DENSE = 2
    SUBURB = 3
    HOMESTEADS = 4
    INDUSTRY = 5
    LAKE = 6
    MARSH = 7
    SWAMP = 8
    CROPS = 9
    PASTURE = 10
    QUARRY = 11
    SHRUB = 12
    MEADOW = 13


class Cover(IntEnum):
    """What covers the ground of a parcel."""

    NONE = 0
    LAWN = 1
    CROP = 2
    PASTURE = 3
    LITTER = 4
    SHRUB = 5
    MEADOW = 6
    MARSH = 7
    SAND = 8
    ROCK = 9
    WATER = 10
    PAVED = 11
    GRAVEL = 12
    VERGE = 13


class Box(IntEnum):
    """What an oriented rectangle is. The order is that of painting."""

    YARD = 0
    PAVE = 1
    LOT = 2
    DEPOT = 3
    DRIVE = 4
    POOL = 5
    FLAT = 6
    HIP = 7
    GABLE = 8
    DOME = 9


class Road(IntEnum):
    """Rank of a road."""

    STREET = 0
    COUNTY = 1
    HIGHWAY = 2


HALF_WIDTH = {Road.STREET: 3.8, Road.COUNTY: 5.0, Road.HIGHWAY: 7.0}
"""Half the paved width of a road in metres."""
FIRST, SECOND, BOTH = 1, 2, 3
"""Bit masks of the survey years in which a thing stands."""
DEVELOPED = (Zone.CENTRE, Zone.DENSE, Zone.SUBURB, Zone.HOMESTEADS, Zone.INDUSTRY)


@dataclass(frozen=True, slots=True)
class Nature:
    """How a zone's own ground looks: its cover, NLCD code, chance of a tree and of a bush a crown's cell, share of conifers."""

    cover: Cover
    code: int
    trees: float
    bushes: float
    conifers: float
    share: float


NATURES = {
    Zone.FOREST: Nature(Cover.LITTER, 41, 0.97, 0.3, 0.25, 0.0),
    Zone.CENTRE: Nature(Cover.VERGE, 24, 0.13, 0.05, 0.1, 0.022),
    Zone.DENSE: Nature(Cover.LAWN, 23, 0.16, 0.05, 0.15, 0.040),
    Zone.SUBURB: Nature(Cover.LAWN, 22, 0.26, 0.06, 0.25, 0.078),
    Zone.HOMESTEADS: Nature(Cover.LAWN, 21, 0.42, 0.10, 0.3, 0.040),
    Zone.INDUSTRY: Nature(Cover.VERGE, 24, 0.10, 0.04, 0.3, 0.042),
    Zone.LAKE: Nature(Cover.LITTER, 43, 0.85, 0.3, 0.35, 0.080),
    Zone.MARSH: Nature(Cover.MARSH, 95, 0.015, 0.10, 0.3, 0.038),
    Zone.SWAMP: Nature(Cover.MARSH, 90, 0.80, 0.4, 0.3, 0.022),
    Zone.CROPS: Nature(Cover.VERGE, 82, 0.30, 0.25, 0.15, 0.135),
    Zone.PASTURE: Nature(Cover.VERGE, 81, 0.25, 0.25, 0.15, 0.065),
    Zone.QUARRY: Nature(Cover.SAND, 31, 0.0, 0.02, 0.5, 0.058),
    Zone.SHRUB: Nature(Cover.SHRUB, 52, 0.06, 0.72, 0.45, 0.07),
    Zone.MEADOW: Nature(Cover.MEADOW, 71, 0.012, 0.05, 0.2, 0.068),
}
