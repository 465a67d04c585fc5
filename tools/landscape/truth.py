"""What the landscape truly is, for evaluation, and what a label raster of its time says about it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from landuse.grid import CHIP_M, Cell
from landuse.legend import Legend
from tools.landscape.changes import COARSE, chip_frame
from tools.landscape.frame import Frame
from tools.landscape.layers import label_codes
from tools.landscape.noise import fractal, hash01, value_noise
from tools.landscape.plan import Plan
from tools.landscape.spec import NORTH, WEST

Codes = npt.NDArray[np.uint8]
FINE = 2.0
"""Metres of the pixels that the label rasters are taken from."""
NLCD_PIXEL = 30.0
BAND = 28
"""Lines of a label raster that are made at a time."""

CONFUSED = {
    11: (95, 90),
    21: (22, 41, 71, 81),
    22: (21, 23),
    23: (22, 24),
    24: (23, 31),
    31: (71, 24, 52),
    41: (43, 52, 90),
    42: (43, 41),
    43: (41, 42),
    52: (71, 41, 43),
    71: (81, 52, 82),
    81: (82, 71, 21),
    82: (81, 71),
    90: (41, 95),
    95: (90, 71),
}
"""What each NLCD code is mistaken for."""


def truth_bands(plan: Plan, year: int, legend: Legend) -> Iterator[Codes]:
    """Class codes of the survey at 8 m, majority of 2 m labels, from north to south in bands of up to 28 lines."""
    crosswalk = legend.crosswalk()
    size = int(plan.spec.side // COARSE)
    times = int(COARSE / FINE)
    for start in range(0, size, BAND):
        lines = min(BAND, size - start)
        frame = Frame(0.0, start * COARSE, FINE, lines * times, size * times)
        codes = crosswalk[label_codes(plan, frame, year)]
        yield _majority(codes.reshape(lines, times, size, times), legend.codes)


def _majority(blocks: Codes, codes: tuple[int, ...]) -> Codes:
    """Commonest code of every block of shape (lines, t, columns, t); the first of equals."""
    counts = np.stack([(blocks == code).sum(axis=(1, 3)) for code in codes])
    return np.asarray(np.array(codes, np.uint8)[counts.argmax(axis=0)])


def changed_chips(plan: Plan, before: Codes, after: Codes) -> list[tuple[str, int, int]]:
    """Chips of the (0, 0) lattice whose commonest class differs: id, class before, class after. Inputs are 8 m class codes."""
    frame, n = chip_frame(plan.spec)
    row0, col0 = round(frame.y0 / COARSE), round(frame.x0 / COARSE)
    per = round(CHIP_M / COARSE)
    codes = tuple(int(c) for c in np.unique(before)) + tuple(int(c) for c in np.setdiff1d(after, before))

    def majority(truth: Codes) -> Codes:
        """The commonest class of every chip."""
        inner = truth[row0 : row0 + n * per, col0 : col0 + n * per]
        return _majority(inner.reshape(n, per, n, per), codes)

    first, second = majority(before), majority(after)
    top, left = round((NORTH - frame.y0) / CHIP_M) - 1, round((WEST + frame.x0) / CHIP_M)
    rows, cols = np.nonzero(first != second)
    return [
        (Cell(top - int(r), left + int(c)).id, int(first[r, c]), int(second[r, c]))
        for r, c in zip(rows, cols, strict=True)
    ]


def nlcd_shape(plan: Plan) -> tuple[float, float, int]:
    """West and north edge (CRS metres; on NLCD's own 30 m lattice, some pixels beyond the survey) and pixels a side."""
    west = np.floor((WEST - 150.0) / NLCD_PIXEL) * NLCD_PIXEL + 15.0
    north = np.ceil((NORTH + 150.0) / NLCD_PIXEL) * NLCD_PIXEL - 15.0
    return float(west), float(north), int(np.ceil((plan.spec.side + 300.0) / NLCD_PIXEL))


def nlcd_bands(plan: Plan) -> Iterator[Codes]:
    """An NLCD-like raster of the first year, from north to south in bands: 30 m, with the errors that such maps have.

    A pixel takes the code of a point near its middle (so edges waver by up to half a pixel), patches and single pixels are
    mistaken for a similar class, and built-up codes follow the local density.
    """
    west, north, size = nlcd_shape(plan)
    for start in range(0, size, BAND):
        lines = min(BAND, size - start)
        frame = Frame(west - WEST, NORTH - north + start * NLCD_PIXEL, NLCD_PIXEL, lines, size)
        yield _mistake(_sampled(plan, frame), frame, plan.spec.seed)


def _sampled(plan: Plan, frame: Frame) -> Codes:
    """Code at a point near the middle of every 30 m pixel, from 6 m labels."""
    times = 5
    fine = Frame(frame.x0, frame.y0, frame.pixel / times, frame.height * times, frame.width * times)
    codes = label_codes(plan, fine, 1)
    rows, cols = np.arange(frame.height)[:, None], np.arange(frame.width)[None]
    ix, iy = np.round(frame.xs / 30).astype(int)[None], np.round(frame.ys / 30).astype(int)[:, None]
    dr, dc = ((hash01(ix, iy, 811 + k) * times).astype(int) for k in range(2))
    return np.asarray(codes[rows * times + dr, cols * times + dc])


def _mistake(codes: Codes, frame: Frame, seed: int) -> Codes:
    """Swap some pixels and small patches for what they are mistaken for."""
    ix, iy = np.round(frame.xs / 30).astype(int)[None], np.round(frame.ys / 30).astype(int)[:, None]
    patch = (fractal(frame, (150.0, 70.0), seed + 821) > 2.25) & (hash01(ix, iy, seed + 822) < 0.85)
    speck = hash01(ix, iy, seed + 823) < 0.018
    town = (codes >= 21) & (codes <= 24) & (hash01(ix, iy, seed + 824) < 0.16)
    pick = np.clip(0.5 + 0.3 * value_noise(frame, 140.0, seed + 825), 0, 0.999)
    wrong = codes.copy()
    for code, others in CONFUSED.items():
        here = (codes == code) & (patch | speck | town)
        wrong[here] = np.array(others, np.uint8)[(pick[here] * len(others)).astype(int)]
    return wrong
