"""Polygons of a class map: dissolved in its lattice, measured on the ellipsoid, in degrees of WGS 84.

Neighbours share their edges to the last digit. Every polygon keeps a vertex at each lattice corner where more than two
polygons meet, and at evenly spaced corners along straight edges, so that after reprojection no gap opens between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.features import shapes
from scipy import ndimage

from landuse.errors import UsageError
from landuse.legend import UNMAPPED, Legend
from landuse.outputs.areas import raster_areas_ha

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

DECIMALS = 7
"""Decimals of a degree in GeoJSON: a centimetre."""
EDGE_M = 4_000.0
"""Longest edge left without a vertex. Straight in UTM, it bends by less than half a metre in degrees."""
CHUNK = 2_000
WGS84 = CRS.from_epsg(4326)

Rings = list[list[tuple[float, float]]]


@dataclass(frozen=True)
class Regions:
    """Connected areas of one class: `ids` int32 (H, W), 1 to n, 0 = no data; `codes` uint8 (n,)."""

    ids: npt.NDArray[np.int32]
    codes: npt.NDArray[np.uint8]

    def total(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Sum of `values` (H, W) over each region, shape (n,)."""
        sums = np.bincount(self.ids.ravel(), weights=values.ravel(), minlength=len(self.codes) + 1)
        return sums[1:].astype(np.float64)

    @property
    def cells(self) -> npt.NDArray[np.int64]:
        """Number of cells of each region, shape (n,)."""
        return np.bincount(self.ids.ravel(), minlength=len(self.codes) + 1)[1:].astype(np.int64)


def dissolve(
    codes: npt.NDArray[np.uint8],
    transform: Affine,
    crs: CRS,
    legend: Legend,
    confidence: npt.NDArray[np.float32] | None = None,
) -> GeoDataFrame:
    """Polygons of neighbouring cells (sharing an edge) of one class, in EPSG:4326.

    Args:
        codes: class codes (H, W), 0 = no data.
        transform: north-up transform, pixel to `crs`.
        crs: CRS of the raster.
        legend: names of the codes.
        confidence: of each cell (H, W), averaged over a polygon; NaN cells are left out of the mean.

    Returns:
        Columns class, code, area_ha (on the ellipsoid), cells, confidence (where given) and geometry, in image order.

    Raises:
        ConfigError: a code that the legend lacks.
    """
    import geopandas

    regions = connected_regions(codes)
    columns: dict[str, Any] = {
        "class": [legend.name_of(code) for code in regions.codes.tolist()],
        "code": regions.codes,
        "area_ha": regions.total(raster_areas_ha(transform, crs, regions.ids.shape)),
        "cells": regions.cells,
    }
    if confidence is not None:
        columns["confidence"] = _mean(regions, confidence)
    polygons = outlines(regions.ids, transform, crs)
    return geopandas.GeoDataFrame(columns, geometry=polygons, crs=WGS84)


def connected_regions(codes: npt.NDArray[np.uint8]) -> Regions:
    """Areas of equal code that hang together over edges (not over corners), class by class."""
    ids, found = np.zeros(codes.shape, np.int32), [np.empty(0, np.uint8)]
    count = 0
    for code in np.unique(codes[codes != UNMAPPED]):
        part, number = ndimage.label(codes == code)
        ids[part > 0] = part[part > 0] + count
        found.append(np.full(number, code, np.uint8))
        count += number
    return Regions(ids, np.concatenate(found))


def outlines(ids: npt.NDArray[np.int32], transform: Affine, crs: CRS) -> npt.NDArray[np.object_]:
    """Outline of each region of `ids` (1 to n) in degrees, as shapely polygons, anticlockwise; shape (n,).

    A region of several pieces that do not share an edge becomes a multipolygon; a number that does not occur becomes None.

    Raises:
        UsageError: the regions lie where the CRS has no ground.
    """
    region_of, pieces = _traced(ids)
    if not pieces:
        return np.empty(0, object)
    dense = _with_vertices(pieces, _kept_corners(ids, _spacing(transform, crs)))
    degrees = _cut_at_antimeridian(_to_degrees(dense, transform, crs))
    return _gathered(np.asarray(shapely.orient_polygons(degrees)), region_of, int(ids.max()))


def _traced(ids: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int64], list[Rings]]:
    """Pieces of the regions as rings of corners (shell first, closed), by rising number; and the region of each."""
    found = [(int(value) - 1, geometry["coordinates"]) for geometry, value in shapes(ids, mask=ids > 0, connectivity=4)]
    found.sort(key=lambda item: item[0])
    return np.array([region for region, _ in found], np.int64), [rings for _, rings in found]


def _gathered(
    pieces: npt.NDArray[np.object_], region_of: npt.NDArray[np.int64], regions: int
) -> npt.NDArray[np.object_]:
    """One geometry a region, shape (regions,)."""
    gathered, counts = np.full(regions, None, object), np.bincount(region_of, minlength=regions)
    single = counts[region_of] == 1
    gathered[region_of[single]] = pieces[single]
    if not single.all():
        parts, piece_of = shapely.get_parts(pieces[~single], return_index=True)
        owners = region_of[~single][piece_of]
        numbers, position = np.unique(owners, return_inverse=True)
        gathered[numbers] = shapely.multipolygons(parts, indices=position)
    return gathered


def _mean(regions: Regions, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean of `values` over each region, NaN where a region has none."""
    known = np.isfinite(values)
    count = regions.total(known.astype(np.float64))
    total = regions.total(np.where(known, values, 0.0))
    mean: npt.NDArray[np.float64] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _spacing(transform: Affine, crs: CRS) -> int:
    """Cells between the vertices of a straight edge."""
    unit = crs.axis_info[0].unit_conversion_factor * (6_371_000.0 if crs.is_geographic else 1.0)
    return int(np.clip(EDGE_M / (abs(transform.a) * unit), 1, 256))


def _kept_corners(ids: npt.NDArray[np.int32], spacing: int) -> npt.NDArray[np.bool_]:
    """Which cell corners (H+1, W+1) are vertices: all but those in the middle of an edge between just two regions."""
    padded = np.pad(ids, 1)
    north_west, north_east = padded[:-1, :-1], padded[:-1, 1:]
    south_west, south_east = padded[1:, :-1], padded[1:, 1:]
    upright = (north_west == south_west) & (north_east == south_east)
    level = (north_west == north_east) & (south_west == south_east)
    keep: npt.NDArray[np.bool_] = ~(upright | level)
    keep[::spacing] |= upright[::spacing]
    keep[:, ::spacing] |= level[:, ::spacing]
    return keep


def _with_vertices(pieces: list[Rings], keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
    """The pieces as polygons, in pixel coordinates, with a vertex at every kept corner of their outlines."""
    rings = [ring for piece in pieces for ring in piece]
    polygon_of = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    ring_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    corners = np.array([point for ring in rings for point in ring], np.int64)
    within = ring_of[1:] == ring_of[:-1]
    start, step = corners[:-1][within], np.diff(corners, axis=0)[within]
    length = np.abs(step).sum(axis=1)
    edge = np.repeat(np.arange(len(length)), length)
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    walked = start[edge] + np.sign(step)[edge] * offset[:, np.newaxis]
    chosen = keep[walked[:, 1], walked[:, 0]]
    ring = ring_of[:-1][within][edge]
    dense = shapely.linearrings(walked[chosen].astype(np.float64), indices=ring[chosen])
    return np.asarray(shapely.polygons(dense, indices=polygon_of))


def _to_degrees(polygons: npt.NDArray[np.object_], transform: Affine, crs: CRS) -> npt.NDArray[np.object_]:
    """Polygons in pixel coordinates, in WGS 84 longitudes and latitudes."""
    to_wgs84 = Transformer.from_crs(crs, WGS84, always_xy=True)

    def reproject(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = transform.c + points[:, 0] * transform.a, transform.f + points[:, 1] * transform.e
        return np.stack(to_wgs84.transform(x, y), axis=1)

    degrees = shapely.transform(polygons, reproject)
    if not np.isfinite(shapely.get_coordinates(degrees)).all():
        raise UsageError(f"Some cells lie outside the area of {crs.name}; choose a CRS made for this place.")
    return np.asarray(degrees)


def _cut_at_antimeridian(polygons: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Polygons that span more than half the globe are meant to cross longitude 180: cut there (RFC 7946, 3.1.9)."""
    west, _, east, _ = shapely.bounds(polygons).T
    for index in np.flatnonzero(east - west > 180):
        whole = shapely.transform(polygons[index], lambda points: points + 360.0 * (points < [0.0, -91.0]))
        eastern = shapely.intersection(whole, shapely.box(0, -90, 180, 90))
        western = shapely.intersection(whole, shapely.box(180, -90, 540, 90))
        polygons[index] = shapely.union_all([eastern, shapely.transform(western, lambda points: points - [360.0, 0.0])])
    return polygons


def write_geojson(frame: GeoDataFrame, path: Path) -> None:
    """Write a frame in EPSG:4326 as RFC 7946: longitude first, 7 decimals, right-handed rings, no ``crs`` member.

    Written in chunks, one feature a line, so that memory does not grow with the file. NaN becomes null.

    Raises:
        UsageError: the frame is not in EPSG:4326.
    """
    if frame.crs is None or not WGS84.equals(CRS.from_user_input(frame.crs), ignore_axis_order=True):
        raise UsageError(f"GeoJSON holds WGS 84 degrees, but these polygons for {path.name} are in another CRS.")
    with path.open("w", encoding="utf8") as stream:
        stream.write('{"type": "FeatureCollection", "features": [')
        _write_features(frame, stream)
        stream.write("\n]}\n")


def _write_features(frame: GeoDataFrame, stream: TextIO) -> None:
    """Write the features of a frame, separated by commas."""
    separator = "\n"
    for geometry, properties in _features(frame):
        stream.write(f'{separator}{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}')
        separator = ",\n"


def _features(frame: GeoDataFrame) -> Iterator[tuple[str, str]]:
    """Geometry and properties of each feature, as JSON texts."""
    names = [name for name in frame.columns if name != frame.geometry.name]
    for first in range(0, len(frame), CHUNK):
        chunk = frame.iloc[first : first + CHUNK]
        geometries = shapely.to_geojson(_rounded(np.asarray(chunk.geometry)))
        columns = [chunk[name].tolist() for name in names]
        for geometry, values in zip(geometries, zip(*columns, strict=True), strict=True):
            properties = {name: _plain(value) for name, value in zip(names, values, strict=True)}
            yield geometry or "null", json.dumps(properties, ensure_ascii=False, allow_nan=False)


def _rounded(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Right-handed geometries with 7 decimals."""
    rounded = shapely.transform(geometries, lambda points: np.round(points, DECIMALS))
    return np.asarray(shapely.orient_polygons(rounded))


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A value as JSON has it: NaN is null, and floats carry six digits after the point, enough for a square metre."""
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
