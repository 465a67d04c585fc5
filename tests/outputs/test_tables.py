"""One table in three formats says the same, and no program takes a text of a stranger for a formula or for another text."""

import csv

import pandas as pd
import pytest

from landuse.outputs.categories import ClassArea, write_summary
from landuse.outputs.tables import safe_cell, write_parquet, write_table, write_workbook

FORMULA = '=HYPERLINK("http://x","y")'
HEADER = ("class", "cells", "area_ha", "note")


def rows(texts):
    return [(safe_cell(text), number, number / 3, None) for number, text in enumerate(texts)]


def test_three_formats_hold_the_same_rows(tmp_path):
    import openpyxl

    texts = ["Forest", FORMULA, "</td><script>", "\u05d0, \"b\""]  # fmt: skip
    write_table(tmp_path / "t", HEADER, rows(texts))
    with (tmp_path / "t.csv").open(encoding="utf8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    frame = pd.read_parquet(tmp_path / "t.parquet")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["t"]
    cells = list(sheet.iter_rows(min_row=2))
    assert frame["class"].tolist() == texts
    assert [line["class"] for line in lines] == [cell[0].value for cell in cells] == [safe_cell(text) for text in texts]
    assert all(cell[0].data_type == "s" for cell in cells)
    assert [cell[2].value for cell in cells] == pytest.approx(frame["area_ha"].tolist())
    assert [float(line["area_ha"]) for line in lines] == pytest.approx(frame["area_ha"].tolist())
    assert frame["cells"].dtype == "int64"


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_parquet(tmp_path / "t.parquet", (HEADER, []))
    assert list(pd.read_parquet(tmp_path / "t.parquet").columns) == list(HEADER)


def test_a_workbook_has_a_sheet_for_each_table(tmp_path):
    import openpyxl

    write_workbook(
        tmp_path / "tables.xlsx", {"summary": (HEADER, rows(["a"])), "districts": (HEADER, rows(["b", "c"]))}
    )
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    assert {sheet.title: sheet.max_row for sheet in book} == {"summary": 2, "districts": 3}


def test_the_summary_of_a_map_is_parquet_too(tmp_path):
    write_summary(
        tmp_path / "summary.csv", (ClassArea(FORMULA, 3, 15.05284, 0.75), ClassArea("Water", 1, 5.01761, 0.25))
    )
    frame = pd.read_parquet(tmp_path / "summary.parquet")
    assert frame.to_dict("list") == {
        "class": [FORMULA, "Water"], "chips": [3, 1], "area_ha": [15.0528, 5.0176], "share": [0.75, 0.25]
    }  # fmt: skip
