"""Sun and camera: slopes lit, shadows cast, haze, colour balance, blur and noise."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from tools.landscape.frame import F32, Frame
from tools.landscape.hardship import strip_gain
from tools.landscape.noise import fractal, grain
from tools.landscape.season import Season

TALLEST = 24.0
"""Nothing stands higher, in metres; shadows are followed as far as this casts them."""

SKY = np.array([0.42, 0.455, 0.52], np.float32)
"""Share of the light that comes from the sky, and so also falls into the shade: red, green, blue."""


def shadow_reach(season: Season) -> float:
    """Length of the longest shadow in metres."""
    return TALLEST / math.tan(math.radians(season.elevation))


def cast_shadows(height: F32, frame: Frame, season: Season) -> F32:
    """Share of the sun's light that is blocked at each pixel, 0 to 1: a march towards the sun over the surface."""
    azimuth, slope = math.radians(season.azimuth), math.tan(math.radians(season.elevation))
    blocked = np.full(frame.shape, -1e3, np.float32)
    step = max(frame.pixel, 1.3)
    for k in range(1, int(shadow_reach(season) / step) + 1):
        far = k * step
        dc, dr = round(far * math.sin(azimuth) / frame.pixel), round(-far * math.cos(azimuth) / frame.pixel)
        here, there = _overlap(frame.shape, dr, dc)
        np.maximum(blocked[here], height[there] - np.float32(far * slope), out=blocked[here])
    return np.asarray(np.clip((blocked - height) / 1.2, 0.0, 1.0), np.float32)


def _overlap(shape: tuple[int, int], dr: int, dc: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Windows of the pixels and of those `dr` rows down and `dc` columns on, where both exist."""
    h, w = shape
    here = slice(max(0, -dr), min(h, h - dr)), slice(max(0, -dc), min(w, w - dc))
    there = slice(max(0, dr), min(h, h + dr)), slice(max(0, dc), min(w, w + dc))
    return here, there


def light_scene(rgb: F32, height: F32, frame: Frame, season: Season) -> F32:
    """Colour under the season's sun: Lambert's cosine on the surface's slope, blue sky light in the shade."""
    azimuth, elevation = math.radians(season.azimuth), math.radians(season.elevation)
    shade = ndimage.gaussian_filter(cast_shadows(height, frame, season), 0.45 / frame.pixel)
    down, right = (np.clip(g / frame.pixel, -2.0, 2.0) for g in np.gradient(height))
    facing = (down * math.cos(azimuth) - right * math.sin(azimuth)) * math.cos(elevation) + math.sin(elevation)
    lambert = np.maximum(facing, 0.0) / np.sqrt(1 + right * right + down * down) / math.sin(elevation)
    sun = np.minimum(0.42 + 0.58 * lambert, 1.32) * (1 - shade)
    light = sun[..., None] * ((1 - SKY) * np.array([1.0, 0.99, 0.965], np.float32))
    light += SKY
    light *= rgb
    return np.asarray(light, np.float32)


def hillshade(frame: Frame, season: Season, seed: int) -> F32:
    """Light on gentle hills, around 1; (height, width)."""
    down, right = np.gradient(fractal(frame, (1300.0, 520.0, 210.0), seed + 600) * np.float32(16.0 / frame.pixel))
    azimuth = math.radians(season.azimuth)
    towards = down * math.cos(azimuth) - right * math.sin(azimuth)
    return np.asarray(np.clip(1.0 + 0.75 * towards, 0.8, 1.2), np.float32)


def _blur(shift: float) -> F32:
    """Weights of the lens along one axis, five pixels or more: a Gaussian of 0.55 pixel, moved by the misregistration."""
    reach = max(2, math.ceil(abs(shift)) + 1)
    weights = np.exp(-(((np.arange(-reach, reach + 1) + shift) / 0.55) ** 2) / 2)
    return np.asarray(weights / weights.sum(), np.float32)


def photograph(rgb: F32, frame: Frame, season: Season, seed: int) -> F32:
    """What the camera and the laboratory make of it: haze, colour, contrast, misregistration, blur and noise; 0 to 255."""
    veil = np.float32(season.haze) * (1 + 0.25 * fractal(frame, (2400.0,), seed + season.year))[..., None]
    rgb = rgb + veil * (np.array([196, 204, 214], np.float32) - rgb)
    rgb = (rgb - 105.0) * np.float32(season.contrast) + 105.0
    rgb *= np.array(season.gain, np.float32)
    if season.seams:
        rgb *= strip_gain(frame, season, seed)
    for axis, shift in ((0, season.shift[1]), (1, season.shift[0])):
        rgb = ndimage.correlate1d(rgb, _blur(shift / frame.pixel), axis=axis, mode="nearest")
    rgb += np.float32(season.noise) * grain(frame, seed + 400 + season.year)[..., None]
    return np.asarray(np.clip(rgb, 1.0, 255.0), np.float32)
