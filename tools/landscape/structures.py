"""Boxes: yards, paving, pools and buildings, painted on the ground and raised above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.landscape.features import Array
from tools.landscape.frame import F32
from tools.landscape.kinds import Box
from tools.landscape.noise import hash01
from tools.landscape.plan import Plan
from tools.landscape.scene import Scene
from tools.landscape.season import FLATS, PAINTS, ROOFS, Season, table


def paint_boxes(scene: Scene, plan: Plan, season: Season) -> None:
    """Yards, paving, pools and buildings of a year, in their order of painting."""
    axes = scene.frame.xs, scene.frame.ys
    for row in plan.boxes_in(scene.frame, season.bit).tolist():
        hu, hv, angle, height, tone, x, y, what, _ = row
        window = scene.frame.window(x, y, float(np.hypot(hu, hv)) + 1.0)
        if window is None:
            continue
        dx, dy = (axes[0][window[1]] - x)[None], (axes[1][window[0]] - y)[:, None]
        c, s = np.cos(angle), np.sin(angle)
        stamp = Stamp((dx * c + dy * s).astype(np.float32), (dy * c - dx * s).astype(np.float32), hu, hv, height, tone)
        PAINTERS[Box(what)](scene, window, stamp, season)


@dataclass(frozen=True, slots=True)
class Stamp:
    """One box on its window: `u` and `v` are metres from its middle along and across it; half sizes, height and tone."""

    u: F32
    v: F32
    hu: float
    hv: float
    height: float
    tone: float

    def cover(self, pixel: float) -> F32:
        """Share of each pixel that the box covers, soft at its edges."""
        u = np.clip((self.hu - np.abs(self.u)) / pixel + 0.5, 0, 1)
        return np.asarray(u * np.clip((self.hv - np.abs(self.v)) / pixel + 0.5, 0, 1), np.float32)


Window = tuple[slice, slice]


def _blend(scene: Scene, window: Window, share: F32, colour: Array) -> None:
    """Mix a colour (3,) or (h, w, 3) into a window."""
    part = scene.rgb[window]
    part += share[..., None] * (np.asarray(colour, np.float32) - part)


def _yard(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A lawn of its own shade."""
    dry = np.array([1.10, 1.03, 0.98], np.float32) if stamp.tone > 0.6 else np.array([0.93, 0.98, 0.92], np.float32)
    scene.rgb[window] *= 1 + stamp.cover(scene.frame.pixel)[..., None] * (dry * (0.93 + 0.16 * stamp.tone) - 1)


def _pave(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """Asphalt, concrete or gravel."""
    share = stamp.cover(scene.frame.pixel)
    tones = np.array([[128, 127, 126], [150, 147, 142], [168, 160, 148], [112, 112, 113]], np.float32)
    _blend(scene, window, share * 0.93, tones[int(stamp.tone * 3.99)])
    scene.bare[window] |= share > 0.3


def _lot(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A car park: stalls in double rows, lines between them, cars in many."""
    _park(scene, window, stamp, season, (2.8, 17.0, 4.9, 2.1, 1.5), 0.35 + 0.5 * stamp.tone)


def _depot(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A yard with trailers and containers."""
    _park(scene, window, stamp, season, (3.9, 34.0, 12.0, 5.9, 3.2), 0.25 + 0.4 * stamp.tone)


def _park(scene: Scene, window: Window, stamp: Stamp, season: Season, form: tuple[float, ...], full: float) -> None:
    """Vehicles in rows; `form` is stall width, module of a double row, stall depth, half length and height of a vehicle."""
    wide, module, deep, half, high = form
    share = stamp.cover(scene.frame.pixel)
    grey = 104 + 34 * stamp.tone
    _blend(scene, window, share, np.array([grey, grey, grey + 1]))
    v = np.mod(stamp.v + 100 * module, module) - module / 2
    stall, row = np.floor(stamp.u / wide).astype(np.int64), np.floor((stamp.v + 100 * module) / module).astype(np.int64)
    row = row * 2 + (v > 0)
    inside = (np.abs(stamp.u) < stamp.hu - 2.5) & (np.abs(stamp.v) < stamp.hv - 2.5) & (np.abs(v) < deep)
    du = np.mod(stamp.u, wide) - wide / 2
    pixel = scene.frame.pixel
    lines = np.clip(1 - (wide / 2 - np.abs(du)) / pixel, 0, 1) * inside * 0.3
    _blend(scene, window, lines.astype(np.float32), np.array([214, 214, 210]))
    pick = hash01(stall, row, season.year + int(stamp.tone * 9999))
    car = inside & (pick < full) & (np.abs(du) < wide * 0.36) & (np.abs(np.abs(v) - deep / 2) < half)
    colour = table(PAINTS)[(pick * 7919).astype(int) % len(PAINTS)]
    scene.rgb[window] = np.where(car[..., None], colour, scene.rgb[window])
    np.maximum(scene.height[window], car * np.float32(high), out=scene.height[window])
    scene.bare[window] |= share > 0.3


def _pool(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A swimming pool with its pale deck."""
    pixel = scene.frame.pixel
    _blend(scene, window, stamp.cover(pixel), np.array([196, 192, 184]))
    inner = Stamp(stamp.u, stamp.v, stamp.hu - 1.1, stamp.hv - 1.1, 0, 0)
    _blend(scene, window, inner.cover(pixel), np.array([92, 170, 190]))
    scene.bare[window] |= stamp.cover(pixel) > 0.2


def _flat(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A flat roof with a parapet, seams and machines on it."""
    share = stamp.cover(scene.frame.pixel)
    base = table(FLATS)[int(stamp.tone * 6.99)]
    seam = 1 - 0.05 * (np.mod(stamp.v, 7.5) < 1.0) - 0.04 * (np.mod(stamp.u, 31.0) < 1.0)
    patch = 1 + 0.10 * (
        hash01(np.floor(stamp.u / 31.0).astype(int), np.floor(stamp.v / 22.5).astype(int), int(stamp.tone * 9999)) - 0.5
    )
    rim = np.minimum(stamp.hu - np.abs(stamp.u), stamp.hv - np.abs(stamp.v))
    edge = np.where(rim < 1.2, 1.06, 1.0)
    _blend(scene, window, share, base * (seam * patch * edge)[..., None])
    high = np.where(rim < 1.0, stamp.height + 0.7, stamp.height)
    cell_u, cell_v = np.floor(stamp.u / 13.0).astype(int), np.floor(stamp.v / 13.0).astype(int)
    unit = hash01(cell_u, cell_v, int(stamp.tone * 99991)) < 0.16
    unit &= (np.abs(np.mod(stamp.u, 13.0) - 6.5) < 2.0) & (np.abs(np.mod(stamp.v, 13.0) - 6.5) < 1.5) & (rim > 4)
    _blend(scene, window, (unit * 0.7).astype(np.float32), np.array([150, 150, 150]))
    _raise(scene, window, share, high + 1.6 * unit)


def _gable(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A saddle roof with its ridge along u."""
    rise = 0.75 * (stamp.hv - np.abs(stamp.v))
    _roof(scene, window, stamp, rise)


def _hip(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A roof that falls to all four sides."""
    rise = 0.7 * np.minimum(stamp.hv - np.abs(stamp.v), stamp.hu - np.abs(stamp.u))
    _roof(scene, window, stamp, rise)


def _roof(scene: Scene, window: Window, stamp: Stamp, rise: Array) -> None:
    share = stamp.cover(scene.frame.pixel)
    _blend(
        scene,
        window,
        share,
        table(ROOFS)[int(stamp.tone * len(ROOFS)) % len(ROOFS)] * (0.92 + 0.2 * ((stamp.tone * 37) % 1)),
    )
    _raise(scene, window, share, stamp.height * 0.7 + np.maximum(rise, 0))


def _dome(scene: Scene, window: Window, stamp: Stamp, season: Season) -> None:
    """A silo."""
    far = np.hypot(stamp.u, stamp.v)
    share = np.clip((stamp.hu - far) / scene.frame.pixel + 0.5, 0, 1).astype(np.float32)
    _blend(scene, window, share, np.array([196, 198, 200]))
    _raise(scene, window, share, stamp.height - 0.3 * far * far)


def _raise(scene: Scene, window: Window, share: F32, height: Array) -> None:
    """Raise the scene to a height where a box covers it."""
    part = scene.height[window]
    np.copyto(part, np.where(share > 0.5, np.maximum(part, height), part))
    scene.bare[window] |= share > 0.1


PAINTERS = {
    Box.YARD: _yard,
    Box.PAVE: _pave,
    Box.LOT: _lot,
    Box.DEPOT: _depot,
    Box.DRIVE: _pave,
    Box.POOL: _pool,
    Box.FLAT: _flat,
    Box.HIP: _hip,
    Box.GABLE: _gable,
    Box.DOME: _dome,
}
