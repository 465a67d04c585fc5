"""Roads as they are painted: pavement, markings and traffic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.landscape.frame import F32
from tools.landscape.kinds import Road
from tools.landscape.layers import Roads
from tools.landscape.noise import hash01, value_noise
from tools.landscape.scene import Scene
from tools.landscape.season import PAINTS, Season, table

DUST = np.array([150, 144, 122], np.float32)
ASPHALT = {Road.STREET: (124, 123, 122), Road.COUNTY: (116, 116, 117), Road.HIGHWAY: (138, 136, 132)}


@dataclass(frozen=True, slots=True)
class Strip:
    """The pixels near roads, as flat arrays: where they are, and `Roads` there."""

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    edge: F32
    across: F32
    along: F32
    rank: npt.NDArray[np.uint8]


def paint_roads(scene: Scene, roads: Roads, season: Season, seed: int) -> None:
    """Pavement, worn lanes, markings, gravel edges and the cars of the day."""
    frame = scene.frame
    rows, cols = np.nonzero(roads.edge < 4.0)
    if not len(rows):
        return
    at = rows, cols
    strip = Strip(rows, cols, roads.edge[at], roads.across[at], roads.along[at], roads.rank[at])
    wear = 1.0 + 0.035 * value_noise(frame, 9.0, seed + 301)[at] + 0.03 * value_noise(frame, 70.0, seed + 302)[at]
    rgb = scene.rgb[at]
    dust = np.clip(0.55 - np.abs(strip.edge - 0.4) * 0.45, 0, 1) * 0.7
    rgb += dust[:, None] * (DUST - rgb)
    cover = np.clip(0.5 - strip.edge / frame.pixel, 0.0, 1.0)
    tyres = 1.0 - 0.05 * np.clip(1.0 - np.abs(np.abs(strip.across) - 1.9) / 1.2, 0, 1)
    colour = table(tuple(ASPHALT[r] for r in Road))[strip.rank] * (wear * tyres)[:, None]
    rgb += cover[:, None] * (colour - rgb)
    for mark, tint in _markings(strip, frame.pixel):
        rgb += (mark * cover)[:, None] * (np.array(tint, np.float32) - rgb)
    scene.rgb[at] = rgb
    _traffic(scene, strip, season, cover > 0.9)
    scene.bare[roads.edge < 1.8] = True


def _markings(strip: Strip, pixel: float) -> list[tuple[F32, tuple[int, int, int]]]:
    """Strength and colour of painted lines: each is thinner than a pixel, so it only tints it."""

    def line(at: float, width: float) -> F32:
        """Strength of a line `width` metres wide, `at` metres from the middle on both sides."""
        reach = max(pixel, width)
        return np.asarray(np.clip(1.0 - np.abs(np.abs(strip.across) - at) / reach, 0, 1) * width / reach, np.float32)

    county, highway = strip.rank == Road.COUNTY, strip.rank == Road.HIGHWAY
    dashes = np.mod(strip.along, 12.0) < 4.0
    return [
        (line(0.0, 0.32) * county, (206, 176, 84)),
        (line(3.7, 0.24) * county, (222, 222, 218)),
        (line(0.0, 0.34) * (highway & dashes), (236, 236, 232)),
        (line(4.6, 0.34) * highway, (228, 226, 214)),
    ]


def _traffic(scene: Scene, strip: Strip, season: Season, paved: npt.NDArray[np.bool_]) -> None:
    """Cars on the lanes, elsewhere in every year."""
    side = np.where(strip.across > 0, 1, -1)
    slot = np.floor(strip.along / 24.0).astype(np.int64)
    pick = hash01(slot, side + 5 * strip.rank.astype(np.int64), season.year)
    often = np.array([0.03, 0.09, 0.28], np.float32)[strip.rank]
    lane = np.where(strip.rank == Road.HIGHWAY, 2.3, 1.9)
    lorry = pick < often * 0.12 * (strip.rank > Road.STREET)
    near = np.abs(np.mod(strip.along, 24.0) - 12.0) < np.where(lorry, 7.0, 2.3)
    car = paved & (pick < often) & near & (np.abs(np.abs(strip.across) - lane) < 1.0)
    at = strip.rows[car], strip.cols[car]
    scene.rgb[at] = table(PAINTS)[(pick[car] / often[car] * 7919).astype(int) % len(PAINTS)]
    scene.height[at] = np.maximum(scene.height[at], np.where(lorry[car], 3.2, 1.5))
