"""Rasters beyond 180 degrees, brought to where every point of them has one pair of coordinates.

PROJ answers with longitudes from -180 to 180. A raster in degrees from 0 to 360 is therefore moved by whole turns; one that
comes near the antimeridian, where neighbours differ by 360 degrees, is told in degrees east of it, so that nothing that reads
it needs to know. The same holds for the sheets of Mercator's projections.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from affine import Affine
from pyproj import CRS, Transformer

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
    x, _ = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform([0.0, 90.0], [0.0, 0.0])
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
