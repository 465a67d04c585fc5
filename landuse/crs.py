"""Which CRS a lattice lies in: the sources' own where a metre of it is a metre of ground, else the UTM zone."""

from __future__ import annotations

import warnings

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
        lon, lat = Transformer.from_crs(source, 4326, always_xy=True).transform(x, y, errcheck=True)
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
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    stretches = []
    for dx, dy in ((half, 0.0), (0.0, half)):
        lon, lat = to_degrees.transform([x - dx, x + dx], [y - dy, y + dy])
        stretches.append(abs(geodesic.line_length(lon, lat) / 200.0 - 1.0))
    return max(stretches)
