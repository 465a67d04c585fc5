"""Which CRS a lattice takes, and CRSs in which a raster does not cross the antimeridian."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from affine import Affine
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from pyproj.exceptions import CRSError, ProjError

from landuse.environment import foreign_data
from landuse.errors import CRSReplacedWarning, UsageError
from landuse.grid import Bounds

MAX_STRETCH = 0.025
"""Largest departure of a CRS metre from a ground metre at the survey's centre. Albers for the United States reaches 0.015."""


def parse_crs(text: str) -> CRS:
    """The CRS a user named, as ``EPSG:26919``, WKT or PROJ text. Raises `UsageError` where there is none such."""
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise UsageError(f"{text!r} names no known CRS; give one such as EPSG:26919.{foreign_data()}") from error


@lru_cache(maxsize=64)
def transformer(source: Hashable, target: Hashable) -> Transformer:
    """Transformer between two CRSs, or their EPSG codes, in x, y order.

    It is kept, since PROJ takes up to a tenth of a second to choose a way between two datums; each thread has its own.
    """
    return Transformer.from_crs(source, target, always_xy=True)


def utm_crs(lon: float, lat: float) -> CRS:
    """WGS 84 / UTM zone of a place in degrees."""
    area = AreaOfInterest(lon, lat, lon, lat)
    found = query_utm_crs_info(datum_name="WGS 84", area_of_interest=area)
    if not found:
        raise UsageError(f"No UTM zone covers longitude {lon:.3f}, latitude {lat:.3f}; give a CRS with --crs EPSG:n.")
    return CRS.from_epsg(int(found[0].code))


def lattice_crs(source: CRS, bounds: Bounds) -> CRS:
    """The CRS for the lattice of a survey whose own CRS and bounds are given.

    The source's own CRS serves where it is projected and a metre of it is within 2.5 % of a ground metre at the centre of
    `bounds`, along both axes. Otherwise (degrees, Web Mercator, a far corner of a projection) the UTM zone of the centre
    takes its place, and a `CRSReplacedWarning` says so where the source was projected.
    """
    x, y = (bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2
    try:
        lon, lat = transformer(source, 4326).transform(x, y, errcheck=True)
    except ProjError as error:
        raise UsageError(f"The survey's centre ({x:g}, {y:g}) lies outside {source.name}; check its CRS.") from error
    if source.is_geographic:
        return utm_crs(lon, lat)
    stretch = ground_stretch(source, x, y)
    if stretch <= MAX_STRETCH:
        return source
    chosen = utm_crs(lon, lat)
    warnings.warn(
        f"A metre of {source.name} is {100 * stretch:.0f} % off a ground metre here, so chips lie in {chosen.name} instead; "
        "give --crs to insist.",
        CRSReplacedWarning,
        stacklevel=2,
    )
    return chosen


def ground_stretch(crs: CRS, x: float, y: float) -> float:
    """Largest relative departure of a CRS metre from a ground metre at a point, along the two axes.

    Measured with geodesics of 200 m on the CRS's ellipsoid, so that it holds for every projection.
    """
    geodesic = crs.get_geod()
    if geodesic is None:
        return 0.0
    half = 100.0 / float(crs.axis_info[0].unit_conversion_factor)
    to_degrees = transformer(crs, crs.geodetic_crs)
    stretches = []
    for dx, dy in ((half, 0.0), (0.0, half)):
        lon, lat = to_degrees.transform([x - dx, x + dx], [y - dy, y + dy])
        stretches.append(abs(geodesic.line_length(lon, lat) / 200.0 - 1.0))
    return max(stretches)


NEAR = 1.0
"""Degrees from the antimeridian within which a raster is told from there: what is read around a raster reaches beyond it."""
ORIGIN = "Longitude of natural origin"
MERCATORS = frozenset({"Popular Visualisation Pseudo Mercator", "Mercator (variant A)", "Mercator (variant B)"})
HALF = "half a turn"
METHOD = "Pole rotation (GRIB convention)"
POLES = (("Latitude of the southern pole", -90), ("Longitude of the southern pole", 180), ("Axis rotation", 0))
_TURN = 360.0


def unwrapped(wkt: str, transform: Affine, shape: tuple[int, int]) -> tuple[str, Affine]:
    """CRS (as WKT) and transform of a raster (height, width) in which it does not cross the antimeridian.

    Both come back as they are where the raster keeps away from it, where it goes around the whole Earth, and for projections
    in which the antimeridian is a line like any other (UTM, polar ones).
    """
    turn = _turn(wkt)
    if not turn:
        return wkt, transform
    west, east = _reach(transform, shape)
    near = turn / 2 * (1 - NEAR / 180)
    if east - west >= 2 * near:
        return (wkt, transform) if west < 0 else (_from_antimeridian(wkt), _moved(transform, -turn / 2))
    turns = math.floor(((west + east) / 2 + turn / 2) / turn)
    west, east = west - turns * turn, east - turns * turn
    if west >= -near and east <= near:
        return wkt, _moved(transform, -turns * turn)
    to_there = turn / 2 if west + east < 0 else -turn / 2
    return _from_antimeridian(wkt), _moved(transform, to_there - turns * turn)


@lru_cache(maxsize=64)
def _turn(wkt: str) -> float:
    """Once around the Earth along x, in the CRS's unit; 0 where x does not begin anew at the antimeridian."""
    crs = CRS.from_wkt(wkt)
    crs = crs.source_crs if crs.is_bound and crs.source_crs is not None else crs
    if crs.is_geographic:
        return _TURN if _from_greenwich(crs) else 0.0
    return _sheet(crs)


def _from_greenwich(crs: CRS) -> bool:
    meridian = crs.prime_meridian
    degrees = all(axis.unit_name == "degree" for axis in crs.axis_info)
    return degrees and (meridian is None or meridian.longitude == 0)


def _sheet(crs: CRS) -> float:
    """Width of the world in a projection of Mercator's about Greenwich, in its unit; 0 for all others."""
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None or operation.method_name not in MERCATORS:
        return 0.0
    if any(p.name == ORIGIN and float(p.value) != 0 for p in operation.params):
        return 0.0
    x, _ = transformer(crs.geodetic_crs, crs).transform([0.0, 90.0], [0.0, 0.0])
    return 4.0 * float(x[1] - x[0])


def _reach(transform: Affine, shape: tuple[int, int]) -> tuple[float, float]:
    height, width = shape
    a, b, c = tuple(transform)[:3]
    xs = [a * col + b * row + c for col in (0, width) for row in (0, height)]
    return min(xs), max(xs)


def _moved(transform: Affine, dx: float) -> Affine:
    return transform if dx == 0 else Affine.translation(dx, 0.0) @ transform


@lru_cache(maxsize=64)
def _from_antimeridian(wkt: str) -> str:
    """The same CRS with its longitudes, or its sheet, counted from 180 degrees; its datum stays what PROJ knows it as."""
    return CRS.from_json_dict(_turned(CRS.from_wkt(wkt).to_json_dict())).to_wkt()


def _turned(values: dict[str, Any]) -> dict[str, Any]:
    """PROJJSON of a CRS from its own, a geographic one derived from the other by half a turn about the poles."""
    if values["type"] == "BoundCRS":
        return values | {"source_crs": _turned(values["source_crs"])}
    name = f"{values['name']} from 180 degrees"
    if "conversion" in values:
        moved = [p | {"value": 180} if p["name"] == ORIGIN else p for p in values["conversion"]["parameters"]]
        conversion = {"name": HALF, "method": values["conversion"]["method"], "parameters": moved}
        return {key: value for key, value in values.items() if key != "id"} | {"name": name, "conversion": conversion}
    parameters = [{"name": f"{name} (GRIB convention)", "value": value, "unit": "degree"} for name, value in POLES]
    return {
        "type": "DerivedGeographicCRS",
        "name": name,
        "base_crs": values,
        "conversion": {"name": HALF, "method": {"name": METHOD}, "parameters": parameters},
        "coordinate_system": values["coordinate_system"],
    }
