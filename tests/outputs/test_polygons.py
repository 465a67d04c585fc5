"""Regions found band by band: those of the whole raster, traced exactly, however the bands are cut."""

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landuse.outputs.polygons import Sweep, connected, firsts
from tests.outputs.regions import regions_of

RASTERS = arrays(np.uint8, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 3))
BOW_TIE = np.array([[1, 1, 1], [1, 2, 1], [1, 1, 2], [2, 1, 1]], np.uint8)


def theirs(values):
    """Areas of each value as scipy labels them: value, cells, and sum of the numbers of the cells."""
    number = np.arange(values.size).reshape(values.shape)
    found = []
    for value in np.unique(values[values > 0]):
        labels, count = ndimage.label(values == value)
        found += [(int(value), int((labels == k).sum()), int(number[labels == k].sum())) for k in range(1, count + 1)]
    return sorted(found)


def ours(found):
    return sorted((int(v), *map(int, sums)) for v, sums in zip(found.values, found.sums, strict=True))


def weights_of(values):
    return np.stack([np.ones(values.shape), np.arange(values.size, dtype=float).reshape(values.shape)])


def swept(values, heights, spacing):
    """The regions of a raster that comes in bands of such heights, and then line by line."""
    weights, line = weights_of(values), 0
    sweep = Sweep(values.shape[1], 2, spacing)
    for height in [*heights, *[1] * len(values)]:
        if line < len(values):
            yield sweep.add(values[line : line + height], weights[:, line : line + height])
            line = min(line + height, len(values))
    yield sweep.skip_to(line + 5)


@settings(max_examples=60)
@given(RASTERS, st.lists(st.integers(1, 4), max_size=10), st.integers(1, 5))
@example(BOW_TIE, [2], 3)
def test_a_sweep_in_bands_finds_the_regions_of_the_whole(values, heights, spacing):
    whole, bands = regions_of(values, weights_of(values), spacing), list(swept(values, heights, spacing))
    assert ours(whole) == theirs(values)
    assert sorted(region for band in bands for region in ours(band)) == theirs(values)
    texts = sorted(text for band in bands for text in shapely.to_wkt(shapely.normalize(band.polygons)).tolist())
    assert texts == sorted(shapely.to_wkt(shapely.normalize(whole.polygons)).tolist())


@settings(max_examples=60)
@given(RASTERS, st.lists(st.integers(1, 4), max_size=10))
@example(BOW_TIE, [2])
def test_polygons_hold_the_cells_of_their_region_and_no_others(values, heights):
    bands = list(swept(values, heights, 1000))
    polygons = np.concatenate([band.polygons for band in bands])
    sums = np.concatenate([band.sums for band in bands])
    assert shapely.is_valid(polygons).all()
    assert set(shapely.get_type_id(polygons)) <= {shapely.GeometryType.POLYGON}
    assert shapely.area(polygons).tolist() == sums[:, 0].tolist()
    lines, cols = np.nonzero(values)
    tree = shapely.STRtree(polygons)
    cell, polygon = tree.query(shapely.points(cols + 0.5, lines + 0.5), predicate="within")
    assert np.bincount(cell, minlength=len(lines)).tolist() == [1] * len(lines)
    held = np.concatenate([np.asarray(band.values) for band in bands])
    assert held[polygon].tolist() == values[lines[cell], cols[cell]].tolist()


@settings(max_examples=40)
@given(RASTERS)
def test_neighbours_share_every_vertex_of_their_common_edge(values):
    """Where one polygon has a corner on the edge of another, the other has a vertex: nothing opens in another CRS."""
    polygons = regions_of(values, weights_of(values), 1000).polygons
    corners = {tuple(point) for point in shapely.get_coordinates(polygons)}
    for polygon in polygons:
        mine = {tuple(point) for point in shapely.get_coordinates(polygon)}
        on_edge = {corner for corner in corners if shapely.dwithin(polygon.boundary, shapely.Point(corner), 1e-9)}
        assert on_edge == mine


@settings(max_examples=40)
@given(RASTERS)
def test_numbers_are_those_of_the_areas_in_image_order(values):
    number = connected(values)
    assert ((number >= 0) == (values > 0)).all()
    seen = number.ravel()[number.ravel() >= 0]
    firsts = [int(np.flatnonzero(number.ravel() == k)[0]) for k in range(seen.max(initial=-1) + 1)]
    assert firsts == sorted(firsts)
    for k in range(len(firsts)):
        assert ndimage.label(number == k)[1] == 1
        assert len(np.unique(values[number == k])) == 1


def test_vertices_stand_at_corners_and_every_so_often_between():
    (polygon,) = regions_of(np.ones((4, 6), np.uint8), np.empty((0, 4, 6)), 4).polygons
    places = {(int(line), int(col)) for col, line in polygon.exterior.coords}
    assert places == {(0, 0), (0, 6), (4, 6), (4, 0), (0, 4), (4, 4)}


@given(arrays(np.int64, st.tuples(st.just(2), st.integers(0, 30)), elements=st.integers(0, 19)))
def test_what_hangs_together_is_named_by_its_first_node(links):
    found = firsts(20, *links)
    there = coo_array((np.ones(links.shape[1]), links), shape=(20, 20))
    group = connected_components(there, directed=False)[1]
    assert found.tolist() == [group.tolist().index(number) for number in group]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2)])
def test_nothing_has_no_regions(shape):
    found = regions_of(np.zeros(shape, np.uint8), np.zeros((1, *shape)), 10)
    assert len(found) == len(found.polygons) == 0
