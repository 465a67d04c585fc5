import numpy as np
import pytest
import shapely

from landuse.errors import UsageError
from landuse.legend import load_legend
from tools.landscape.changes import draw_plan
from tools.landscape.frame import Frame
from tools.landscape.kinds import FIRST, SECOND, Box
from tools.landscape.layers import label_codes
from tools.landscape.network import _without_stubs
from tools.landscape.spec import LandscapeSpec
from tools.landscape.subdivide import Cut, subdivide
from tools.landscape.truth import _majority, changed_chips, truth_bands
from tools.landscape.zones import Tessellation


@pytest.fixture(scope="module")
def plan():
    return draw_plan(LandscapeSpec(chips=12, seed=4))


def test_the_leaves_of_a_subdivision_cover_the_rectangle_once():
    layout = subdivide(shapely.box(0, 0, 900, 500), 0.0, Cut(130, 70), np.random.default_rng(1))
    assert sum(u * v for u, v in (leaf.size for leaf in layout.leaves)) == pytest.approx(900 * 500)
    assert shapely.union_all([layout.polygon(leaf) for leaf in layout.leaves]).area == pytest.approx(900 * 500)
    assert all(leaf.size[1] <= 70 for leaf in layout.leaves)


def test_every_class_has_its_place(plan):
    side = int(plan.spec.side // 16)
    classes = load_legend("landuse7").classify_codes(label_codes(plan, Frame(0, 0, 16.0, side, side), FIRST))
    counts = np.bincount(classes.ravel(), minlength=8)[1:] / classes.size
    assert counts.min() > 0.02
    assert (classes > 0).all()


def test_a_tile_of_labels_equals_the_same_part_of_the_whole(plan):
    whole = label_codes(plan, Frame(0, 0, 2.0, 600, 600), SECOND)
    tile = label_codes(plan, Frame(400, 300, 2.0, 200, 250), SECOND)
    assert (tile != whole[150:350, 200:450]).mean() < 1e-3


def test_buildings_stand_off_the_water(plan):
    water = shapely.union_all([p.polygon for p in plan.parcels if p.cover == 10 and p.years == 3])
    houses = plan.boxes[(plan.boxes["what"] >= Box.FLAT) & (plan.boxes["years"] == 3)]
    assert len(houses) > 100
    assert not shapely.contains_xy(water, houses["x"], houses["y"]).any()


def test_true_change_is_rare_and_fills_chips(plan):
    legend = load_legend("landuse7")
    before, after = (np.concatenate(list(truth_bands(plan, year, legend))) for year in (FIRST, SECOND))
    changes = changed_chips(plan, before, after)
    assert 1 <= len(changes) <= 0.05 * plan.spec.chips**2
    assert all(a != b and 0 not in (a, b) for _, a, b in changes)
    assert (before != after).mean() < 0.06


def test_the_same_seed_gives_the_same_plan_and_another_seed_another():
    first, again, other = (draw_plan(LandscapeSpec(chips=5, seed=seed)) for seed in (4, 4, 5))
    assert again.boxes.tobytes() == first.boxes.tobytes()
    assert again.segments.tobytes() == first.segments.tobytes()
    assert other.boxes.tobytes() != first.boxes.tobytes()


def test_majority_takes_the_commonest_code():
    blocks = np.array([[3, 3, 5, 7], [3, 5, 7, 7]], np.uint8).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(_majority(blocks, (3, 5, 7)), [[3, 7]])


def test_roads_that_end_in_the_wild_are_left_out():
    ridges = np.array([[0, 1], [1, 2], [2, 0], [2, 3]])
    zones = Tessellation(np.zeros((4, 2)), ridges, ridges, [], np.zeros(0))
    np.testing.assert_array_equal(_without_stubs(zones, np.ones(4, bool)), [True, True, True, False])


@pytest.mark.parametrize("bad", [{"chips": 3}, {"pixel": 0.0}, {"pixel": float("nan")}, {"seed": -1}, {"quality": 0}])
def test_a_spec_out_of_limits_is_refused(bad):
    with pytest.raises(UsageError):
        LandscapeSpec(**bad)
