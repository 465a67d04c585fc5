"""Labels from polygons: exact areas of intersection, and points in polygons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from landuse.errors import LabelsError, NotAVectorError
from landuse.grid import BLOCK, Bounds
from landuse.labels.rules import LISTED, ClassShares, Floats, legend_of_values
from landuse.legend import UNMAPPED, CodeArray, Legend
from landuse.text import counted
from landuse.vector_file import projected, read_vector

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely import STRtree

Objects = npt.NDArray[np.object_]
SLIVER = 1e-9
"""Overlap of polygons below this share of a chip is rounding, not overlap."""


@dataclass(frozen=True)
class PolygonLabels:
    """Polygons in the lattice CRS. Where they overlap, the first in the file counts.

    Attributes:
        polygons: shapely polygons, shape (n,).
        codes: class code of each, shape (n,); 0 = unmapped.
        values: what stands in the file for each, shape (n,), as text.
    """

    polygons: Objects
    codes: CodeArray
    legend: Legend
    tree: STRtree
    values: Objects
    unmapped: str = ""

    def span(self, ring: Floats) -> int:
        """See `LabelSource`."""
        return BLOCK

    def read(self, rings: Floats, points: Floats) -> ClassShares:
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
        part = areas / shapely.area(chips)[chip]
        shares = np.zeros((len(chips), len(self.legend)))
        known = self.codes[polygon] != UNMAPPED
        np.add.at(shares, (chip[known], self.legend.positions(self.codes[polygon[known]])), part[known])
        left_out: dict[str, float] = {}
        for value, share in zip(self.values[polygon[~known]].tolist(), part[~known].tolist(), strict=True):
            left_out[value] = left_out.get(value, 0.0) + share
        return ClassShares(shares.clip(0.0, 1.0), self._at(points), bool((areas > 0).any()), left_out)

    def _hits(self, geometries: Objects, predicate: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pairs of positions (geometry, polygon) that meet, in the order of the geometries, then of the file."""
        geometry, polygon = self.tree.query(geometries, predicate=predicate)
        order = np.lexsort((polygon, geometry))
        return geometry[order], polygon[order]

    def _at(self, points: Floats) -> CodeArray:
        """Class codes at points of shape (chips, points, 2); 0 outside of all polygons."""
        import shapely

        found = np.full(points.shape[:2], UNMAPPED, self.legend.dtype).ravel()
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


def read_polygon_labels(
    address: Path | str, field: str, legend: Legend | None, crs: CRS, near: Bounds
) -> PolygonLabels:
    """Read label polygons for chips of a lattice in `crs`.

    Args:
        address: a vector file, or ``FILE:LAYER``; see `read_vector`.
        field: the attribute with the class: a class name (or one of its other labels), or a source code of the crosswalk.
        legend: the classes; None takes the shipped legend that knows all values, else makes one of them.
        near: ground of the chips in `crs`; polygons far from it are left out.

    Raises:
        LabelsError: no such attribute, or not one of its values is a class.
        NotAVectorError, SourceNotFoundError, MissingCRSError, UsageError: the file cannot serve.
    """
    import shapely

    frame = read_vector(address, field)
    if field not in frame.columns or field == frame.geometry.name:
        known = ", ".join(str(c) for c in frame.columns if c != frame.geometry.name)
        raise LabelsError(f"{address} has no attribute {field!r}; give one of these with --label-field: {known}.")
    polygons, feature = _polygons(np.asarray(frame.geometry.array, dtype=object))
    if not len(polygons):
        raise NotAVectorError(f"{address} holds no polygons, and labels come from polygons.")
    values = _texts(frame, field)
    counts = Counter(value for value in values.tolist() if value)
    legend = legend or legend_of_values(counts, str(address))
    code_of = {value: legend.code_of_value(value) for value in counts} | {"": UNMAPPED}
    codes = np.array([code_of[value] for value in values.tolist()], legend.dtype)
    if not codes.any():
        some = ", ".join(list(counts)[:5]) or "no value"
        raise LabelsError(
            f"Not one value of {field!r} in {address} is a class of legend {legend.name}; it holds {some}."
        )
    polygons, part = _polygons(projected(polygons, CRS.from_user_input(frame.crs), crs, near))
    shapely.prepare(polygons)
    of = feature[part]
    unmapped = _unmapped(str(address), legend, Counter(values[codes == UNMAPPED].tolist()))
    return PolygonLabels(polygons, codes[of], legend, shapely.STRtree(polygons), values[of], unmapped)


def _unmapped(where: str, legend: Legend, counts: Counter[str]) -> str:
    """What of the features names no class, with counts; empty where all do."""
    if not counts:
        return ""
    features = counted(counts.total(), "feature")
    verb = "names" if counts.total() == 1 else "name"
    listed = ", ".join(
        f"{value!r} ({n:,})" if value else f"no value ({n:,})" for value, n in counts.most_common(LISTED)
    )
    more = f" and {len(counts) - LISTED:,} others" if len(counts) > LISTED else ""
    return f"{features} of {where} {verb} no class of the legend {legend.name}: {listed}{more}."


def _polygons(shapes: Objects) -> tuple[Objects, npt.NDArray[np.int64]]:
    import shapely

    # Twice, as the first time takes collections apart and the second the multipolygons in them.
    parts, first = shapely.get_parts(shapes, return_index=True)
    parts, second = shapely.get_parts(parts, return_index=True)
    polygons = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return parts[polygons], first[second][polygons]


def _texts(frame: gpd.GeoDataFrame, field: str) -> Objects:
    """The attribute of each feature as text, whole numbers without a fraction; empty where it has none."""
    known = frame[field].notna().tolist()
    texts = [_text(value) if there else "" for value, there in zip(frame[field].tolist(), known, strict=True)]
    return np.array(texts, dtype=object)


def _text(value: Any) -> str:  # noqa: ANN401
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()
