"""Polygons in pixel coordinates on the ground: in the CRS of their raster, and in degrees of WGS 84."""

from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from landuse.errors import UsageError
from landuse.outputs.polygons import Geometries

EDGE_M = 4_000.0
"""Longest edge left without a vertex. Straight in UTM, it bends by less than half a metre in degrees."""
WGS84 = CRS.from_epsg(4326)


def spacing_of(transform: Affine, crs: CRS) -> int:
    """Cells between the vertices of a straight edge."""
    unit = crs.axis_info[0].unit_conversion_factor * (6_371_000.0 if crs.is_geographic else 1.0)
    return int(np.clip(EDGE_M / (abs(transform.a) * unit), 1, 256))


def placed(polygons: Geometries, transform: Affine) -> Geometries:
    """Polygons (n,) of pixel coordinates (column, line) in the CRS of their raster, anticlockwise."""
    ground = shapely.transform(polygons, lambda xy: xy * [transform.a, transform.e] + [transform.c, transform.f])
    return np.asarray(shapely.orient_polygons(ground))


def in_degrees(polygons: Geometries, crs: CRS) -> Geometries:
    """Polygons (n,) of `crs` in longitudes and latitudes of WGS 84, anticlockwise, cut at the antimeridian.

    Raises:
        UsageError: they lie where the CRS has no ground.
    """
    to_wgs84 = Transformer.from_crs(crs, WGS84, always_xy=True)
    degrees = shapely.transform(polygons, lambda xy: np.stack(to_wgs84.transform(*xy.T), axis=1))
    if not np.isfinite(shapely.get_coordinates(degrees)).all():
        raise UsageError(f"Some cells lie outside the area of {crs.name}; choose a CRS made for this place.")
    return np.asarray(shapely.orient_polygons(_cut_at_antimeridian(np.asarray(degrees))))


def _cut_at_antimeridian(polygons: Geometries) -> Geometries:
    """Polygons that span more than half the globe are meant to cross longitude 180: cut there (RFC 7946, 3.1.9)."""
    west, _, east, _ = shapely.bounds(polygons).T
    for index in np.flatnonzero(east - west > 180):
        whole = shapely.transform(polygons[index], lambda points: points + 360.0 * (points < [0.0, -91.0]))
        eastern = shapely.intersection(whole, shapely.box(0, -90, 180, 90))
        western = shapely.intersection(whole, shapely.box(180, -90, 540, 90))
        polygons[index] = shapely.union_all([eastern, shapely.transform(western, lambda points: points - [360.0, 0.0])])
    return polygons
