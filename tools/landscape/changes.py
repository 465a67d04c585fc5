"""True change: a few places whose use differs in the second year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from landuse.grid import CHIP_M
from tools.landscape.features import Bend, Features, Parcel
from tools.landscape.frame import Frame
from tools.landscape.homes import Site
from tools.landscape.kinds import FIRST, SECOND, Cover, Road, Zone
from tools.landscape.layers import label_codes
from tools.landscape.plan import Plan, draw_base, furnish, ground_of
from tools.landscape.spec import NORTH, WEST, LandscapeSpec

SHARE = 0.015
"""Share of the chips that change."""
COARSE = 8.0
"""Metres of a label pixel: 28 of them make a chip's side."""
CROPS, WOODS = (81, 82), (41, 42, 43)


@dataclass(frozen=True, slots=True)
class Story:
    """What may happen to land: NLCD codes before, use after, and the size in chips (rows, columns)."""

    before: tuple[int, ...]
    after: Zone
    size: tuple[int, int]


STORIES = (
    Story(CROPS, Zone.SUBURB, (2, 2)),
    Story(WOODS, Zone.SHRUB, (1, 2)),
    Story(CROPS, Zone.INDUSTRY, (2, 1)),
    Story(WOODS, Zone.QUARRY, (1, 1)),
    Story(CROPS, Zone.MEADOW, (1, 1)),
    Story(WOODS, Zone.SUBURB, (1, 2)),
    Story(CROPS, Zone.LAKE, (1, 1)),
    Story((71, 52), Zone.DENSE, (1, 1)),
    Story(CROPS, Zone.SHRUB, (2, 1)),
)


def draw_plan(spec: LandscapeSpec) -> Plan:
    """The plan of a landscape in both years."""
    features = draw_base(spec)
    purity, major = chip_labels(Plan.of(spec, features), FIRST)
    rng = np.random.default_rng([spec.seed, 3])
    free = np.ones(major.shape, bool)
    free[:2], free[-2:], free[:, :2], free[:, -2:] = False, False, False, False
    if spec.chips < 10:
        free[1:-1, 1:-1] = True
    left, told = SHARE * spec.chips**2, 0
    while left > 0 and told < 4 * len(STORIES) + spec.chips**2:
        story = STORIES[told % len(STORIES)]
        told += 1
        place = _choose(story, free & (purity > 0.95), major, rng)
        if place is None:
            continue
        row, col = place
        rows, cols = story.size
        free[max(0, row - 1) : row + rows + 1, max(0, col - 1) : col + cols + 1] = False
        left -= rows * cols
        _change(spec, story, place, rng, features)
    return Plan.of(spec, features)


def chip_frame(spec: LandscapeSpec) -> tuple[Frame, int]:
    """Frame of the whole chips of the (0, 0) lattice within the survey at 8 m, and their number along a side."""
    x0 = np.ceil(WEST / CHIP_M) * CHIP_M - WEST
    y0 = NORTH - np.floor(NORTH / CHIP_M) * CHIP_M
    n = int(min((spec.side - x0) // CHIP_M, (spec.side - y0) // CHIP_M))
    per = round(CHIP_M / COARSE)
    return Frame(float(x0), float(y0), COARSE, n * per, n * per), n


def chip_labels(plan: Plan, year: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """Share and group (the first of its codes) of the commonest code group of every whole chip, from coarse labels."""
    frame, n = chip_frame(plan.spec)
    per = round(CHIP_M / COARSE)
    groups = ((81, 82), (41, 42, 43), (71,), (52,))
    shares = np.zeros((len(groups), n, n))
    for row in range(n):  # one row of chips at a time keeps memory small
        strip = Frame(frame.x0, frame.y0 + row * CHIP_M, COARSE, per, frame.width)
        codes = label_codes(plan, strip, year).reshape(per, n, per)
        for k, group in enumerate(groups):
            shares[k, row] = np.isin(codes, group).mean(axis=(0, 2))
    return shares.max(axis=0), np.array([g[0] for g in groups], np.uint8)[shares.argmax(axis=0)]


def _choose(
    story: Story, free: npt.NDArray[np.bool_], major: npt.NDArray[np.uint8], rng: np.random.Generator
) -> tuple[int, int] | None:
    """A random place where every chip of a story's size is free and of its class; None where there is none."""
    fits = free & np.isin(major, story.before)
    rows, cols = story.size
    windows = np.lib.stride_tricks.sliding_window_view(fits, (rows, cols)).all(axis=(2, 3))
    places = np.argwhere(windows)
    if not len(places):
        return None
    row, col = places[rng.integers(len(places))]
    return int(row), int(col)


def _change(
    spec: LandscapeSpec, story: Story, place: tuple[int, int], rng: np.random.Generator, features: Features
) -> None:
    """Let a place be of another use in the second year."""
    frame, _ = chip_frame(spec)
    rows, cols = story.size
    x, y = frame.x0 + place[1] * CHIP_M, frame.y0 + place[0] * CHIP_M
    site = shapely.box(x, y, x + cols * CHIP_M, y + rows * CHIP_M).buffer(4.0, join_style="mitre")
    site = shapely.affinity.rotate(site, rng.uniform(-4, 4))
    site = Bend(spec.seed + 9, 0.15).polygon(site.buffer(-30.0).buffer(28.0))
    features.clear(site, FIRST)
    new = Features()
    straight = Bend(spec.seed + 9, 0.0)
    new.parcels.append(_new_ground(story.after, site, int(rng.integers(1 << 30))))
    furnish(Site(site.buffer(-4.0), straight, rng.uniform(-0.15, 0.15), rng), story.after, new)
    _give_access(features, new)
    new.stand_in(SECOND)
    features.extend(new)


def _new_ground(use: Zone, site: Any, seed: int) -> Parcel:  # noqa: ANN401
    """The ground of a changed place, which keeps to its outline; a lake fills all of it."""
    if use == Zone.LAKE:
        return Parcel(site, Cover.WATER, 11, seed=seed, ragged=False)
    return replace(ground_of(use, site, seed), ragged=False)


def _give_access(features: Features, new: Features) -> None:
    """Join new streets to the nearest old road by a straight one."""
    here, there = new.all_segments(), features.all_segments()
    if not len(here):
        return
    near = (np.abs(there["x1"] - here["x1"][0]) < 3000) & (np.abs(there["y1"] - here["y1"][0]) < 3000)
    there = there[near & (there["rank"] != Road.HIGHWAY)]
    if not len(there):
        return
    ends = np.stack([np.r_[here["x1"], here["x2"]], np.r_[here["y1"], here["y2"]]], axis=1)
    gaps, nearest = cKDTree(np.stack([there["x1"], there["y1"]], axis=1)).query(ends)
    k = int(gaps.argmin())
    target = np.array([[there["x1"][nearest[k]], there["y1"][nearest[k]]]])
    steps = np.linspace(0, 1, 12)[:, None]
    new.add_road(ends[k] * (1 - steps) + target * steps, Road.STREET)
