"""What the codes of a raster mean: a value, a name and a colour each, and how much ground each has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.legend import UNMAPPED, Legend

# What XML 1.0 cannot hold, and what would break a line in a list of classes.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
ARROW = "->"
CHANGE_STEP = 100
"""`change.tif` holds 100 x the number of the earlier class + that of the later one."""
Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Category:
    """One code of a raster: its value, what people read, and its colour as ``#rrggbb``."""

    value: int
    name: str
    color: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as 0 to 255 red, green, blue."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)


Categories = Sequence[Category]


def plain_text(text: str) -> str:
    """`text` with control characters turned into spaces, so that every format can hold it."""
    return _UNPRINTABLE.sub(" ", text)


def categories_of(legend: Legend) -> tuple[Category, ...]:
    """The classes of a legend, in its order."""
    return tuple(Category(c.code, plain_text(c.name), c.color) for c in legend.classes)


def change_categories(legend: Legend, numbers: Mapping[str, int]) -> tuple[Category, ...]:
    """Every change from one class to another, in the colour of what the ground became.

    Args:
        numbers: class name -> number in `change.tif`, 1 to 99 as a rule.
    """
    return tuple(
        Category(CHANGE_STEP * numbers[a.name] + numbers[b.name], plain_text(f"{a.name} {ARROW} {b.name}"), b.color)
        for a in legend.classes
        for b in legend.classes
        if a.name != b.name
    )


def palette_of(categories: Categories) -> dict[int, tuple[int, int, int, int]]:
    """RGBA of every value, with 0 (no data) transparent, as rasterio's `write_colormap` takes it."""
    return {UNMAPPED: (0, 0, 0, 0)} | {c.value: (*c.rgb, 255) for c in categories}


class CodeTotals:
    """Cells and hectares of each code, counted as a raster comes by.

    Attributes:
        cells: int64, by code.
        area_ha: float64, by code.
    """

    def __init__(self, most: int = 255) -> None:
        """Of codes up to `most`."""
        self.cells, self.area_ha = np.zeros(most + 1, np.int64), np.zeros(most + 1)

    def add(self, codes: Codes, areas_ha: Floats) -> None:
        """Count cells: their codes and their hectares, of one shape; code 0 is no data and counts nowhere."""
        inside = codes > UNMAPPED
        found, areas = codes[inside], areas_ha[inside]
        self.cells += np.bincount(found, minlength=len(self.cells))
        self.area_ha += np.bincount(found, weights=areas, minlength=len(self.cells))
