"""Tables for people: CSV, and XLSX for those whose spreadsheet takes commas for decimals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

Value = str | int | float | None
WIDEST = 60


def write_table(stem: Path, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Write ``stem.csv`` and ``stem.xlsx``. Texts of strangers come as `landuse.outputs.spreadsheet.safe_cell` makes them."""
    with stem.with_suffix(".csv").open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    write_workbook(stem.with_suffix(".xlsx"), {stem.name: (header, rows)})


def write_workbook(path: Path, sheets: dict[str, tuple[Sequence[str], Sequence[Sequence[Value]]]]) -> None:
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
