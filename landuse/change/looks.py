"""What three and more maps say of the cells of one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landuse.change.comparison import MOST_SAMPLED, Window, blocks_of, drawn_in
from landuse.change.maps import ClassMap
from landuse.change.overlap import Overlap
from landuse.change.pair import Floats, Mask, SurveyPair
from landuse.change.pixels import shared_components
from landuse.grid import IntArray
from landuse.models.learnt_features import Bytes


@dataclass(frozen=True, eq=False)
class Looks:
    """What T maps say of n cells of the ground of the first.

    Attributes:
        lines, columns: (n,) place in the first map of each cell that any map knows.
        surveys: (T, n, K) probabilities, NaN where a map misses the cell.
        labels: (n, T) positions of the classes named, -1 where a map misses the cell.
        components: uint8 (n, T, M) as of `SurveyPair`, 0 where a map misses the cell; None where a map has none.
    """

    lines: IntArray
    columns: IntArray
    surveys: Floats
    labels: IntArray
    components: Bytes | None

    def step(self, number: int) -> SurveyPair:
        """What a survey and the next say of the cells."""
        both = slice(number, number + 2)
        looks = None if self.components is None else self.components[:, both]
        before, after = self.surveys[both]
        return SurveyPair(before, after, self.lines, self.columns, self.labels[:, both], looks)

    def take(self, chosen: Mask | slice | IntArray) -> Looks:
        """Some of the cells."""
        looks = None if self.components is None else self.components[chosen]
        return Looks(self.lines[chosen], self.columns[chosen], self.surveys[:, chosen], self.labels[chosen], looks)


def looks_at(maps: Sequence[ClassMap], shared: Sequence[Overlap], window: Window) -> Looks:
    """What maps in one legend say of a window of the first of them."""
    legend, shape = maps[0].legend, [side.stop - side.start for side in window]
    position = np.full(max(legend.codes) + 1, -1, np.int64)
    position[list(legend.codes)] = np.arange(len(legend))
    bands = np.full((len(maps), len(legend), *shape), np.nan, np.float32)
    labels = np.full((len(maps), *shape), -1, np.int64)
    rasters = shared_components([land.pixels for land in maps])
    components = None if rasters is None else np.zeros((len(maps), rasters[0].count, *shape), np.uint8)
    for number, (land, ground) in enumerate(zip(maps, shared, strict=True)):
        parts = [_common(*sides) for sides in zip(window, ground.before, ground.after, strict=True)]
        if all(part is not None for part in parts):
            (down, rows), (right, cols) = (part for part in parts if part is not None)
            bands[number, :, down, right] = land.pixels.probabilities(rows, cols)
            labels[number, down, right] = position[land.pixels.codes(rows, cols)]
            if components is not None and rasters is not None:
                components[number, :, down, right] = rasters[number].read(rows, cols)
    known = np.isfinite(bands[:, 0]) & (labels >= 0)
    lines, columns = np.nonzero(known.any(axis=0))
    looks = None if components is None else components[:, :, lines, columns].transpose(2, 0, 1)
    surveys = np.where(known[:, None], bands, np.nan)[:, :, lines, columns].transpose(0, 2, 1).astype(np.float64)
    seen = labels[:, lines, columns].T
    return Looks(lines + window[0].start, columns + window[1].start, surveys, seen, looks)


def _common(window: slice, before: slice, after: slice) -> tuple[slice, slice] | None:
    """The part of a window that another map shares: in the window, and in that map; None where there is none."""
    start, stop = max(window.start, before.start), min(window.stop, before.stop)
    move = after.start - before.start
    return (
        (slice(start - window.start, stop - window.start), slice(start + move, stop + move)) if start < stop else None
    )


def sampled_looks(lands: Sequence[ClassMap], shared: Sequence[Overlap]) -> Looks:
    """All cells of the first map in image order, or of a large one a random sample."""
    height, width = lands[0].pixels.shape
    share, parts = MOST_SAMPLED / (height * width), []
    for window in blocks_of((height, width)):
        looks = looks_at(lands, shared, window)
        parts.append(looks.take(drawn_in(window, len(looks.lines), share)))
    lines, columns = (np.concatenate([getattr(part, side) for part in parts]) for side in ("lines", "columns"))
    there = [part.components for part in parts if part.components is not None]
    whole = Looks(
        lines,
        columns,
        np.concatenate([part.surveys for part in parts], axis=1),
        np.concatenate([part.labels for part in parts]),
        np.concatenate(there) if there else None,
    )
    return whole.take(np.lexsort((columns, lines)))
