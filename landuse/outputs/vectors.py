"""Polygons of a class map: dissolved in its lattice strip by strip (see `landuse.outputs.polygons`), and frames as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS

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


GEOJSON_OPTIONS = {"RFC7946": "YES", "WRITE_NAME": "NO", "SIGNIFICANT_FIGURES": "9"}
"""GDAL's: longitude first, 7 decimals of a degree (a centimetre), right-handed rings, cut at the antimeridian, no `crs`."""


def write_geojson(frame: GeoDataFrame, path: Path) -> None:
    """Write a frame as RFC 7946, in degrees of WGS 84. One feature a line; NaN becomes null."""
    frame.to_file(path, driver="GeoJSON", engine="pyogrio", **GEOJSON_OPTIONS)
