import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.grid import Cell, ChipGrid
from landuse.labels.rules import RULES, purity, rule_named, rule_points
from landuse.legend import Legend, load_legend
from tests.made import UTM

LEGEND = load_legend("nlcd6")
NONE = np.empty((1, 0), np.uint8)


def shares(**by_name):
    return np.array([[by_name.get(name, 0.0) for name in LEGEND.names]])


def test_nine_points_lie_in_their_own_chip_at_the_sixths():
    grid = ChipGrid(UTM, chip_m=60)
    points = rule_points(RULES["nine-point"], grid, np.array([-2]), np.array([7]))
    assert points.shape == (1, 9, 2)
    assert sorted({*points[0, :, 0]}) == pytest.approx([430.0, 450.0, 470.0])
    assert sorted({*points[0, :, 1]}) == pytest.approx([-110.0, -90.0, -70.0])
    assert len({tuple(p) for p in points[0]}) == 9


def test_the_centre_is_the_centre():
    grid = ChipGrid(UTM)
    assert tuple(rule_points(RULES["centre"], grid, np.array([3]), np.array([-4]))[0, 0]) == tuple(
        grid.centre(Cell(3, -4))
    )


@pytest.mark.parametrize(
    ("points", "label"),
    [([3] * 9, 3), ([3] * 8 + [2], 0), ([3] * 8 + [0], 0), ([0] * 9, 0), ([2] + [3] * 8, 0)],
)
def test_nine_points_must_all_be_of_one_class(points, label):
    assert RULES["nine-point"].decide(LEGEND, shares(), np.array([points], np.uint8)).tolist() == [label]


@pytest.mark.parametrize(
    ("found", "label"),
    [
        ({"Forest": 0.6, "Shrub": 0.4}, 3),
        ({"Forest": 0.4, "Shrub": 0.3}, 3),  # less than half, but more than anything else and than nothing
        ({"Forest": 0.3, "Shrub": 0.2}, 0),  # half of the chip is unmapped
        ({"Developed": 0.5, "Barren": 0.5}, 1),  # a tie goes to the first class of the legend
        ({}, 0),
    ],
)
def test_majority_takes_the_largest_share(found, label):
    assert RULES["majority"].decide(LEGEND, shares(**found), NONE).tolist() == [label]


def test_purity_is_the_share_of_the_label_else_of_the_largest_class():
    found = np.repeat(shares(Forest=0.6, Shrub=0.3), 3, axis=0)
    assert purity(LEGEND, np.array([3, 4, 0], np.uint8), found).tolist() == pytest.approx([0.6, 0.3, 0.6])


def test_a_rule_that_is_none_is_named_with_those_that_are():
    with pytest.raises(UsageError, match="nine-point, majority, centre"):
        rule_named("median")


def test_rules_keep_codes_above_255():
    legend = Legend.model_validate(
        {"name": "x", "classes": [{"code": c, "name": f"C{c}", "color": "#000000"} for c in (112, 523)]}
    )
    labels = RULES["majority"].decide(legend, np.array([[0.2, 0.8], [0.6, 0.1], [0.1, 0.1]]), NONE)
    assert labels.tolist() == [523, 112, 0]
    assert purity(legend, labels, np.array([[0.2, 0.8], [0.6, 0.1], [0.1, 0.2]])).tolist() == [0.8, 0.6, 0.2]
