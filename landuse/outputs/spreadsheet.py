"""Texts as CSV cells that no spreadsheet takes for formulas (OWASP, CSV injection): class names come from strangers."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
QUOTE = "'"


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet might take it for a formula."""
    return QUOTE + text if text.lstrip(QUOTE).startswith(FORMULA) else text


def plain_text(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell[1:] if cell.startswith(QUOTE) and cell.lstrip(QUOTE).startswith(FORMULA) else cell
