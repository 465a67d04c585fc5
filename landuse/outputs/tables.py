"""Tables for people and programs: CSV, XLSX for those whose spreadsheet takes commas for decimals, and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from landuse.outputs.spreadsheet import plain_text

Value = str | int | float | None
WIDEST = 60
TABLES = "tables.xlsx"
Table = tuple[Sequence[str], Sequence[Sequence[Value]]]
"""Header and rows. Texts of strangers come as `landuse.outputs.spreadsheet.safe_cell` makes them."""


def write_table(stem: Path, header: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Write ``stem.csv``, ``stem.xlsx`` and ``stem.parquet``."""
    with stem.with_suffix(".csv").open("w", encoding="utf8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
    write_workbook(stem.with_suffix(".xlsx"), {stem.name: (header, rows)})
    write_parquet(stem.with_suffix(".parquet"), (header, rows))


def write_parquet(path: Path, table: Table) -> None:
    """Write a table for programs, whose texts are those that people gave: a program takes none for a formula."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, rows = table
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    plain = [[plain_text(value) if isinstance(value, str) else value for value in column] for column in columns]
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
