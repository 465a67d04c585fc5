"""The lattice's CRS: the sources' own where a metre is a metre, else the UTM zone."""

import math
import warnings

import pytest
from pyproj import CRS, Transformer

from landuse.crs import ground_stretch, lattice_crs, parse_crs, utm_crs
from landuse.errors import CRSReplacedWarning, UsageError
from landuse.grid import Bounds


def around(code, lon, lat, size=1000.0):
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(lon, lat)
    return Bounds(x - size, y - size, x + size, y + size)


@pytest.mark.parametrize(
    ("code", "lon", "lat"),
    [
        (26919, -71, 42.4),
        (5070, -72.7, 41.6),
        (5070, -81, 25.5),
        (5070, -122, 48.5),
        (2263, -73.9, 40.7),
        (2056, 8.2, 46.8),
    ],
)
def test_a_projection_made_for_the_place_is_kept(code, lon, lat):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lattice_crs(CRS.from_epsg(code), around(code, lon, lat)).to_epsg() == code


def test_web_mercator_gives_way_to_utm_with_a_warning():
    with pytest.warns(CRSReplacedWarning, match=r"26 % off.*--crs"):
        chosen = lattice_crs(CRS.from_epsg(3857), around(3857, -71, 42.4))
    assert chosen.to_epsg() == 32619


def test_degrees_give_way_to_utm():
    assert lattice_crs(CRS.from_epsg(4326), Bounds(-71.1, 42.3, -70.9, 42.5)).to_epsg() == 32619
    assert lattice_crs(CRS.from_epsg(4269), Bounds(18.4, -34.1, 18.5, -33.9)).to_epsg() == 32734


def test_stretch_of_web_mercator_is_one_over_the_cosine():
    bounds = around(3857, 10, 60)
    x, y = (bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2
    assert ground_stretch(CRS.from_epsg(3857), x, y) == pytest.approx(1 - math.cos(math.radians(60)), rel=0.01)


@pytest.mark.parametrize(("lon", "lat", "code"), [(-71, 42, 32619), (3, 60, 32631), (151, -33, 32756)])
def test_the_utm_zone_of_a_place(lon, lat, code):
    assert utm_crs(lon, lat).to_epsg() == code


def test_a_crs_nobody_knows_is_refused():
    with pytest.raises(UsageError, match="EPSG:26919"):
        parse_crs("EPSG:0")
    with pytest.raises(UsageError, match="No UTM"):
        utm_crs(0, 89)
