"""The things a plan is made of, and the lists they are gathered in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from tools.landscape.kinds import BOTH, FIRST, HALF_WIDTH, Box, Cover, Road

Array = npt.NDArray[Any]
BOX = np.dtype(
    [(n, np.float32) for n in ("hu", "hv", "angle", "height", "tone")]
    + [(n, np.float64) for n in ("x", "y")]
    + [("what", np.uint8), ("years", np.uint8)]
)
SEGMENT = np.dtype(
    [(n, np.float64) for n in ("x1", "y1", "x2", "y2", "along")]
    + [("half", np.float32), ("rank", np.uint8), ("years", np.uint8)]
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A polygon of one cover, in local metres.

    `ragged` lets a wild cover's border stray; `code` is its NLCD code; `trees`, `bushes` and `conifers` as in `Nature`;
    `angle` (radians) is the direction of its rows.
    """

    polygon: Any
    cover: Cover
    code: int
    trees: float = 0.0
    bushes: float = 0.0
    conifers: float = 0.2
    angle: float = 0.0
    seed: int = 0
    years: int = BOTH
    ragged: bool = True


class Bend(NamedTuple):
    """A smooth displacement of the plane: plans are drawn straight, then bent, so that roads curve and still meet.

    It is a sum of plane waves in random directions: cheap, since it is asked for every vertex.
    """

    seed: int
    strength: float = 1.0

    def __call__(self, points: Array) -> Array:
        """Ground positions of plan positions, both (n, 2) in local metres."""
        waves, pushes, phases = _waves(self.seed)
        return np.asarray(points + self.strength * np.sin(points @ waves.T + phases) @ pushes)

    def polygon(self, polygon: Any) -> Any:  # noqa: ANN401
        """A bent shapely polygon."""
        return shapely.make_valid(shapely.transform(shapely.segmentize(polygon, 40.0), self))


@cache
def _waves(seed: int) -> tuple[Array, Array, Array]:
    """Wave vectors (radians a metre), displacements (metres) and phases of a bend, of shapes (k, 2), (k, 2), (k,)."""
    rng = np.random.default_rng([seed, 4])
    length = np.repeat([2600.0, 1200.0, 560.0], 4)
    reach = np.repeat([60.0, 27.0, 10.5], 4)[:, None]
    towards, push = rng.uniform(0, 2 * np.pi, (2, len(length)))
    waves = (2 * np.pi / length)[:, None] * np.stack([np.cos(towards), np.sin(towards)], axis=1)
    return waves, reach * np.stack([np.cos(push), np.sin(push)], axis=1), rng.uniform(0, 2 * np.pi, len(length))


@dataclass(slots=True)
class Features:
    """Parcels, boxes and road segments, growing while a plan is drawn."""

    parcels: list[Parcel] = field(default_factory=list)
    boxes: list[Array] = field(default_factory=list)
    segments: list[Array] = field(default_factory=list)

    def add_boxes(self, what: Box, xy: Array, half: Array, angle: npt.ArrayLike, look: tuple[Any, Any]) -> None:
        """Add rectangles: centres (n, 2), half sizes (n, 2) along and across `angle`; `look`: height (m), tone (0 to 1)."""
        rows = np.zeros(len(xy), BOX)
        rows["x"], rows["y"], rows["hu"], rows["hv"] = xy[:, 0], xy[:, 1], half[:, 0], half[:, 1]
        rows["angle"], rows["height"], rows["tone"] = angle, look[0], look[1]
        rows["what"], rows["years"] = what, BOTH
        self.boxes.append(rows)

    def add_road(self, points: Array, rank: Road) -> None:
        """Add a road along a polyline (n, 2) in local metres."""
        rows = np.zeros(len(points) - 1, SEGMENT)
        rows["x1"], rows["y1"] = points[:-1].T
        rows["x2"], rows["y2"] = points[1:].T
        length = np.hypot(*np.diff(points, axis=0).T)
        rows["along"] = np.concatenate([[0.0], np.cumsum(length)[:-1]])
        rows["half"], rows["rank"], rows["years"] = HALF_WIDTH[rank], rank, BOTH
        self.segments.append(rows)

    def extend(self, other: Features) -> None:
        """Take over everything of another list."""
        self.parcels += other.parcels
        self.boxes += other.boxes
        self.segments += other.segments

    def all_boxes(self) -> Array:
        """Every box in one array of dtype BOX."""
        return np.concatenate(self.boxes) if self.boxes else np.zeros(0, BOX)

    def all_segments(self) -> Array:
        """Every road segment in one array of dtype SEGMENT."""
        return np.concatenate(self.segments) if self.segments else np.zeros(0, SEGMENT)

    def stand_in(self, years: int) -> None:
        """Let everything stand in the given years alone."""
        self.parcels = [replace(p, years=years) for p in self.parcels]
        for rows in (*self.boxes, *self.segments):
            rows["years"] = years

    def clear(self, polygon: Any, years: int = 0) -> None:  # noqa: ANN401
        """Take boxes and streets out of a polygon, or with `years`=FIRST let them stand in the first year only."""
        shapely.prepare(polygon)
        self.boxes = [_cleared(rows, _hit_boxes(rows, polygon), years) for rows in self.boxes]
        self.segments = [_cleared(rows, _hit_streets(rows, polygon), years) for rows in self.segments]

    def gather(self) -> None:
        """Join the many small arrays to one of each kind, which makes later searches quick."""
        self.boxes, self.segments = [self.all_boxes()], [self.all_segments()]


def _hit_boxes(rows: Array, polygon: Any) -> Array:  # noqa: ANN401
    """Which boxes touch a prepared polygon, (n,) bool."""
    x0, y0, x1, y1 = polygon.bounds
    reach = np.hypot(rows["hu"], rows["hv"])
    hit = (rows["x"] > x0 - reach) & (rows["x"] < x1 + reach) & (rows["y"] > y0 - reach) & (rows["y"] < y1 + reach)
    near = np.flatnonzero(hit)
    hit[near] = shapely.intersects(polygon, _outlines(rows[near]))
    return np.asarray(hit)


def _hit_streets(rows: Array, polygon: Any) -> Array:  # noqa: ANN401
    """Which street segments have their middle in a prepared polygon, (n,) bool."""
    x0, y0, x1, y1 = polygon.bounds
    x, y = (rows["x1"] + rows["x2"]) / 2, (rows["y1"] + rows["y2"]) / 2
    hit = (rows["rank"] == Road.STREET) & (x > x0) & (x < x1) & (y > y0) & (y < y1)
    near = np.flatnonzero(hit)
    hit[near] = shapely.contains_xy(polygon, x[near], y[near])
    return np.asarray(hit)


def _outlines(rows: Array) -> Array:
    """Boxes as shapely polygons."""
    c, s = np.cos(rows["angle"]), np.sin(rows["angle"])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    du, dv = rows["hu"][:, None] * signs[:, 0], rows["hv"][:, None] * signs[:, 1]
    x = rows["x"][:, None] + du * c[:, None] - dv * s[:, None]
    y = rows["y"][:, None] + du * s[:, None] + dv * c[:, None]
    return np.asarray(shapely.polygons(np.stack([x, y], axis=2)))


def _cleared(rows: Array, gone: Array, years: int) -> Array:
    """Rows without those that are `gone`, or with their years cut to FIRST."""
    if years != FIRST:
        return np.asarray(rows[~gone])
    rows["years"] = np.where(gone, rows["years"] & FIRST, rows["years"])
    return rows
