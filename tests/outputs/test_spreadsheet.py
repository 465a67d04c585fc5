"""Class names in CSV files: no formula for a spreadsheet, and the name itself when they are read again."""

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from landuse.change.transitions import Transition, transition_table, write_transitions
from landuse.outputs.categories import ClassArea, read_summary, write_summary
from landuse.outputs.tables import cell_text, safe_cell

NAMES = ["=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "'=1", "Water", "'tis"]


@given(st.text())
@example("'=1")
@example("''=1")
def test_cells_come_back_as_they_were_and_start_no_formula(text):
    assert cell_text(safe_cell(text)) == text
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_summary_keeps_its_names_and_shows_no_formula(tmp_path):
    lines = tuple(ClassArea(name, 1, 5.0, 0.1) for name in NAMES)
    write_summary(tmp_path / "summary.csv", lines)
    assert read_summary(tmp_path / "summary.csv") == lines
    with (tmp_path / "summary.csv").open(newline="") as stream:
        assert [row[0] for row in csv.reader(stream)][1:] == [safe_cell(name) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_transitions_show_no_formula(tmp_path, name):
    write_transitions(tmp_path / "t.csv", transition_table([Transition(name, name, 1, 5.0, 0, 0.0, None)]))
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[1][:2] == [safe_cell(name)] * 2
