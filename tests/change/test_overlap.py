"""Common ground: the same cells of both maps, or a refusal that says what to do."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from landuse.change.maps import ClassMap
from landuse.change.overlap import ALIGNED, overlap
from landuse.errors import GridMismatchError, NoOverlapError
from landuse.legend import load_legend
from tests.change.makers import UTM, ArrayPixels

LEGEND = load_legend("nlcd6")
NORTH_UP = Affine(30, 0, 600_000, 0, -30, 4_500_000)


def land(codes, transform=NORTH_UP, crs=UTM, name="map"):
    return ClassMap(name, (), ArrayPixels(np.asarray(codes, np.uint8)), transform, crs, LEGEND)


@settings(max_examples=80)
@given(*[st.integers(1, 12)] * 4, st.integers(-9, 9), st.integers(-9, 9))
def test_the_shared_cells_are_the_same_ground(height, width, other_height, other_width, down, right):
    """Every cell holds a number of its place, so that cells of the same ground hold the same."""
    number = np.arange(1, 250, dtype=np.int64)
    place = number[np.add.outer(np.arange(-9, 30) * 7, np.arange(-9, 30)) % len(number)].astype(np.uint8)
    before = land(place[9 : 9 + height, 9 : 9 + width])
    after = land(
        place[9 + down : 9 + down + other_height, 9 + right : 9 + right + other_width],
        NORTH_UP @ Affine.translation(right, down),
    )
    rows = range(max(0, down), min(height, down + other_height))
    cols = range(max(0, right), min(width, right + other_width))
    if not (len(rows) and len(cols)):
        with pytest.raises(NoOverlapError, match="share no ground"):
            overlap(before, after)
        return
    found = overlap(before, after)
    assert found.shape == (len(rows), len(cols))
    assert np.array_equal(before.codes[found.before], after.codes[found.after])
    assert before.codes[found.before].shape == found.shape
    assert found.transform @ (0, 0) == NORTH_UP @ (cols[0], rows[0])


def test_rounding_in_files_is_no_other_lattice():
    near = NORTH_UP @ Affine.translation(2 + 0.9 * ALIGNED, 1 - 0.9 * ALIGNED)
    assert overlap(land(np.ones((5, 5))), land(np.ones((5, 5)), near)).shape == (4, 3)


@pytest.mark.parametrize(
    ("transform", "says"),
    [
        (NORTH_UP @ Affine.translation(0.5, 0), r"0\.50 of a cell apart.*-te and -tr"),
        (NORTH_UP @ Affine.translation(0, 0.25), r"0\.25 of a cell apart"),
        (NORTH_UP @ Affine.scale(1.01, 1.01), r"--chip-size"),
        (NORTH_UP @ Affine.scale(1, 2), r"are 30 metre wide and those of later 60"),
    ],
)
def test_another_lattice_is_refused_with_the_fix(transform, says):
    with pytest.raises(GridMismatchError, match=says):
        overlap(land(np.ones((5, 5))), land(np.ones((5, 5)), transform, name="later"))


def test_a_tiny_difference_of_size_counts_over_the_whole_map():
    wider = NORTH_UP @ Affine.scale(1 + 1e-4, 1 + 1e-4)
    assert overlap(land(np.ones((9, 9))), land(np.ones((9, 9)), wider)).shape == (9, 9)
    with pytest.raises(GridMismatchError):
        overlap(land(np.ones((9, 300))), land(np.ones((9, 300)), wider))


def test_another_crs_is_refused_and_an_axis_order_is_not_another_crs():
    with pytest.raises(GridMismatchError, match="same --crs"):
        overlap(land([[1]]), land([[1]], crs=CRS.from_epsg(26915)))
    degrees = Affine(0.01, 0, 10, 0, -0.01, 50)
    lon_lat, lat_lon = CRS.from_user_input("OGC:CRS84"), CRS.from_epsg(4326)
    assert overlap(land([[1]], degrees, lon_lat), land([[1]], degrees, lat_lon)).shape == (1, 1)


def test_ground_without_a_class_in_both_is_no_common_ground():
    with pytest.raises(NoOverlapError, match="No cell has a class in both"):
        overlap(land([[1, 0]]), land([[0, 1]]))
