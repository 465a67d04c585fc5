"""Texts as CSV cells that no spreadsheet takes for formulas (OWASP, CSV injection): class names come from strangers."""

from __future__ import annotations

import re

from landuse.outputs.html import asset

FORMULA = r"^'*[=+\-@\t\r\n]"
"""What such a text begins with, any apostrophes left out; as Python and JavaScript both read it."""
QUOTE = "'"


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet might take it for a formula."""
    return QUOTE + text if re.match(FORMULA, text) else text


def plain_text(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell[1:] if cell.startswith(QUOTE) and re.match(FORMULA, cell) else cell


def csv_script() -> str:
    """The script with which pages write CSV, with the same rule."""
    return asset("landuse.outputs", "csv.js").replace("$FORMULA", FORMULA)
