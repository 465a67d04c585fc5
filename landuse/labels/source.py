"""What a rule needs to know about a place, whether labels come from a raster or from polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What label data say about some chips.

    Attributes:
        shares: share of each chip under each class of the legend, shape (chips, classes).
        points: class codes at the points asked for, uint8, shape (chips, points); 0 = unmapped.
        met: whether any of the chips shares ground with the label data at all.
    """

    shares: Floats
    points: npt.NDArray[np.uint8]
    met: bool


class LabelSource(Protocol):
    """A raster or a layer of polygons that knows classes."""

    def span(self, ring: Floats) -> int:
        """How many cells a side of a square should have that is looked at in one go; `ring` is a typical chip's."""
        ...

    def look(self, rings: Floats, points: Floats) -> Look:
        """Look at chips: their corners (chips, corners, 2) and points in them (chips, points, 2) in the lattice CRS."""
        ...
