import geopandas as gpd
import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landuse.labels.area_shares import class_areas, ring_areas

CODES = np.random.default_rng(3).integers(0, 4, (23, 31)).astype(np.uint8)


def by_pixel(codes, ring, code):
    """Area of a class under a polygon: the intersection with each pixel, one after the other."""
    polygon = shapely.Polygon(ring)
    rows, cols = np.nonzero(codes == code)
    return sum(polygon.intersection(shapely.box(c, r, c + 1, r + 1)).area for r, c in zip(rows, cols, strict=True))


def share(areas, ring):
    return areas / ring_areas(np.asarray(ring, float)[np.newaxis])[0]


@pytest.mark.parametrize(
    "ring",
    [
        [(2.0, 3.0), (9.0, 3.0), (9.0, 10.0), (2.0, 10.0)],  # on the pixels' edges
        [(2.25, 3.5), (9.75, 3.5), (9.75, 11.125), (2.25, 11.125)],
        [(3.1, 2.2), (12.7, 4.9), (10.2, 14.6), (0.9, 11.3)],  # turned
        [(3.1, 2.2), (0.9, 11.3), (10.2, 14.6), (12.7, 4.9)],  # turned, the other way round
        [(5.2, 5.3), (5.6, 5.3), (5.6, 5.7), (5.2, 5.7)],  # within one pixel
        [(-3.0, -2.5), (8.0, -2.5), (8.0, 6.5), (-3.0, 6.5)],  # over the upper left corner
        [(27.3, 18.2), (40.0, 20.0), (38.0, 30.0), (25.0, 29.0)],  # over the lower right corner
        [(-5.0, -5.0), (40.0, -5.0), (40.0, 40.0), (-5.0, 40.0)],  # around all of it
    ],
)
def test_areas_are_those_of_the_intersections_with_each_pixel(ring):
    areas = np.abs(class_areas(CODES, np.array([ring]), (1, 2, 3))[0])
    assert areas == pytest.approx([by_pixel(CODES, ring, code) for code in (1, 2, 3)], abs=1e-9)


def test_polygons_away_from_the_raster_have_no_area():
    ring = np.array([[(50.0, 2.0), (60.0, 2.0), (60.0, 9.0), (50.0, 9.0)], [(2, -9), (9, -9), (9, -2), (2, -2)]])
    assert class_areas(CODES, ring, (0, 1, 2, 3)) == pytest.approx(np.zeros((2, 4)), abs=1e-12)


def test_many_polygons_agree_with_exactextract():
    rng = np.random.default_rng(1)
    angle, size = rng.uniform(0, 6, (50, 1)), rng.uniform(0.3, 9, (50, 1))
    corners = angle + np.arange(4) * np.pi / 2
    ring = np.stack([15 + 3 * rng.normal(size=(50, 1)) + size * np.cos(corners), 11 + size * np.sin(corners)], axis=-1)
    frame = gpd.GeoDataFrame(geometry=shapely.polygons(ring), crs=26918)
    source = NumPyRasterSource(CODES[::-1].copy(), srs_wkt=frame.crs.to_wkt())
    found = exact_extract(source, frame, ["values", "coverage"], output="pandas")
    expected = [
        [c[v == code].sum() for code in (0, 1, 2, 3)] for v, c in zip(found["values"], found.coverage, strict=True)
    ]
    assert np.abs(class_areas(CODES, ring, (0, 1, 2, 3))) == pytest.approx(np.array(expected), abs=1e-3)


@settings(max_examples=60)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2)),
    hnp.arrays(np.float64, (4,), elements=st.floats(-3, 12)),
    st.integers(1, 8),
)
def test_the_classes_of_a_raster_fill_its_part_of_a_rectangle_however_it_is_cut(codes, edges, cut):
    west, east = sorted(edges[:2])
    north, south = sorted(edges[2:])
    ring = np.array([[(west, north), (east, north), (east, south), (west, south)]])
    height, width = codes.shape
    inside = max(0, min(east, width) - max(west, 0)) * max(0, min(south, height) - max(north, 0))
    whole = class_areas(codes, ring, (0, 1, 2))
    assert whole.sum() == pytest.approx(inside, abs=1e-9)
    strips = [class_areas(codes[top : top + cut], ring - (0, top), (0, 1, 2)) for top in range(0, height, cut)]
    assert sum(strips) == pytest.approx(whole, abs=1e-9)


def test_ring_areas_have_the_sign_of_the_direction():
    ring = np.array([[(1e6, 5.0), (1e6 + 2, 5.0), (1e6 + 2, 8.0), (1e6, 8.0)]])
    assert ring_areas(ring) == pytest.approx([6.0])
    assert ring_areas(ring[:, ::-1]) == pytest.approx([-6.0])
