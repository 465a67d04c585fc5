"""Areas by district: of every class, or of every change, within the polygons of somebody's file.

A cell on a boundary is divided exactly along it. What no class covers is a line of its own, so that the lines of a district
add up to its area on the ellipsoid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import CRS

from landuse.crs import transformer
from landuse.errors import NoOverlapError, UsageError
from landuse.grid import Bounds
from landuse.legend import Legend
from landuse.outputs.areas import Boxes, boxes_of_raster, cell_shares, polygon_areas_ha
from landuse.outputs.categories import CHANGE_STEP
from landuse.outputs.tables import Table, safe_cell, write_table
from landuse.outputs.vectors import write_geojson
from landuse.vector_file import projected, read_vector

DISTRICTS_TABLE = "districts"
DISTRICTS_SHAPES = "districts.geojson"
NAMELESS = "(no name)"
NOT_MAPPED, UNCHANGED, NOT_COMPARED = "(not mapped)", "(no change)", "(not compared)"
UNCHANGED_CODE = 2**16
"""What stands for ground that was compared and has not changed, beside the codes of `change.tif`."""
USUAL = "name"
Line = tuple[str, ...]
"""What the lines of a table are called by: a class, or the two classes of a change."""


Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Districts:
    """Named polygons.

    Attributes:
        names: (m,), each once.
        polygons: (m,), valid, in `crs`.
        areas_ha: float64 (m,), on the ellipsoid.
    """

    names: tuple[str, ...]
    polygons: Geometries
    crs: CRS
    areas_ha: npt.NDArray[np.float64]

    def within(self, area: bytes | None) -> Districts:
        """The same districts, of which only what lies in an area of interest (well-known binary, or None) is measured."""
        shape = None if area is None else shapely.from_wkb(area)
        if shape is None or not shape.area:
            return self
        return replace(self, polygons=np.asarray(shapely.intersection(self.polygons, shape)))


def districts_of(path: Path | None, column: str | None, crs: CRS, near: Bounds) -> Districts | None:
    """As `read_districts`; None where no file is given."""
    return None if path is None else read_districts(path, column, crs, near)


def read_districts(path: Path, column: str | None, crs: CRS, near: Bounds) -> Districts:
    """The polygons of a vector file that share ground with a map; those of one name become one.

    Args:
        column: its column of names; None is one that is called ``name``.
        near: where the map lies.

    Raises:
        UsageError: the file has no such column.
        NoOverlapError: no polygon shares ground with the map.
        SourceNotFoundError, NotAVectorError, MissingCRSError: the file cannot serve.
    """
    frame = read_vector(path)
    texts = frame[_column_of(path, [str(c) for c in frame.columns if c != frame.geometry.name], column)]
    names = np.array([NAMELESS if text is None or text != text else str(text) for text in texts], object)
    shapes = np.asarray(frame.geometry, object)
    beside = _beside(shapes, CRS.from_user_input(frame.crs), crs, near)
    found = sorted(set(names[beside].tolist()))
    chosen = np.isin(names, found)
    moved = _whole(shapes[chosen], CRS.from_user_input(frame.crs), crs)
    polygons = np.array([shapely.union_all(moved[names[chosen] == name]) for name in found], object)
    inside = shapely.area(shapely.intersection(polygons, shapely.box(*near))) > 0
    if not inside.any():
        raise NoOverlapError(f"No district of {path} shares ground with the map; check the file and its CRS.")
    names_inside = tuple(name for name, here in zip(found, inside.tolist(), strict=True) if here)
    return Districts(names_inside, polygons[inside], crs, polygon_areas_ha(polygons[inside], crs))


def check_districts(path: Path | None, column: str | None) -> None:
    """Raise as `read_districts` where a file cannot serve, before anything long is begun. None is no file.

    Raises:
        UsageError: a column of names without a file, or a file without that column.
    """
    if path is None:
        if column is not None:
            raise UsageError("--district-name names a column of districts; give their file with --districts.")
        return
    frame = read_vector(path)
    _column_of(path, [str(c) for c in frame.columns if c != frame.geometry.name], column)


def _beside(shapes: Geometries, source: CRS, crs: CRS, near: Bounds) -> npt.NDArray[np.bool_]:
    """Which shapes of `source` have a rectangle around them that meets that around the map."""
    west, south, east, north = transformer(crs, source).transform_bounds(*near)
    left, bottom, right, top = shapely.bounds(shapes).T
    across = (left <= east) & (right >= west) if west <= east else np.ones(len(shapes), bool)  # the antimeridian
    return np.asarray(across & (bottom <= north) & (top >= south))


def _whole(shapes: Geometries, source: CRS, crs: CRS) -> Geometries:
    """Shapes of `source` in `crs`, none of them cut off."""
    if not len(shapes):
        return shapes
    around = transformer(source, crs).transform_bounds(*shapely.total_bounds(shapes))
    if not np.isfinite(around).all():
        raise UsageError(f"Some districts reach beyond the ground that {crs.name} covers; give smaller ones.")
    return projected(shapes, source, crs, Bounds(*around))


def _column_of(path: Path, columns: Sequence[str], column: str | None) -> str:
    wanted = column or USUAL
    fitting = [name for name in columns if name == wanted] or [n for n in columns if n.casefold() == wanted.casefold()]
    if not fitting:
        known = ", ".join(columns) or "none at all"
        raise UsageError(
            f"{path} has no column {wanted!r} for the names of districts; --district-name takes one of: {known}."
        )
    return fitting[0]


class DistrictTotals:
    """Hectares of each code in each district, measured as a map comes by."""

    def __init__(self, districts: Districts) -> None:
        self.districts = districts
        self._hectares: dict[int, npt.NDArray[np.float64]] = {}

    def add(self, boxes: Boxes, codes: npt.NDArray[np.integer], areas_ha: npt.NDArray[np.float64]) -> None:
        """Measure cells.

        Args:
            codes: what they hold, (n,); 0 counts nowhere.
            areas_ha: hectares of each that count, (n,).
        """
        district, cell, share = cell_shares(self.districts.polygons, boxes)
        for code in np.unique(codes[cell]).tolist():
            if code:
                mine = codes[cell] == code
                hectares = np.bincount(
                    district[mine], weights=share[mine] * areas_ha[cell[mine]], minlength=len(self.districts.names)
                )
                self._hectares[code] = self.of(code) + hectares

    def add_raster(
        self, transform: Affine, top: int, codes: npt.NDArray[np.integer], areas_ha: npt.NDArray[np.float64]
    ) -> None:
        """Measure some lines of a raster, (h, W) each, of which the first is line `top`; as `add`."""
        lines, cols = np.nonzero(codes)
        self.add(boxes_of_raster(transform, lines + top, cols), codes[lines, cols], areas_ha[lines, cols])

    def of(self, code: int) -> npt.NDArray[np.float64]:
        """Hectares of a code in each district, (m,)."""
        return self._hectares.get(code, np.zeros(len(self.districts.names)))

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes that occur in any district, in order."""
        return tuple(sorted(self._hectares))


def write_class_districts(folder: Path, totals: DistrictTotals, legend: Legend, *, overlapping: bool) -> Table:
    """Write `districts.csv`, `.xlsx`, `.parquet`, `.geojson`; return the rows: district, class, area_ha, share of the district.

    Args:
        overlapping: whether a cell may be of several classes, so that they do not add up to the district.
    """
    lines = [(c.code, (c.name,)) for c in legend.classes]
    return _write(folder, totals, ("class",), lines, None if overlapping else (NOT_MAPPED,))


def write_change_districts(folder: Path, totals: DistrictTotals, legend: Legend, numbers: Mapping[str, int]) -> Table:
    """Write `districts.csv`, `.xlsx`, `.parquet`, `.geojson`; return the rows: district, from, to, area_ha, share of it.

    Args:
        totals: what was measured, by the codes of `change.tif`, and as `UNCHANGED_CODE` the ground that was compared without.
    """
    named = {number: name for name, number in numbers.items()}
    order = [numbers[name] for name in legend.names]
    codes = [a * CHANGE_STEP + b for a in order for b in order if a != b and a * CHANGE_STEP + b in totals.codes]
    lines = [(code, (named[code // CHANGE_STEP], named[code % CHANGE_STEP])) for code in codes]
    lines.append((UNCHANGED_CODE, (UNCHANGED, UNCHANGED)))
    return _write(folder, totals, ("from", "to"), lines, (NOT_COMPARED, NOT_COMPARED))


def _write(
    folder: Path, totals: DistrictTotals, head: Line, lines: Sequence[tuple[int, Line]], rest: Line | None
) -> Table:
    """Write table and shapes. `lines` are the code and the columns of each line, `rest` those of what remains of a district."""
    header = ("district", *head, "area_ha", "share")
    rows = list(_rows(totals, lines, rest))
    write_table(folder / DISTRICTS_TABLE, header, rows)
    write_shapes(folder / DISTRICTS_SHAPES, totals.districts)
    return header, rows


def write_shapes(path: Path, districts: Districts) -> None:
    """Write the districts as GeoJSON: `district`, and `area_ha` of the whole of it."""
    import geopandas

    columns = {"district": districts.names, "area_ha": districts.areas_ha}
    frame = geopandas.GeoDataFrame(columns, geometry=districts.polygons, crs=districts.crs)
    write_geojson(frame[shapely.area(districts.polygons) > 0], path)


def _rows(
    totals: DistrictTotals, lines: Sequence[tuple[int, Line]], rest: Line | None
) -> Iterator[tuple[str | float, ...]]:
    for number, name in enumerate(totals.districts.names):
        whole = float(totals.districts.areas_ha[number])
        measured = [(columns, float(totals.of(code)[number])) for code, columns in lines]
        remaining = max(whole - sum(area for _, area in measured), 0.0)
        for columns, area in [*measured, *([] if rest is None else [(rest, remaining)])]:
            yield safe_cell(name), *map(safe_cell, columns), round(area, 4), round(area / whole, 6)
