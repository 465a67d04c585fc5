"""Crowns of trees and bushes: jittered lattice points that stand where the density says, drawn as domes and cones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.landscape.features import Array
from tools.landscape.frame import F32, Frame
from tools.landscape.noise import hash01


@dataclass(frozen=True, slots=True)
class Stand:
    """What kind of crowns to draw: lattice spacing, least and largest radius, and least and largest height, all metres."""

    step: float
    radius: tuple[float, float]
    height: tuple[float, float]
    seed: int


@dataclass(frozen=True, slots=True)
class Crowns:
    """Crowns on a frame: surface height in metres, and the crown at each pixel (-1: none) with its tone and kind.

    `tone` (0 to 1), `conifer` and the middle's `row` and `col` belong to crowns, the rest to pixels.
    """

    height: F32
    index: npt.NDArray[np.int32]
    tone: F32
    conifer: npt.NDArray[np.bool_]
    row: npt.NDArray[np.int64]
    col: npt.NDArray[np.int64]


def draw_crowns(frame: Frame, density: F32, conifers: F32, stand: Stand) -> Crowns:
    """Crowns of one stand over a frame; `density` is the chance that a lattice point bears one, both (height, width)."""
    ix, iy = _lattice(frame, stand.step)
    x = (ix + hash01(ix, iy, stand.seed)) * stand.step
    y = (iy + hash01(ix, iy, stand.seed + 1)) * stand.step
    col = np.clip(((x - frame.x0) / frame.pixel).astype(np.int64), 0, frame.width - 1)
    row = np.clip(((y - frame.y0) / frame.pixel).astype(np.int64), 0, frame.height - 1)
    stands = hash01(ix, iy, stand.seed + 2) < density[row, col]
    ix, iy, row, col = (a[stands] for a in (ix, iy, row, col))
    x, y = x[stands], y[stands]
    conifer = hash01(ix, iy, stand.seed + 3) < conifers[row, col]
    size, tall = hash01(ix, iy, stand.seed + 4), hash01(ix, iy, stand.seed + 5)
    radius = stand.radius[0] + (stand.radius[1] - stand.radius[0]) * size * np.where(conifer, 0.6, 1.0)
    top = stand.height[0] + (stand.height[1] - stand.height[0]) * (0.5 * size + 0.5 * tall)
    tone = hash01(ix, iy, stand.seed + 6)
    blank = np.zeros(frame.shape, np.float32), np.full(frame.shape, -1, np.int32)
    crowns = Crowns(*blank, tone, conifer, row, col)
    shapes = np.stack([x, y, radius, top + 2.5 * conifer * stand.radius[1] / 4], axis=1)
    for group in range(9):  # crowns of one group lie too far apart to touch the same pixel
        members = np.flatnonzero((ix % 3) * 3 + iy % 3 == group)
        _stamp(crowns, frame, shapes, members, stand)
    return crowns


def _lattice(frame: Frame, step: float) -> tuple[Array, Array]:
    """Lattice indices (flat) of every crown place of a frame."""
    x0, y0, x1, y1 = frame.box
    ix, iy = np.meshgrid(
        np.arange(int(np.floor(x0 / step)), int(np.ceil(x1 / step))),
        np.arange(int(np.floor(y0 / step)), int(np.ceil(y1 / step))),
    )
    inside = ((ix + 1) * step > x0) & ((iy + 1) * step > y0)
    return ix[inside], iy[inside]


def _stamp(crowns: Crowns, frame: Frame, shapes: Array, members: npt.NDArray[np.int64], stand: Stand) -> None:
    """Draw crowns that do not overlap each other; where they meet earlier ones, the higher stands."""
    reach = int(np.ceil(stand.radius[1] / frame.pixel)) + 1
    steps = np.arange(-reach, reach + 1)
    x, y, radius, top = (shapes[members, k, None].astype(np.float32) for k in range(4))
    col = np.floor((x - frame.x0) / frame.pixel).astype(np.int64) + np.tile(steps, len(steps))
    row = np.floor((y - frame.y0) / frame.pixel).astype(np.int64) + np.repeat(steps, len(steps))
    dx = (frame.x0 + (col + 0.5) * frame.pixel - x).astype(np.float32)
    dy = (frame.y0 + (row + 0.5) * frame.pixel - y).astype(np.float32)
    rough = 0.86 + 0.28 * hash01(
        np.round(frame.x0 / frame.pixel).astype(np.int64) + col,
        np.round(frame.y0 / frame.pixel).astype(np.int64) + row,
        stand.seed + 7,
    )
    far = np.sqrt(dx * dx + dy * dy) / (radius * rough)
    conifer = crowns.conifer[members, None]
    fall = np.where(conifer, 1.15 * radius * far, 0.85 * radius * far * far)
    height = np.maximum(top - fall, 0.25 * top)
    inside = (far < 1) & (row >= 0) & (row < frame.height) & (col >= 0) & (col < frame.width)
    row, col = np.where(inside, row, 0), np.where(inside, col, 0)
    inside &= height > crowns.height[row, col]
    which = np.broadcast_to(members[:, None], inside.shape)[inside]
    crowns.height[row[inside], col[inside]] = height[inside]
    crowns.index[row[inside], col[inside]] = which
