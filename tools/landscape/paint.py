"""One tile of an orthophoto: ground, then what people built, then trees, then light."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tools.landscape.canopy import Crowns, Stand, draw_crowns
from tools.landscape.frame import F32, Frame
from tools.landscape.ground import paint_ground
from tools.landscape.kinds import Cover
from tools.landscape.layers import Ground, lay_ground, lay_roads
from tools.landscape.light import hillshade, light_scene, photograph, shadow_reach
from tools.landscape.noise import fractal, value_noise
from tools.landscape.plan import Plan
from tools.landscape.roads import paint_roads
from tools.landscape.scene import Scene
from tools.landscape.season import CONIFERS, HARDWOODS_AUTUMN, HARDWOODS_SUMMER, Season, table
from tools.landscape.structures import paint_boxes

TREES = Stand(6.4, (2.4, 4.9), (8.0, 16.0), 500)
BUSHES = Stand(3.3, (0.8, 2.0), (0.9, 2.8), 520)


def paint_tile(plan: Plan, frame: Frame, season: Season) -> npt.NDArray[np.uint8]:
    """The orthophoto of a frame in one year, uint8 (height, width, 3). Pixels coarser than a metre are averaged finer ones."""
    times = math.ceil(frame.pixel - 1e-9)
    fine = Frame(frame.x0, frame.y0, frame.pixel / times, frame.height * times, frame.width * times)
    margin = math.ceil((shadow_reach(season) + 8.0) / fine.pixel)
    wide = fine.padded(margin)
    rgb = photograph(_lit(plan, wide, season), wide, season, plan.spec.seed)[margin:-margin, margin:-margin]
    if times > 1:
        rgb = rgb.reshape(frame.height, times, frame.width, times, 3).mean(axis=(1, 3))
    return np.asarray(np.round(rgb), np.uint8)


def _lit(plan: Plan, frame: Frame, season: Season) -> F32:
    """The lit scene of a frame."""
    ground = lay_ground(plan, frame, season.bit)
    rgb, relief = paint_ground(plan, frame, ground, season)
    scene = Scene(frame, rgb, np.zeros(frame.shape, np.float32), np.zeros(frame.shape, bool))
    paint_boxes(scene, plan, season)
    paint_roads(scene, lay_roads(plan, frame, season.bit), season, plan.spec.seed)
    _plant(plan, scene, ground, season)
    np.add(scene.height, relief, out=scene.height)
    scene.rgb[...] *= np.where(ground.cover == Cover.WATER, 1.0, hillshade(frame, season, plan.spec.seed))[..., None]
    return light_scene(scene.rgb, scene.height, frame, season)


def _plant(plan: Plan, scene: Scene, ground: Ground, season: Season) -> None:
    """Bushes and trees where parcels bear them, clumped by noise, off roads and roofs."""
    frame, seed = scene.frame, plan.spec.seed
    parcels = [plan.parcels[k] for k in ground.parcels]
    clump = fractal(frame, (85.0, 30.0), seed + 501)
    mix = 0.35 * fractal(frame, (420.0, 120.0, 38.0), seed + 502)
    conifers = _per_parcel([p.conifers for p in parcels])[ground.index] + mix
    open_land = np.isin(ground.cover, (Cover.MEADOW, Cover.SHRUB, Cover.SAND))
    groves = open_land * np.clip(fractal(frame, (260.0, 95.0, 35.0), seed + 503) * 1.6 - 2.6, 0.0, 1.0)
    for stand, chances in ((BUSHES, [p.bushes for p in parcels]), (TREES, [p.trees for p in parcels])):
        chance = _per_parcel(chances)[ground.index]
        density = chance * np.where(chance > 0.8, 1.0, np.exp(0.55 * clump - 0.15))
        if stand is TREES:
            density += 0.8 * groves
        density[scene.bare] = 0.0
        own = Stand(stand.step, stand.radius, stand.height, stand.seed + 1000 * (seed % 997))
        _grow(scene, draw_crowns(frame, density, conifers, own), season, own)


def _per_parcel(values: list[float]) -> F32:
    """A lookup table of one value a parcel."""
    return np.array(values, np.float32)


def _grow(scene: Scene, crowns: Crowns, season: Season, stand: Stand) -> None:
    """Put crowns over what stands lower, each in its own colour."""
    over = (crowns.index >= 0) & (crowns.height > scene.height)
    if not over.any():
        return
    tall = stand.height[1] > 4.0
    leaf = value_noise(scene.frame, 1.7, stand.seed + 31)[over]
    colours = _crown_colours(scene.frame, crowns, season, stand)[crowns.index[over]]
    scene.rgb[over] = colours * (1 + 0.07 * leaf)[:, None]
    scene.height[over] = crowns.height[over] + (0.34 if tall else 0.15) * leaf


def _crown_colours(frame: Frame, crowns: Crowns, season: Season, stand: Stand) -> F32:
    """Colour of each crown, (crowns, 3): neighbours are alike, as one kind grows and turns together."""
    at = crowns.row, crowns.col
    alike = fractal(frame, (190.0, 70.0, 26.0), stand.seed + 41)[at]
    turned = 0.36 if season.autumn > 0.5 else 0.5
    pick = np.clip(turned + 0.17 * alike + 0.7 * (crowns.tone - 0.5), 0.0, 0.999)
    broad = _ramp(table(HARDWOODS_AUTUMN if season.autumn > 0.5 else HARDWOODS_SUMMER), pick)
    colour = np.where(crowns.conifer[:, None], _ramp(table(CONIFERS), pick), broad)
    shade = 0.90 + 0.20 * ((crowns.tone * 997.0) % 1.0) + 0.06 * fractal(frame, (600.0, 210.0), stand.seed + 43)[at]
    small = 1.0 if stand.height[1] > 4.0 else 1.16
    return np.asarray(colour * (small * shade)[:, None], np.float32)


def _ramp(colours: F32, share: F32) -> F32:
    """Colours (n, 3) at places 0 to 1 along a ramp, blended."""
    place = share * (len(colours) - 1)
    low = place.astype(np.int64)
    part = (place - low)[:, None]
    return np.asarray(colours[low] * (1 - part) + colours[np.minimum(low + 1, len(colours) - 1)] * part, np.float32)
