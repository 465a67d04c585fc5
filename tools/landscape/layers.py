"""The plan laid on a frame: which parcel covers each pixel, where roads run, and the label codes that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.features import rasterize

from tools.landscape.features import Array
from tools.landscape.frame import F32, Frame
from tools.landscape.kinds import HALF_WIDTH, Cover, Road
from tools.landscape.noise import value_noise
from tools.landscape.plan import Plan

WILD = (Cover.LITTER, Cover.SHRUB, Cover.MEADOW, Cover.MARSH, Cover.SAND, Cover.ROCK, Cover.WATER)
"""Covers whose common borders are ragged; everything else has straight ones."""
REACH = 190.0
"""Metres by which ragged borders stray at most, for the margin of a frame."""
RAGGED = ((620.0, 46.0), (230.0, 31.0), (90.0, 12.0), (32.0, 4.0), (10.0, 1.3))
"""Wavelength and strength of that straying, octave by octave, metres."""
FAR = np.float32(99.0)


@dataclass(frozen=True, slots=True)
class Ground:
    """Parcels on a frame.

    Attributes:
        index: position in `parcels` of the parcel that covers each pixel, int32 (height, width).
        parcels: indices into the plan's parcels, one a local position.
        cover: Cover code of each pixel, uint8.
    """

    index: npt.NDArray[np.int32]
    parcels: list[int]
    cover: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Roads:
    """Roads on a frame; all of shape (height, width).

    Attributes:
        edge: metres to the edge of the nearest pavement, negative on it.
        across: signed metres from its centre line.
        along: metres along it.
        rank: Road code.
    """

    edge: F32
    across: F32
    along: F32
    rank: npt.NDArray[np.uint8]


def lay_ground(plan: Plan, frame: Frame, year: int) -> Ground:
    """Parcels of a year (bit mask) on a frame, with ragged borders between wild covers."""
    margin = int(np.ceil(REACH / frame.pixel))
    wide = frame.padded(margin)
    parcels = plan.parcels_in(wide, year)
    shapes = [(plan.parcels[k].polygon, position) for position, k in enumerate(parcels)]
    index = rasterize(shapes, wide.shape, fill=0, transform=wide.transform, dtype="int32")
    covers = np.array([plan.parcels[k].cover for k in parcels], np.uint8)
    straight = index[margin:-margin, margin:-margin]
    strayed = index[_stray(frame, margin, plan.spec.seed)]
    wild = np.isin(covers, [int(c) for c in WILD]) & np.array([plan.parcels[k].ragged for k in parcels])
    final = np.where(wild[straight] & wild[strayed], strayed, straight)
    return Ground(final.astype(np.int32), parcels, covers[final])


def _stray(frame: Frame, margin: int, seed: int) -> tuple[Array, Array]:
    """Row and column (in the padded frame) that each pixel takes its parcel from."""
    indices = []
    for axis, base in ((0, np.arange(frame.height)[:, None]), (1, np.arange(frame.width)[None])):
        off = np.zeros(frame.shape, np.float32)
        for wavelength, reach in RAGGED:
            off += np.float32(reach) * value_noise(frame, wavelength, seed + 40 + axis + int(wavelength))
        off = np.clip(off, -REACH + 1, REACH - 1) / frame.pixel
        indices.append(np.round(off).astype(np.int32) + (base + margin).astype(np.int32))
    return indices[0], indices[1]


def lay_roads(plan: Plan, frame: Frame, year: int, reach: float = 4.5) -> Roads:
    """Roads of a year on a frame, known as far as `reach` metres from their edge."""
    roads = Roads(
        np.full(frame.shape, FAR),
        np.zeros(frame.shape, np.float32),
        np.zeros(frame.shape, np.float32),
        np.zeros(frame.shape, np.uint8),
    )
    xs, ys = frame.xs, frame.ys
    for s in plan.segments_in(frame, year, reach + HALF_WIDTH[Road.HIGHWAY]).tolist():
        _stamp_segment(roads, frame, (xs, ys), s, reach)
    return roads


def _stamp_segment(roads: Roads, frame: Frame, axes: tuple[Array, Array], s: Any, reach: float) -> None:  # noqa: ANN401
    """Take over the pixels that are nearer to one segment's edge than to any before."""
    x1, y1, x2, y2, start, half, rank, _ = s
    dx, dy = x2 - x1, y2 - y1
    length = max(float(np.hypot(dx, dy)), 1e-6)
    span = max(abs(dx), abs(dy)) / 2 + half + reach
    window = frame.window((x1 + x2) / 2, (y1 + y2) / 2, span)
    if window is None:
        return
    x, y = (axes[0][window[1]] - x1)[None], (axes[1][window[0]] - y1)[:, None]
    along = (x * dx + y * dy) / length
    across = (x * dy - y * dx) / length
    beyond = np.maximum(np.maximum(-along, along - length), 0.0)
    edge = (np.hypot(across, beyond) - half).astype(np.float32)
    better = edge < roads.edge[window]
    for layer, value in ((roads.edge, edge), (roads.across, across), (roads.along, along + start), (roads.rank, rank)):
        np.copyto(layer[window], value, where=better, casting="unsafe")


def label_codes(plan: Plan, frame: Frame, year: int) -> npt.NDArray[np.uint8]:
    """NLCD codes of the true land cover in a year, uint8 (height, width)."""
    ground = lay_ground(plan, frame, year)
    codes = np.array([plan.parcels[k].code for k in ground.parcels], np.uint8)[ground.index]
    roads = lay_roads(plan, frame, year, reach=1.0)
    town = (codes >= 21) & (codes <= 24)
    return np.where((roads.edge < 0.5) & ~town, np.uint8(22), codes)
