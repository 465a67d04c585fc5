"""Where the cells of a lattice lie on a web map, as meshes between whose nodes a browser interpolates.

A browser knows no CRS but Web Mercator. Between the nodes of a fine enough mesh every CRS is all but linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS

from landuse.crs import transformer
from landuse.outputs.vectors import WGS84

MOST_NODES = 257
MOST_ERROR = 0.02
"""Of a cell: how far a mesh may be off."""
TURN = 360.0
BEYOND = -1e6
"""The cell of a place that the CRS does not reach."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Nodes in rows and columns over a rectangle, and what two values are there.

    Attributes:
        values: float64 (2, rows, columns).
    """

    corner: tuple[float, float]
    size: tuple[float, float]
    values: Floats

    def at(self, x: Floats, y: Floats) -> Floats:
        """The values (2, n) at points (n,), interpolated bilinearly."""
        rows, cols = self.values.shape[1:]
        u = (x - self.corner[0]) / self.size[0] * (cols - 1)
        v = (y - self.corner[1]) / self.size[1] * (rows - 1)
        i, j = (np.clip(w.astype(int), 0, n - 2) for w, n in ((u, cols), (v, rows)))
        s, t = u - i, v - j
        k = self.values
        top = k[:, j, i] * (1 - s) + k[:, j, i + 1] * s
        low = k[:, j + 1, i] * (1 - s) + k[:, j + 1, i + 1] * s
        found: Floats = top * (1 - t) + low * t
        return found

    def as_json(self, digits: int) -> dict[str, Any]:
        """What the page's script reads."""
        rows, cols = self.values.shape[1:]
        values = [np.round(one.ravel(), digits).tolist() for one in self.values]
        return {"corner": self.corner, "size": self.size, "rows": rows, "cols": cols, "values": values}


@dataclass(frozen=True, eq=False)
class Placing:
    """A lattice on a web map.

    Attributes:
        to_world: cell (column, line) -> place on the world of Web Mercator, whose sides are 1 long, from its north-west.
    """

    to_world: Mesh
    to_cells: Mesh


class Lattice:
    """The cells of a north-up raster and the world.

    Args:
        meridian: middle of the map; longitudes are within half a turn of it.
    """

    def __init__(self, transform: Affine, crs: CRS, shape: tuple[int, int], meridian: float = 0.0) -> None:
        self._transform, self._shape, self._meridian = transform, shape, meridian
        self._there, self._back = transformer(crs, WGS84), transformer(WGS84, crs)

    def world(self, cols: Floats, lines: Floats) -> Floats:
        """Where points (n,), counted in cells from the north-west, lie on the world, (2, n)."""
        lon, lat = self._there.transform(*(self._transform @ (cols, lines)))
        return world_of(near(np.asarray(lon), self._meridian), np.asarray(lat))

    def cells(self, x: Floats, y: Floats) -> Floats:
        """Column and line (2, n) of points of the world (n,)."""
        lon, lat = degrees_of(x, y)
        found = np.stack(~self._transform @ self._back.transform(near(lon, 0.0), lat))
        return np.where(np.isfinite(found), found, BEYOND)

    def placing(self) -> Placing:
        """Meshes of both ways."""
        rows, cols = self._shape
        to_world = fitted(self.world, (0.0, 0.0), (float(cols), float(rows)), MOST_ERROR * self._cell())
        x, y = to_world.values.reshape(2, -1)
        corner, size = (float(x.min()), float(y.min())), (float(np.ptp(x)), float(np.ptp(y)))
        return Placing(to_world, fitted(self.cells, corner, size, MOST_ERROR))

    def _cell(self) -> float:
        rows, cols = self._shape
        middle = np.array([cols / 2, cols / 2 + 1]), np.array([rows / 2, rows / 2])
        return float(np.hypot(*np.diff(self.world(*middle), axis=1)[:, 0]))


def fitted(function: Any, corner: tuple[float, float], size: tuple[float, float], most: float) -> Mesh:  # noqa: ANN401
    """The coarsest mesh, of twice as many nodes each time, that is nowhere further than `most` from a function."""
    nodes = 3
    while True:
        mesh = Mesh(corner, size, function(*_nodes(corner, size, nodes)).reshape(2, nodes, nodes))
        points = _nodes(corner, size, 2 * nodes - 1)
        if nodes >= MOST_NODES or np.abs(mesh.at(*points) - function(*points)).max() <= most:
            return mesh
        nodes = 2 * nodes - 1


def _nodes(corner: tuple[float, float], size: tuple[float, float], count: int) -> tuple[Floats, Floats]:
    x, y = (np.linspace(start, start + side, count) for start, side in zip(corner, size, strict=True))
    xs, ys = np.meshgrid(x, y)
    return xs.ravel(), ys.ravel()


def near(lon: Floats, meridian: float) -> Floats:
    """Longitudes (n,) by whole turns within half a turn of a meridian."""
    shifted: Floats = (lon - meridian + TURN / 2) % TURN + meridian - TURN / 2
    return shifted


def meridian_of(lon: Floats) -> float:
    """The meridian about which to draw places of some longitudes: 180 for ground on both sides of it, else Greenwich."""
    return TURN / 2 if lon.size and np.ptp(lon) > TURN / 2 else 0.0


def world_of(lon: Floats, lat: Floats) -> Floats:
    """Degrees (n,) on the world of Web Mercator, (2, n): EPSG 3857 with sides 1 long, from the north-west."""
    south = np.arctanh(np.sin(np.radians(np.clip(lat, -89.9, 89.9)))) / (2 * np.pi)
    return np.stack([lon / TURN + 0.5, 0.5 - south])


def degrees_of(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude of points of the world."""
    return (x - 0.5) * TURN, np.degrees(np.arctan(np.sinh((0.5 - y) * 2 * np.pi)))
