"""A Markdown table, and the numbers that go into one."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are padded, so that it reads well as plain text too."""
    rows = [list(header), *map(list, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]])


def slope(small: tuple[int, float], large: tuple[int, float]) -> float:
    """Chips a second without the fixed cost, from two runs (chips, seconds). Raises `ValueError` where time does not grow."""
    if large[1] <= small[1]:
        raise ValueError(
            f"{large[0]} chips took {large[1]:.1f} s and {small[0]} took {small[1]:.1f} s: too few to measure"
        )
    return (large[0] - small[0]) / (large[1] - small[1])
