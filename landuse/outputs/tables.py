"""Tables for people and programs: CSV, XLSX for those whose spreadsheet takes commas for decimals, and Parquet.

No spreadsheet takes a text in them for a formula (OWASP, CSV injection): class names come from strangers.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from landuse.outputs.html import asset

FORMULA = r"^'*[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet might take for one, after any apostrophes; as Python and JavaScript both read it."""
QUOTE = "'"


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet might take it for a formula."""
    return QUOTE + text if re.match(FORMULA, text) else text


def cell_text(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell[1:] if cell.startswith(QUOTE) and re.match(FORMULA, cell) else cell


def csv_script() -> str:
    """The script with which pages write CSV, with the same rule."""
    return asset("landuse.outputs", "csv.js").replace("$FORMULA", FORMULA)


Value = str | int | float | None
WIDEST = 60
TABLES = "tables.xlsx"
Table = tuple[Sequence[str], Sequence[Sequence[Value]]]
"""Header and rows. Texts of strangers come as `safe_cell` makes them."""


def write_table(stem: Path, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Write ``stem.csv``, ``stem.xlsx`` and ``stem.parquet``."""
    write_csv(stem.with_suffix(".csv"), header, rows)
    write_workbook(stem.with_suffix(".xlsx"), {stem.name: (header, rows)})
    write_parquet(stem.with_suffix(".parquet"), (header, rows))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table as CSV in UTF-8; None is an empty cell."""
    with path.open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401
    """Write a file of JSON, which has no place for NaN."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf8")


def write_parquet(path: Path, table: Table) -> None:
    """Write a table for programs, whose texts are those that people gave: a program takes none for a formula."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, rows = table
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    plain = [[cell_text(value) if isinstance(value, str) else value for value in column] for column in columns]
    pq.write_table(pa.table(dict(zip(header, plain, strict=True))), path)


def write_workbook(path: Path, sheets: Mapping[str, Table]) -> None:
    """Write a workbook with a sheet for each table; the header stays in sight, and no text is taken for a formula."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.remove(book.active)
    for title, (header, rows) in sheets.items():
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for number, row in enumerate((header, *rows), 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(number, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"
                if number == 1:
                    cell.font = Font(bold=True)
        for column in range(1, len(header) + 1):
            longest = max(len(str(row[column - 1])) for row in (header, *rows))
            sheet.column_dimensions[get_column_letter(column)].width = min(longest + 2, WIDEST)
    book.save(path)
