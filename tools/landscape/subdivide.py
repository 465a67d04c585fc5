"""Cutting a polygon into lots, fields and blocks: a binary space partition in the polygon's own direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely

from tools.landscape.features import Array


class Rect(NamedTuple):
    """An upright rectangle in the rotated frame of a `Layout`, metres."""

    u0: float
    v0: float
    u1: float
    v1: float

    @property
    def size(self) -> tuple[float, float]:
        """(extent along u, extent along v)."""
        return self.u1 - self.u0, self.v1 - self.v0


@dataclass(frozen=True, slots=True)
class Layout:
    """A polygon cut along two perpendicular directions.

    Attributes:
        angle: direction of u in radians.
        leaves: the rectangles that remain, in the rotated frame.
        cuts: the cut lines, (n, 2, 2) end points in the rotated frame.
    """

    angle: float
    leaves: list[Rect]
    cuts: Array

    def to_plan(self, uv: Array) -> Array:
        """Rotated frame to plan metres, (n, 2)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.stack([uv[:, 0] * c - uv[:, 1] * s, uv[:, 0] * s + uv[:, 1] * c], axis=1)

    def polygon(self, rect: Rect, shrink: float = 0.0) -> Any:  # noqa: ANN401
        """A leaf as a polygon in plan metres, drawn in by `shrink` metres on every side."""
        u0, v0, u1, v1 = rect
        half = min(shrink, 0.49 * min(rect.size))
        corners = np.array(
            [[u0 + half, v0 + half], [u1 - half, v0 + half], [u1 - half, v1 - half], [u0 + half, v1 - half]]
        )
        return shapely.Polygon(self.to_plan(corners))


@dataclass(frozen=True, slots=True)
class Cut:
    """Largest extents of a leaf along and across, and how far a cut may lie from the middle (share of the extent)."""

    long: float
    short: float
    spread: float = 0.12


def subdivide(polygon: Any, angle: float, cut: Cut, rng: np.random.Generator) -> Layout:  # noqa: ANN401
    """Cut the bounding rectangle of a polygon, in direction `angle`, until every leaf is small enough."""
    points = shapely.get_coordinates(polygon)
    c, s = np.cos(angle), np.sin(angle)
    u, v = points[:, 0] * c + points[:, 1] * s, points[:, 1] * c - points[:, 0] * s
    todo, leaves, cuts = [Rect(u.min(), v.min(), u.max(), v.max())], [], []
    while todo:
        rect = todo.pop()
        along, across = rect.size
        share = 0.5 + cut.spread * rng.uniform(-1, 1)
        if along > cut.long and along / cut.long >= across / cut.short:
            at = rect.u0 + share * along
            todo += [rect._replace(u1=at), rect._replace(u0=at)]
            cuts.append([[at, rect.v0], [at, rect.v1]])
        elif across > cut.short:
            at = rect.v0 + share * across
            todo += [rect._replace(v1=at), rect._replace(v0=at)]
            cuts.append([[rect.u0, at], [rect.u1, at]])
        else:
            leaves.append(rect)
    return Layout(angle, leaves, np.array(cuts).reshape(-1, 2, 2))
