"""Polygons of a class map: dissolved in its lattice, measured on the ellipsoid, written as GeoJSON in degrees of WGS 84.

Both work strip by strip, so that a map need not be in memory; see `landuse.outputs.polygons`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import UsageError
from landuse.legend import CodeArray, Legend
from landuse.outputs.polygons import Geometries, Regions, Sweep

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


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
    to_wgs84 = transformer(crs, WGS84)
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


DECIMALS = 7
"""Decimals of a degree in GeoJSON: a centimetre."""
CHUNK = 2_000
BAND_CELLS = 2**17
"""Cells that are dissolved at once: a map that comes whole, or in wide strips, is gone over in bands of so many."""
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MapLines:
    """Some lines of a class map, from one side to the other.

    Attributes:
        codes: class codes (h, W), 0 = no data.
        areas_ha: area of each cell in hectares (h, W).
        confidence: of each cell (h, W), NaN where it is not known; None where no cell has one.
    """

    first: int
    codes: CodeArray
    areas_ha: npt.NDArray[np.float64]
    confidence: Float32 | None = None


@dataclass(frozen=True, eq=False)
class Areas:
    """Polygons with properties. A plain table, since geopandas takes half a second to import.

    Attributes:
        columns: values by the name of the property, (n,) each.
        polygons: (n,).
    """

    columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]]
    polygons: Geometries
    crs: CRS

    def __len__(self) -> int:
        return len(self.polygons)

    def in_degrees(self) -> Areas:
        """The same in WGS 84. Raises `UsageError` where the CRS has no ground."""
        return self if self.crs == WGS84 else Areas(self.columns, in_degrees(self.polygons, self.crs), WGS84)


class Dissolver:
    """Polygons of neighbouring cells (sharing an edge) of one class, from a map that comes some lines at a time.

    A polygon comes out once the lines have passed it, so memory follows the polygons that are not finished.
    """

    def __init__(self, transform: Affine, crs: CRS, legend: Legend, width: int) -> None:
        """Start above line 0.

        Args:
            transform: pixel (col, line) to `crs`; lines may run north or south.
        """
        self._transform, self._crs, self._legend = transform, crs, legend
        self._confident = False
        self._sweep = Sweep(width, len(WEIGHTS), spacing_of(transform, crs))

    def add(self, lines: MapLines) -> Iterator[Areas]:
        """The polygons that end within some lines: class, code, area_ha, cells, and confidence where it is known.

        Raises:
            ConfigError: a code that the legend lacks.
        """
        self._confident = lines.confidence is not None
        yield self._areas(self._sweep.skip_to(lines.first))
        weights = _weights(lines)
        height = max(1, BAND_CELLS // lines.codes.shape[1])
        for top in range(0, len(lines.codes), height):
            band = slice(top, top + height)
            yield self._areas(self._sweep.add(lines.codes[band], weights[:, band]))

    def end(self) -> Areas:
        """The polygons that reach the last line."""
        return self._areas(self._sweep.skip_to(-1))

    def _areas(self, regions: Regions) -> Areas:
        sums = dict(zip(WEIGHTS, regions.sums.T, strict=True))
        columns: dict[str, Any] = {
            "class": [self._legend.name_of(code) for code in regions.values.tolist()],
            "code": regions.values.astype(self._legend.dtype),
            "area_ha": sums["area_ha"],
            "cells": sums["cells"].astype(np.int64),
        }
        if self._confident:
            unknown = np.full(len(regions), np.nan)
            columns["confidence"] = np.divide(sums["confidence"], sums["known"], out=unknown, where=sums["known"] > 0)
        return Areas(columns, placed(regions.polygons, self._transform), self._crs)


WEIGHTS = ("cells", "area_ha", "confidence", "known")


def _weights(lines: MapLines) -> npt.NDArray[np.float64]:
    """What is summed over a polygon's cells, (4, h, W) in the order of `WEIGHTS`."""
    shape = lines.codes.shape
    confidence = np.full(shape, np.nan) if lines.confidence is None else lines.confidence
    known = np.isfinite(confidence)
    return np.stack([np.ones(shape), lines.areas_ha, np.where(known, confidence, 0.0), known])


def write_geojson(frame: GeoDataFrame, path: Path) -> None:
    """Write a frame as RFC 7946; see `geojson_writer`. Raises `UsageError` where it is not in EPSG:4326."""
    if frame.crs is None or not WGS84.equals(CRS.from_user_input(frame.crs), ignore_axis_order=True):
        raise UsageError("GeoJSON holds WGS 84 degrees, but these polygons are in another CRS.")
    columns = {name: frame[name].tolist() for name in frame.columns if name != frame.geometry.name}
    with geojson_writer(path) as writer:
        writer.write(Areas(columns, np.asarray(frame.geometry), WGS84))


@contextmanager
def geojson_writer(path: Path) -> Iterator[FeatureWriter]:
    """Yield a writer of features, RFC 7946: longitude first, 7 decimals, right-handed rings, no ``crs`` member.

    One feature a line. NaN becomes null.
    """
    with path.open("w", encoding="utf8") as stream:
        stream.write('{"type": "FeatureCollection", "features": [')
        yield FeatureWriter(stream)
        stream.write("\n]}\n")


class FeatureWriter:
    """Writes areas after areas as features."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._separator = stream, "\n"

    def write(self, areas: Areas) -> None:
        """Write a feature for each polygon. Raises `UsageError` where their CRS has no ground."""
        for geometry, properties in _features(areas.in_degrees()):
            text = f'{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
            self._stream.write(f"{self._separator}{text}")
            self._separator = ",\n"


def _features(areas: Areas) -> Iterator[tuple[str, str]]:
    for first in range(0, len(areas), CHUNK):
        chunk = slice(first, first + CHUNK)
        geometries = shapely.to_geojson(_rounded(areas.polygons[chunk]))
        columns = [_listed(values[chunk]) for values in areas.columns.values()]
        for geometry, values in zip(geometries, zip(*columns, strict=True), strict=True):
            properties = {name: _plain(value) for name, value in zip(areas.columns, values, strict=True)}
            yield geometry or "null", json.dumps(properties, ensure_ascii=False, allow_nan=False)


def _listed(values: Sequence[Any] | npt.NDArray[Any]) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _rounded(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Right-handed geometries with 7 decimals."""
    rounded = shapely.transform(geometries, lambda points: np.round(points, DECIMALS))
    return np.asarray(shapely.orient_polygons(rounded))


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
