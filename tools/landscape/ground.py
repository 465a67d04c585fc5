"""The colour of bare and green ground: parcels, crop rows, marsh pools, quarry terraces, shoals."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tools.landscape.frame import F32, Frame
from tools.landscape.hardship import flood, seeming
from tools.landscape.kinds import Cover
from tools.landscape.layers import Ground
from tools.landscape.noise import fractal, grain, hash01, value_noise
from tools.landscape.plan import Plan
from tools.landscape.season import CROPS_AUTUMN, CROPS_SUMMER, Season, cover_colours, table

ROUGHNESS = {
    Cover.NONE: (0.5, 0.5, 0.03, 0.02),
    Cover.LAWN: (0.20, 0.20, 0.030, 0.022),
    Cover.CROP: (0.25, 0.10, 0.025, 0.020),
    Cover.PASTURE: (0.38, 0.22, 0.030, 0.020),
    Cover.LITTER: (0.3, 0.3, 0.10, 0.06),
    Cover.SHRUB: (0.30, 0.35, 0.07, 0.05),
    Cover.MEADOW: (0.38, 0.40, 0.055, 0.040),
    Cover.MARSH: (0.45, 0.45, 0.075, 0.045),
    Cover.SAND: (0.45, 0.30, 0.055, 0.030),
    Cover.ROCK: (0.40, 0.40, 0.07, 0.05),
    Cover.WATER: (0.30, 0.02, 0.004, 0.006),
    Cover.PAVED: (0.3, 0.25, 0.03, 0.02),
    Cover.GRAVEL: (0.3, 0.3, 0.03, 0.03),
    Cover.VERGE: (0.30, 0.30, 0.045, 0.030),
}
"""Of each cover: how far wide and near noise mix its second colour in, and how far near and fine noise change its light."""


def paint_ground(plan: Plan, frame: Frame, ground: Ground, season: Season) -> tuple[F32, F32]:
    """Colour (height, width, 3; 0 to 255) and relief (height, width; metres) of the ground before anything stands on it."""
    seed = plan.spec.seed
    wide = fractal(frame, (310.0, 95.0, 33.0), seed + 201)
    near = fractal(frame, (21.0, 8.0, 3.4), seed + 202, gain=0.75)
    fine = 0.75 * grain(frame, seed + 203 + season.year) + 0.65 * value_noise(frame, 2.0, seed + 204)
    rough = np.array([ROUGHNESS[c] for c in Cover], np.float32).T
    base, second = _parcel_colours(plan, ground, season)
    mix = np.clip(0.4 + rough[0][ground.cover] * wide + rough[1][ground.cover] * near, 0.0, 1.0)
    rgb = np.take(second - base, ground.index, axis=0)
    rgb *= mix[..., None]
    rgb += np.take(base, ground.index, axis=0)
    rgb *= (1.0 + rough[2][ground.cover] * near + rough[3][ground.cover] * fine)[..., None]
    relief = np.zeros(frame.shape, np.float32)
    _rows(plan, frame, ground, season, rgb, near)
    _marsh(ground, rgb, frame, seed)
    _quarry(ground, (rgb, relief), frame, seed, near)
    _water(ground, rgb, frame, wide)
    flood(rgb, ground.cover, frame, season, seed)
    return rgb, relief


def _parcel_colours(plan: Plan, ground: Ground, season: Season) -> tuple[F32, F32]:
    """Base and second colour of every parcel of a frame, each (parcels, 3)."""
    parcels = [plan.parcels[k] for k in ground.parcels]
    seeds = np.array([p.seed for p in parcels], np.int64)
    covers = seeming(np.array([p.cover for p in parcels], np.uint8), seeds, season)
    base, second = (c[covers] for c in cover_colours(season))
    crops = table(CROPS_AUTUMN if season.autumn > 0.5 else CROPS_SUMMER)
    crop = crops[(hash01(seeds, 0, season.year) * len(crops)).astype(int)]
    is_crop = (covers == Cover.CROP)[:, None]
    base, second = (
        np.where(is_crop, crop, base),
        np.where(is_crop, crop * np.array([1.09, 1.03, 1.06], np.float32), second),
    )
    vary = np.where(is_crop[:, 0], 0.10, np.where(covers == Cover.WATER, 0.0, 0.045))[:, None]
    tint = (
        1.0
        + vary * (hash01(seeds[:, None], np.arange(3), 5) - 0.5)
        + vary * 1.4 * (hash01(seeds, 7, season.year)[:, None] - 0.5)
    )
    return (base * tint).astype(np.float32), (second * tint).astype(np.float32)


def _rows(plan: Plan, frame: Frame, ground: Ground, season: Season, rgb: F32, near: F32) -> None:
    """Rows and machine passes of crops, in each field's own direction."""
    rows, cols = np.nonzero(ground.cover == Cover.CROP)
    if not len(rows):
        return
    parcels = [plan.parcels[k] for k in ground.parcels]
    seeds = np.array([p.seed for p in parcels], np.int64)
    angles = np.array([p.angle for p in parcels], np.float32)
    which = ground.index[rows, cols]
    spacing = (3.4 + 2.4 * hash01(seeds, 1, 77))[which]
    strength = (0.02 + 0.06 * hash01(seeds, 2, 77 + season.year))[which]
    x, y = frame.xs.astype(np.float32)[cols], frame.ys.astype(np.float32)[rows]
    across = y * np.cos(angles[which]) - x * np.sin(angles[which])
    wave = np.sin(2 * np.pi * across / spacing) * (1 + 0.35 * near[rows, cols])
    swath = hash01(np.floor(across / (5.0 * spacing)).astype(np.int64), which * 0 + 3, 78) - 0.5
    track = (np.abs(np.mod(across, 12.0 * spacing) - 6.0 * spacing) < 0.9) * np.float32(0.05)
    light = 1.0 + strength * wave + 0.045 * swath - track
    rgb[rows, cols] *= light[:, None]


def _marsh(ground: Ground, rgb: F32, frame: Frame, seed: int) -> None:
    """Dark pools and winding channels in a marsh."""
    marsh = ground.cover == Cover.MARSH
    if not marsh.any():
        return
    bends = fractal(frame, (140.0, 52.0, 17.0), seed + 211, gain=0.5)
    pools = fractal(frame, (48.0, 17.0), seed + 212)
    channel = np.clip(1.0 - np.abs(bends) * 14.0, 0.0, 1.0)
    pool = np.clip((pools - 1.25) * 4.0, 0.0, 1.0)
    wet = (np.maximum(channel, pool) * 0.85 * marsh)[..., None]
    rgb *= 1 - wet
    rgb += wet * np.array([50, 60, 58], np.float32)


def _quarry(ground: Ground, surface: tuple[F32, F32], frame: Frame, seed: int, near: F32) -> None:
    """Terraces, haul roads, scrub patches and a pond in a sand pit."""
    rgb, relief = surface
    pit = np.isin(ground.cover, (Cover.SAND, Cover.ROCK))
    if not pit.any():
        return
    deep = fractal(frame, (260.0, 90.0, 28.0), seed + 221, gain=0.45)
    level = deep * 2.2 + 0.10 * near
    terrace = np.floor(level) + np.clip((level - np.floor(level)) * 7.0, 0.0, 1.0)
    relief += pit * terrace.astype(np.float32) * 3.6
    shade = np.clip(1.0 + 0.035 * terrace, 0.8, 1.15)[..., None]
    rgb *= np.where(pit[..., None], shade, 1.0)
    haul = fractal(frame, (330.0, 110.0), seed + 222, gain=0.4)
    road = (np.clip(1.6 - np.abs(haul) * 26.0, 0.0, 1.0) * 0.6 * pit)[..., None]
    rgb += road * (np.array([216, 204, 180], np.float32) - rgb)
    green = (np.clip((fractal(frame, (75.0, 26.0, 9.0), seed + 223) - 1.15) * 2.5, 0, 0.75) * pit)[..., None]
    rgb += green * (np.array([120, 122, 82], np.float32) - rgb)
    pond = (np.clip((-1.75 - deep) * 9.0, 0.0, 1.0) * pit)[..., None]
    rgb += pond * (np.array([78, 104, 102], np.float32) - rgb)
    relief *= 1 - pond[..., 0]


def _water(ground: Ground, rgb: F32, frame: Frame, wide: F32) -> None:
    """Shoals along the shore and faint wind streaks."""
    water = ground.cover == Cover.WATER
    if not water.any():
        return
    depth = ndimage.uniform_filter(water.astype(np.float32), max(3, int(21 / frame.pixel)), mode="nearest")
    shoal = (np.clip(1.35 - depth - 0.4, 0.0, 1.0) * (0.75 + 0.2 * wide) * water)[..., None]
    rgb += shoal * (np.array([104, 104, 84], np.float32) - rgb)
