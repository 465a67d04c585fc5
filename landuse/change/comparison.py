"""Two maps compared: what is learnt from a sample of their cells, and windows of what that says of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from landuse.change.ground import CountedGround
from landuse.change.maps import ClassMap
from landuse.change.methods import DEFAULT, ChangeModel, FittedChange, change_model
from landuse.change.neighbours import RIM
from landuse.change.overlap import Overlap, common_legend, in_legend, overlap, within
from landuse.change.pair import CellChanges, SurveyPair
from landuse.change.pixels import shared_components
from landuse.grid import IntArray, chip_ids
from landuse.legend import CodeArray, Legend

TILE, LINES = 512, 256
"""Columns of a block, which is half of a tile of our rasters: each tile is decoded once or twice then."""
MOST_SAMPLED = 2**18
"""Cells that change is learnt from; of larger maps, about so many drawn at random."""
MOST_DRAWN = round(1.1 * MOST_SAMPLED)
"""Room for these, of which chance may draw some more."""
SEED = 0
Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]
"""Rows and columns of the common ground."""


@dataclass(frozen=True)
class ChangeRule:
    """When a cell counts as changed, and how that is inferred.

    Attributes:
        min_probability: its labels differ, and this very change is at least so likely.
        min_site: least cells of a change site.
        min_hectares: least area of a change site, as its `area_ha` counts it.
        smooth: whether a confirmed cell goes along with most of the 3 x 3 cells around it.
        method: name of the way to infer change.
    """

    min_probability: float = 0.5
    min_site: int = 1
    min_hectares: float = 0.0
    smooth: bool = False
    method: str = DEFAULT


@dataclass(frozen=True, eq=False)
class ComparedBlock:
    """A window of two maps, (h, w) cells.

    Attributes:
        window: where on the common ground.
        before, after: class codes of both maps.
        known: cells that both maps hold probabilities of.
        around: what they say of the known cells of the window and of the rim around it, in image order; None where a map has no
            probabilities.
    """

    window: Window
    before: CodeArray
    after: CodeArray
    known: Mask
    around: SurveyPair | None

    @cached_property
    def inside(self) -> Mask:
        """Which cells of `around` lie in the window."""
        if self.around is None:
            return np.zeros(0, bool)
        down, right = self.window
        lines, columns = self.around.lines, self.around.columns
        return np.asarray(
            (lines >= down.start) & (lines < down.stop) & (columns >= right.start) & (columns < right.stop)
        )

    @property
    def places(self) -> tuple[IntArray, IntArray]:
        """Line and column of each known cell on the common ground, in image order."""
        lines, columns = np.nonzero(self.known)
        return lines + self.window[0].start, columns + self.window[1].start

    @property
    def both(self) -> Mask:
        """Cells with a class in both maps."""
        return np.asarray((self.before > 0) & (self.after > 0))

    @property
    def differ(self) -> Mask:
        """Cells with a class in both maps and not the same."""
        return np.asarray(self.both & (self.before != self.after))

    def image(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Values of the known cells (n,) as an image, NaN elsewhere."""
        found = np.full(self.known.shape, np.nan, np.float32)
        found[self.known] = values
        return found


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two maps on their common ground, (H, W) cells.

    Attributes:
        before, after: the maps, in one legend.
        overlap: where both lie.
        rule: what counts as changed.
        sample: the cells that change was learnt from; None where no cell has probabilities in both maps.
        fitted: what was learnt; None likewise.
    """

    before: ClassMap
    after: ClassMap
    overlap: Overlap
    rule: ChangeRule
    sample: SurveyPair | None = None
    fitted: FittedChange | None = None

    @property
    def legend(self) -> Legend:
        """The common classes."""
        return self.before.legend

    @property
    def rated(self) -> bool:
        """Whether both maps have probabilities."""
        return self.before.pixels.rated and self.after.pixels.rated

    def blocks(self) -> Iterator[ComparedBlock]:
        """All of it, block by block."""
        return map(self.block, blocks_of(self.overlap.shape))

    def whole(self) -> ComparedBlock:
        """All of it in one block, which must fit into memory."""
        height, width = self.overlap.shape
        return self.block((slice(0, height), slice(0, width)))

    def block(self, window: Window) -> ComparedBlock:
        """A window of both maps."""
        wide = tuple(
            slice(max(side.start - RIM, 0), min(side.stop + RIM, size))
            for side, size in zip(window, self.overlap.shape, strict=True)
        )
        first, second, known, around = self._seen((wide[0], wide[1]))
        inner = tuple(slice(w.start - o.start, w.stop - o.start) for w, o in zip(window, wide, strict=True))
        return ComparedBlock(window, first[inner], second[inner], known[inner], around)

    def sampled(self, window: Window, share: float) -> SurveyPair | None:
        """What the maps say of about a share of the cells of a window that both know; None where one has no probabilities."""
        return self._seen(window, share)[3]

    def _seen(self, window: Window, share: float = 1.0) -> tuple[CodeArray, CodeArray, Mask, SurveyPair | None]:
        """Codes of a window in both maps, those cells (or a share of them) that both rate, and what they say of those cells."""
        there = [
            tuple(slice(o.start + w.start, o.start + w.stop) for o, w in zip(place, window, strict=True))
            for place in (self.overlap.before, self.overlap.after)
        ]
        pixels = self.before.pixels, self.after.pixels
        first, second = (one.codes(*place) for one, place in zip(pixels, there, strict=True))
        known = (first > 0) & (second > 0) & self.rated
        if not self.rated:
            return first, second, known, None
        bands = [one.probabilities(*place) for one, place in zip(pixels, there, strict=True)]
        known &= np.isfinite(bands[0][0]) & np.isfinite(bands[1][0])
        known[known] = drawn_in(window, int(known.sum()), share)
        labels = np.stack([self.positions(codes[known]) for codes in (first, second)], axis=1)
        rasters, looks = shared_components(pixels), None
        if rasters is not None:
            looks = [one.read(*place) for one, place in zip(rasters, there, strict=True)]
        pair = SurveyPair.of((bands[0], bands[1]), known, labels, looks)
        return first, second, known, pair.moved(window[0].start, window[1].start)

    def codes(self, rows: slice) -> tuple[CodeArray, CodeArray]:
        """Class codes of both maps in some lines of the common ground, from side to side."""
        first = self.before.pixels.codes(*within(self.overlap.before, rows))
        return first, self.after.pixels.codes(*within(self.overlap.after, rows))

    @cached_property
    def ground(self) -> CountedGround:
        """How much of each cell's ground counts in both maps."""
        seen = (self.before.ground, self.overlap.before), (self.after.ground, self.overlap.after)
        return CountedGround(self.overlap.transform, self.before.crs, self.overlap.shape[1], seen)

    def inferred(self, block: ComparedBlock) -> CellChanges | None:
        """What is said of the known cells of a block; None where nothing was learnt."""
        if self.fitted is None or block.around is None:
            return None
        return self.fitted.apply(block.around).take(block.inside)

    def chip_ids(self, lines: IntArray, columns: IntArray) -> list[str]:
        """The chips of cells of the common ground; empty names where the maps are not of chips."""
        grid = self.before.grid
        if grid is None:
            return [""] * len(lines)
        top, left = round(self.overlap.transform.f / grid.side) - 1, round(self.overlap.transform.c / grid.side)
        return [str(name) for name in chip_ids(top - lines, left + columns).tolist()]

    def positions(self, codes: CodeArray) -> IntArray:
        """Position in the legend of each code; 0 for no data."""
        found: IntArray = self._positions[codes]
        return found

    @cached_property
    def _positions(self) -> IntArray:
        """Position in the legend of each code."""
        table = np.zeros(max(self.legend.codes) + 1, np.int64)
        table[list(self.legend.codes)] = np.arange(len(self.legend))
        return table


def compare(before: ClassMap, after: ClassMap, rule: ChangeRule, model: ChangeModel | None = None) -> Comparison:
    """Compare two maps, by a model of change, or by that of the rule's method, which is fitted to a sample of their cells.

    Cells without a class in either map are never compared. Without probabilities in both maps every difference of labels
    counts as changed, and nobody can say how surely.

    Raises:
        GridMismatchError, NoOverlapError: they do not lie on one lattice, or share no cell.
        ConfigError: their classes cannot be matched by name.
    """
    shared, legend = overlap(before, after), common_legend(before, after)
    plain = Comparison(in_legend(before, legend), in_legend(after, legend), shared, rule)
    sample = sampled(plain) if plain.rated else None
    fitted = None if sample is None else (model or change_model(rule.method)).fit(sample)
    return Comparison(plain.before, plain.after, shared, rule, sample, fitted)


def sampled(found: Comparison) -> SurveyPair | None:
    """The cells that both maps know, in image order: all of them, or of many a random sample; None where there are none."""
    rows, cols = found.overlap.shape
    most = min(rows * cols, *(sum(land.pixels.counts.values()) for land in (found.before, found.after)))
    share = MOST_SAMPLED / max(most, 1)
    parts = (found.sampled(window, share) for window in blocks_of(found.overlap.shape))
    return SurveyPair.in_image_order((part for part in parts if part is not None), min(most, MOST_DRAWN))


def drawn_in(window: Window, cells: int, share: float) -> Mask:
    """About a share of the cells of a window, the same in every run; all of them from 1 on."""
    if share >= 1:
        return np.ones(cells, bool)
    corner = [part.start for part in window]
    return np.asarray(np.random.default_rng([SEED, *corner]).random(cells) < share)


def blocks_of(shape: tuple[int, int]) -> Iterator[Window]:
    """Windows that cover (H, W) cells, those of a tile one after the other."""
    height, width = shape
    for tile in range(0, height, TILE):
        for left in range(0, width, TILE):
            for top in range(tile, min(tile + TILE, height), LINES):
                yield slice(top, min(top + LINES, tile + TILE, height)), slice(left, min(left + TILE, width))
