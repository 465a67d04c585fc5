"""Labels from polygons: exact areas of intersection, and points in polygons."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.errors import LabelsError, NotAVectorError
from landuse.grid import BLOCK, Bounds
from landuse.labels.source import Floats, Look
from landuse.legend import UNMAPPED, Legend
from landuse.vector_file import carried, read_vector

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely import STRtree

Objects = npt.NDArray[np.object_]
SLIVER = 1e-9
"""Overlap of polygons below this share of a chip is rounding, not overlap."""


@dataclass(frozen=True)
class PolygonLabels:
    """Polygons in the lattice CRS with a class code each (0 = unmapped). Where they overlap, the first in the file counts."""

    polygons: Objects
    codes: npt.NDArray[np.uint8]
    legend: Legend
    tree: STRtree

    def span(self, ring: Floats) -> int:
        """See `LabelSource`."""
        return BLOCK

    def look(self, rings: Floats, points: Floats) -> Look:
        """See `LabelSource`."""
        import shapely

        chips = shapely.polygons(rings)
        chip, polygon = self._hits(chips, "intersects")
        pieces = chips[chip]
        cut = ~shapely.contains_properly(
            self.polygons[polygon], pieces
        )  # quick on prepared polygons, intersections are not
        pieces[cut] = shapely.intersection(pieces[cut], self.polygons[polygon[cut]])
        areas = _first_come(chip, pieces, shapely.area(pieces), shapely.area(chips))
        shares = np.zeros((len(chips), len(self.legend)))
        for k, code in enumerate(self.legend.codes):
            of_class = self.codes[polygon] == code
            shares[:, k] = np.bincount(chip[of_class], areas[of_class], minlength=len(chips))
        shares /= shapely.area(chips)[:, np.newaxis]
        return Look(shares.clip(0.0, 1.0), self._at(points), bool((areas > 0).any()))

    def _hits(self, geometries: Objects, predicate: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pairs of positions (geometry, polygon) that meet, in the order of the geometries, then of the file."""
        geometry, polygon = self.tree.query(geometries, predicate=predicate)
        order = np.lexsort((polygon, geometry))
        return geometry[order], polygon[order]

    def _at(self, points: Floats) -> npt.NDArray[np.uint8]:
        """Class codes at points of shape (chips, points, 2); 0 outside of all polygons."""
        import shapely

        found = np.full(points.shape[:2], UNMAPPED, np.uint8).ravel()
        point, polygon = self._hits(shapely.points(points.reshape(-1, 2)), "intersects")
        # Written from the last to the first, so that the first polygon of the file stays.
        found[point[::-1]] = self.codes[polygon[::-1]]
        return found.reshape(points.shape[:2])


def _first_come(chip: npt.NDArray[np.int64], pieces: Objects, areas: Floats, chip_areas: Floats) -> Floats:
    """Areas of pieces less what earlier pieces of the same chip cover; pieces stand in the order of the chips."""
    import shapely

    areas = areas.copy()
    starts = np.flatnonzero(np.diff(chip, prepend=-1)).tolist()
    for first, last in pairwise([*starts, len(chip)]):
        if last - first < 2:
            continue
        tolerance = SLIVER * chip_areas[chip[first]]
        if areas[first:last].sum() - shapely.union_all(pieces[first:last]).area <= tolerance:
            continue
        covered = pieces[first]
        for place in range(first + 1, last):
            areas[place] = shapely.difference(pieces[place], covered).area
            covered = shapely.union(covered, pieces[place])
    return areas


def read_polygon_labels(path: Path | str, field: str, legend: Legend, crs: CRS, near: Bounds) -> PolygonLabels:
    """Read label polygons for chips of a lattice in `crs`.

    Args:
        path: a vector file.
        field: the attribute with the class: a class name (or one of its other labels), or a source code of the crosswalk.
        legend: the classes.
        crs: the lattice CRS.
        near: ground of the chips in `crs`; polygons far from it are left out.

    Raises:
        LabelsError: no such attribute, or not one of its values is a class.
        NotAVectorError, SourceNotFoundError, MissingCRSError: the file cannot serve.
    """
    import shapely

    frame = read_vector(path)
    if field not in frame.columns or field == frame.geometry.name:
        known = ", ".join(str(c) for c in frame.columns if c != frame.geometry.name)
        raise LabelsError(f"{path} has no attribute {field!r}; give one of these with --label-field: {known}.")
    polygons, feature = _polygons(np.asarray(frame.geometry.array, dtype=object))
    if not len(polygons):
        raise NotAVectorError(f"{path} holds no polygons, and labels come from polygons.")
    codes = _codes(frame, field, legend)
    if not codes.any():
        values = ", ".join(str(v) for v in frame[field].unique()[:5])
        raise LabelsError(
            f"Not one value of {field!r} in {path} is a class of legend {legend.name}; it holds {values}."
        )
    polygons, part = _polygons(carried(polygons, CRS.from_user_input(frame.crs), crs, near))
    shapely.prepare(polygons)
    return PolygonLabels(polygons, codes[feature[part]], legend, shapely.STRtree(polygons))


def _polygons(shapes: Objects) -> tuple[Objects, npt.NDArray[np.int64]]:
    """The polygons that geometries consist of, and the position of the geometry that each comes from."""
    import shapely

    # Twice, as the first time takes collections apart and the second the multipolygons in them.
    parts, first = shapely.get_parts(shapes, return_index=True)
    parts, second = shapely.get_parts(parts, return_index=True)
    polygons = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return parts[polygons], first[second][polygons]


def _codes(frame: gpd.GeoDataFrame, field: str, legend: Legend) -> npt.NDArray[np.uint8]:
    """Class code of each feature; 0 where its attribute names no class."""
    codes = {value: _code(value, legend) for value in frame[field].dropna().unique()}
    return np.array([codes.get(value, UNMAPPED) for value in frame[field]], np.uint8)


def _code(value: Any, legend: Legend) -> int:  # noqa: ANN401
    """Class code of one attribute value: a class name or label, else a source code, also where it is written as text."""
    named = legend.code_of(str(value))
    if named != UNMAPPED:
        return named
    try:
        number = float(value)
    except (TypeError, ValueError):
        return UNMAPPED
    if not number.is_integer() or not 0 <= number < 65536:
        return UNMAPPED
    return int(legend.classify_codes(np.array([int(number)]))[0])
