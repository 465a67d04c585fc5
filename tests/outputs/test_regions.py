"""Regions found line by line: those of the whole raster, with the edges that go round them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landuse.outputs.edges import EAST, NORTH, SOUTH, VERTEX, WEST
from landuse.outputs.regions import Sweep, components, connected, regions_of

RASTERS = arrays(np.uint8, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 3))
STEP = {EAST: (0, 1), SOUTH: (1, 0), WEST: (0, -1), NORTH: (-1, 0)}


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


@settings(max_examples=60, deadline=None)
@given(RASTERS, st.lists(st.integers(1, 4), max_size=10), st.integers(1, 5))
def test_a_sweep_in_strips_finds_the_areas_of_the_whole(values, heights, spacing):
    weights, found, line = weights_of(values), [], 0
    sweep = Sweep(values.shape[1], 2, spacing)
    for height in [*heights, *[1] * 10]:
        if line < len(values):
            found += ours(sweep.add(values[line : line + height], weights[:, line : line + height]))
            line = min(line + height, len(values))
    found += ours(sweep.skip_to(line + 5))
    assert sorted(found) == theirs(values)
    assert ours(regions_of(values, weights, spacing)) == theirs(values)


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=40, deadline=None)
@given(RASTERS)
def test_edges_are_closed_rings_with_the_region_on_their_right(values):
    found = regions_of(values, weights_of(values), 1000)
    edges = found.edges
    padded = np.pad(values, 1)
    outside = sum((padded[1:-1, 1:-1] > 0) & (padded[1:-1, 1:-1] != side) for side in (
        padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:],
    ))  # fmt: skip
    assert len(edges) == (np.sum(outside) if values.any() else 0)
    heading = edges.heading % VERTEX
    steps = np.array([STEP[int(h)] for h in heading], int).reshape(-1, 2)
    starts = np.stack([edges.region, edges.line, edges.col], axis=1)
    ends = starts + np.pad(steps, ((0, 0), (1, 0)))
    assert sorted(map(tuple, starts.tolist())) == sorted(map(tuple, ends.tolist()))
    right = {EAST: (0, 0), SOUTH: (0, -1), WEST: (-1, -1), NORTH: (-1, 0)}
    for region, line, col, way in zip(edges.region, edges.line, edges.col, heading, strict=True):
        down, across = right[int(way)]
        assert values[line + down, col + across] == found.values[region]


def test_vertices_stand_at_corners_and_every_so_often_between():
    edges = regions_of(np.ones((4, 6), np.uint8), np.empty((0, 4, 6)), 4).edges
    marked = edges.heading >= VERTEX
    places = set(zip(edges.line[marked].tolist(), edges.col[marked].tolist(), strict=True))
    assert places == {(0, 0), (0, 6), (4, 6), (4, 0), (0, 4), (4, 4)}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_components_are_those_of_scipy_named_by_their_first_node(count, links):
    start, end = (np.array([link[i] % count for link in links], np.int64) for i in (0, 1))
    first = components(count, start, end)
    _, label = connected_components(
        coo_array((np.ones(len(start)), (start, end)), shape=(count, count)), directed=False
    )
    for node in range(count):
        assert first[node] == np.flatnonzero(label == label[node])[0]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2)])
def test_nothing_has_no_regions(shape):
    found = regions_of(np.zeros(shape, np.uint8), np.zeros((1, *shape)), 10)
    assert len(found) == len(found.edges) == 0
