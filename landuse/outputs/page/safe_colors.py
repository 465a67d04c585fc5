"""Colours that readers with colour-blind eyes tell apart, each as near as can be to the one that it stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

SAFE = ("#CC6600", "#006633", "#66CCFF", "#000099", "#FFFFCC", "#000000", "#3366FF", "#999999", "#FFCC00", "#CCFFFF")
"""Told apart by lightness as much as by hue; `tests/outputs/test_safe_colors.py` measures by how much."""


def safe_colors(colors: Sequence[str]) -> list[str]:
    """A colour of `SAFE` for each of some colours (#rrggbb), each once; the colours themselves where they are too many."""
    if len(colors) > len(SAFE):
        return list(colors)
    apart = np.linalg.norm(_rgb(colors)[:, None] - _rgb(SAFE)[None], axis=2)
    return [SAFE[at] for at in linear_sum_assignment(apart)[1]]


def _rgb(colors: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors], float).reshape(-1, 3)
