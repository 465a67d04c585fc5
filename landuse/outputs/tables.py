"""Tables for people and programs: CSV, XLSX for those whose spreadsheet takes commas for decimals, and Parquet.

No spreadsheet takes a text in them for a formula (OWASP, CSV injection): class names come from strangers.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from landuse.errors import ConfigError, SourceNotFoundError
from landuse.outputs.html import asset

T = TypeVar("T")

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
PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
"""What a workbook makes of texts and numbers: texts stay texts, and what is no number is an error of the spreadsheet."""
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


def read_csv(path: Path, columns: Sequence[str], what: str, read: Callable[[Mapping[str, str]], T]) -> list[T]:
    """What `read` makes of each row of a table that a command wrote; it gets the texts that people gave, by column.

    Args:
        what: what the table is, such as "table of districts", for messages.
        read: may raise `ValueError`, as for a text that is no number.

    Raises:
        SourceNotFoundError: there is no such file.
        ConfigError: it is no such table.
    """
    if not path.is_file():
        raise SourceNotFoundError(
            f"There is no file {path}, so {path.parent} is not whole; write it again with landuse."
        )
    try:
        with path.open(encoding="utf8", newline="") as stream:
            rows = csv.DictReader(stream)
            if not set(columns) <= set(rows.fieldnames or ()):
                raise ValueError("another header")
            return [read({name: cell_text(row[name] or "") for name in columns}) for row in rows]
    except (TypeError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged: it is no {what}.") from error


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401
    """Write a file of JSON, which has no place for NaN."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf8")


def write_parquet(path: Path, table: Table) -> None:
    """Write a table for programs, whose texts are those that people gave: a program takes none for a formula."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from landuse.chips.table_file import plain_array

    header, rows = table
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    plain = [[cell_text(value) if isinstance(value, str) else value for value in column] for column in columns]
    pq.write_table(pa.table(list(map(plain_array, plain)), list(header)), path)


def read_parquet(path: Path) -> Table:
    """A table that `write_parquet` wrote, with its texts as a spreadsheet may have them."""
    import pyarrow.parquet as pq

    found = pq.read_table(path)
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    return found.column_names, [[safe_cell(x) if isinstance(x, str) else x for x in row] for row in rows]


def write_workbook(path: Path, sheets: Mapping[str, Table]) -> None:
    """Write a workbook with a sheet for each table; the header stays in sight, and no text is taken for a formula."""
    from xlsxwriter import Workbook

    content = BytesIO()
    with Workbook(content, {**PLAIN, "in_memory": True}) as book:
        bold = book.add_format({"bold": True})
        for title, (header, rows) in sheets.items():
            sheet = book.add_worksheet(title)
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, header, bold)
            for number, row in enumerate(rows, 1):
                sheet.write_row(number, 0, row)
            for column in range(len(header)):
                longest = max(len(str(row[column])) for row in (header, *rows))
                sheet.set_column(column, column, min(longest + 2, WIDEST))
    path.write_bytes(content.getvalue())
