"""From which class to which: every cell and every hectare of both maps, once."""

import csv
import itertools

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.change.comparison import ChangeRule, Comparison
from landuse.change.maps import ClassMap
from landuse.change.overlap import bands, overlap
from landuse.change.transitions import (
    HEADER,
    NO_DATA,
    CrossTable,
    Transition,
    lone_cells,
    read_transitions,
    transition_table,
    transitions,
    write_transitions,
)
from landuse.errors import LanduseError
from landuse.legend import LandClass, Legend
from landuse.outputs.areas import raster_areas_ha
from tests.change.makers import UTM, ArrayPixels

LEGEND = Legend(
    name="three",
    classes=tuple(
        LandClass(code=c, name=n, color="#336699")
        for c, n in ((9, "Developed"), (4, "Cultivated"), (200, "Undeveloped"))
    ),
)
CODES = np.array([0, *LEGEND.codes], np.uint8)
CELL = 224.0
G5 = [[27_584, 941, 37_038], [28_537, 2_337, 34_689], [28_911, 4_011, 32_641]]
"""Cells of each class in three years, over the same 65,563."""


def land(codes, row=0, col=0):
    """A map of 224 m cells whose corner lies so many cells down and right of a place in Texas."""
    corner = Affine(CELL, 0, 600_000 + col * CELL, 0, -CELL, 3_400_000 - row * CELL)
    return ClassMap("map", (), ArrayPixels(np.asarray(codes, np.uint8)), corner, UTM, LEGEND)


@st.composite
def maps(draw):
    """Two maps of any classes and holes that lie somewhere near each other."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shapes = [(draw(st.integers(1, 9)), draw(st.integers(1, 9))) for _ in range(2)]
    first, second = (CODES[rng.integers(0, 4, shape)] for shape in shapes)
    return land(first), land(second, draw(st.integers(-6, 6)), draw(st.integers(-6, 6)))


def table_of(before, after):
    shared = overlap(before, after)
    found = Comparison(before, after, shared, ChangeRule())
    whole = CrossTable.empty()
    for rows in bands(shared.shape):
        whole += CrossTable.counted(*found.codes(rows), found.ground.hectares(rows))
    return whole + lone_cells(before, shared.before, later=False) + lone_cells(after, shared.after, later=True)


def hectares(one):
    """Area of each class code (256,) of a map, the plain way."""
    areas = raster_areas_ha(one.transform, UTM, one.codes.shape)
    return np.bincount(one.codes.ravel(), areas.ravel(), minlength=256)


@settings(max_examples=60)
@given(maps())
def test_rows_are_the_earlier_map_and_columns_the_later_one(pair):
    before, after = pair
    try:
        found = table_of(before, after)
    except LanduseError:  # they share no cell with a class
        return
    for one, axis in ((before, 1), (after, 0)):
        assert np.array_equal(found.cells.sum(axis=axis)[1:], np.bincount(one.codes.ravel(), minlength=256)[1:])
        np.testing.assert_allclose(found.area_ha.sum(axis=axis)[1:], hectares(one)[1:], rtol=1e-9)
    assert found.cells[0, 0] == found.area_ha[0, 0] == 0
    assert found.compared_cells == found.cells[1:, 1:].sum() > 0


@settings(max_examples=40)
@given(maps())
def test_the_other_way_round_is_the_transpose(pair):
    try:
        there, back = table_of(*pair), table_of(*pair[::-1])
    except LanduseError:
        return
    assert np.array_equal(there.cells, back.cells.T)
    np.testing.assert_allclose(there.area_ha, back.area_ha.T, rtol=1e-9)


def test_golden_g5_the_counts_of_three_years_come_back_as_rows_and_columns():
    rng = np.random.default_rng(5)
    beyond = np.zeros(262 * 251 - sum(G5[0]), np.uint8)  # the number of cells is a prime
    years = [np.append(rng.permutation(np.repeat(CODES[1:], n)), beyond).reshape(262, 251) for n in G5]
    for (before, first), (after, second) in itertools.pairwise(zip(years, G5, strict=True)):
        found = table_of(land(before), land(after))
        lines = transitions(found, found, LEGEND)
        for name, count, other in zip(LEGEND.names, first, second, strict=True):
            assert sum(line.cells for line in lines if line.before == name) == count
            assert sum(line.cells for line in lines if line.after == name) == other
        assert sum(line.cells for line in lines) == 65_563


def test_bands_of_any_height_find_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    before, after = (land(CODES[rng.integers(0, 4, (23, 7))], row) for row in (0, 3))
    whole = table_of(before, after)
    for size in (1, 7, 21, 50):
        monkeypatch.setattr("landuse.change.overlap.BAND_CELLS", size)
        pieces = table_of(before, after)
        assert np.array_equal(pieces.cells, whole.cells)
        np.testing.assert_allclose(pieces.area_ha, whole.area_ha, rtol=1e-9)


def test_lines_stand_in_the_order_of_the_legend_with_no_data_last():
    labels = table_of(land([[9, 4, 200, 0]]), land([[4, 4, 0, 9]]))
    expected = np.array([[0.0, 2.5, 0.00001], [0, 3, 0], [0, 0, 0]])
    lines = transitions(labels, CrossTable.empty(), LEGEND, expected)
    assert [(line.before, line.after, line.cells) for line in lines] == [
        ("Developed", "Cultivated", 1),
        ("Cultivated", "Cultivated", 1),
        ("Undeveloped", NO_DATA, 1),
        (NO_DATA, "Developed", 1),
    ]
    assert [line.expected_ha for line in lines] == [2.5, 3.0, None, None]
    assert all(line.confirmed_cells == 0 for line in lines)


def test_a_transition_that_only_the_model_expects_is_listed():
    labels = table_of(land([[9]]), land([[9]]))
    lines = transitions(labels, labels, LEGEND, np.array([[1.0, 0.0002, 0], [0, 0, 0], [0, 0, 0]]))
    assert [(line.after, line.cells, line.expected_ha) for line in lines] == [
        ("Developed", 1, 1.0),
        ("Cultivated", 0, 0.0002),
    ]


def test_the_file_has_square_metres_and_blanks(tmp_path):
    labels = table_of(land([[9, 9]]), land([[4, 0]]))
    write_transitions(tmp_path / "t.csv", transition_table(transitions(labels, labels, LEGEND)))
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == (*HEADER, "share")
    assert [row["to"] for row in rows] == ["Cultivated", NO_DATA]
    assert float(rows[0]["area_ha"]) == pytest.approx(5.0176, abs=0.01)
    assert rows[0]["expected_ha"] == ""
    assert [row["share"] for row in rows] == ["1.00000000", ""]


def test_the_lines_are_the_same_in_every_format(tmp_path):
    lines = [
        Transition("=A1", "Water", 3, 15.05284, 2, 10.03523, 9.5), Transition("Water", NO_DATA, 1, 5.01761, 0, 0.0, None)
    ]  # fmt: skip
    write_transitions(tmp_path / "transitions.csv", transition_table(lines))
    frame = pd.read_parquet(tmp_path / "transitions.parquet")
    assert frame["from"].tolist() == ["=A1", "Water"]
    assert frame["confirmed_ha"].tolist() == [10.0352, 0.0]
    assert frame["expected_ha"].isna().tolist() == [False, True]
    back = read_transitions(tmp_path / "transitions.csv")
    assert [line.before for line in back] == ["=A1", "Water"]
    assert [line.area_ha for line in back] == pytest.approx([15.0528, 5.0176])
    assert back[1].expected_ha is None
