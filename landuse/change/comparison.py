"""Two maps compared: where their labels differ, how surely the land did, and which cells count as changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.change.common_legend import common_legend, in_legend
from landuse.change.lattice import Overlap, overlap
from landuse.change.maps import ClassMap
from landuse.change.methods import DEFAULT, ChangeModel, FittedChange, change_model
from landuse.change.pair import SurveyPair
from landuse.change.posterior import CellChanges
from landuse.change.sites import Sites, change_sites
from landuse.change.transitions import CODES, CrossTable, cross_table, lone_cells
from landuse.grid import IntArray, chip_ids
from landuse.legend import Legend


@dataclass(frozen=True)
class ChangeRule:
    """When a cell counts as changed, and how that is inferred.

    Attributes:
        min_probability: its labels differ, and this very change is at least so likely.
        min_site: least cells of a change site.
        method: name of the way to infer change.
    """

    min_probability: float = 0.5
    min_site: int = 1
    method: str = DEFAULT


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two maps on their common ground, (H, W) cells.

    Attributes:
        before, after: the maps, in one legend.
        overlap: where both lie.
        differ: bool, cells with a class in both maps and not the same.
        probability: float32 P(change) of the cells that both maps hold, NaN elsewhere; None where a map has no probabilities.
        confirmed: bool, the cells that count as changed.
        sites: they, grouped.
        rule: what counts as changed.
        known: bool, the cells that both maps hold probabilities of.
        pair: what change was inferred from, the known cells in image order; None where a map has no probabilities.
        fitted: what was learnt from the pair; None likewise.
        cells: what that says of each of its cells; None likewise.
    """

    before: ClassMap
    after: ClassMap
    overlap: Overlap
    differ: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32] | None
    confirmed: npt.NDArray[np.bool_]
    sites: Sites
    rule: ChangeRule
    known: npt.NDArray[np.bool_]
    pair: SurveyPair | None
    fitted: FittedChange | None
    cells: CellChanges | None

    @property
    def legend(self) -> Legend:
        """The common classes."""
        return self.before.legend

    @property
    def codes(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Class codes (H, W) of both maps on the common ground."""
        return self.before.codes[self.overlap.before], self.after.codes[self.overlap.after]

    def labels_table(self) -> CrossTable:
        """Every cell of either map, by its pair of labels."""
        shared = cross_table(*self.codes, self._place())
        first = lone_cells(self.before, self.overlap.before, later=False)
        return shared + first + lone_cells(self.after, self.overlap.after, later=True)

    def confirmed_table(self) -> CrossTable:
        """The confirmed cells, by their pair of labels."""
        before, after = self.codes
        return cross_table(np.where(self.confirmed, before, 0), np.where(self.confirmed, after, 0), self._place())

    def changes(self) -> dict[str, tuple[str, str]]:
        """Chip id -> (from, to) of every confirmed cell; empty where the maps are not of chips."""
        grid = self.before.grid
        if grid is None:
            return {}
        lines, columns = np.nonzero(self.confirmed)
        before, after = (codes[lines, columns].tolist() for codes in self.codes)
        name = self.legend.name_of
        pairs = ((name(b), name(a)) for b, a in zip(before, after, strict=True))
        return dict(zip(self.chip_ids(lines, columns), pairs, strict=True))

    def chip_ids(self, lines: IntArray, columns: IntArray) -> list[str]:
        """The chips of cells of the common ground; empty names where the maps are not of chips."""
        grid = self.before.grid
        if grid is None:
            return [""] * len(lines)
        return [str(name) for name in chip_ids(*_lattice_index(self.overlap, grid.side, lines, columns)).tolist()]

    def _place(self) -> ClassMap:
        """The common ground as a map, for its place alone."""
        return ClassMap("", (), self.codes[0], self.overlap.transform, self.before.crs, self.legend)


def compare(before: ClassMap, after: ClassMap, rule: ChangeRule, model: ChangeModel | None = None) -> Comparison:
    """Compare two maps, by a model of change, or by that of the rule's method.

    Cells without a class in either map are never compared. Without probabilities in both maps every difference of labels
    counts as changed, and nobody can say how surely.

    Raises:
        GridMismatchError, NoOverlapError: they do not lie on one lattice, or share no cell.
        ConfigError: their classes cannot be matched by name.
    """
    shared = overlap(before, after)
    legend = common_legend(before, after)
    before, after = in_legend(before, legend), in_legend(after, legend)
    first, second = before.codes[shared.before], after.codes[shared.after]
    both = (first > 0) & (second > 0)
    differ = both & (first != second)
    known, pair = _pair(before, after, shared, both)
    fitted = None if pair is None else (model or change_model(rule.method)).fit(pair)
    said = None if pair is None or fitted is None else fitted.apply(pair)
    probability = named = None
    if before.probabilities is not None and after.probabilities is not None:
        probability, named = (np.full(both.shape, np.nan, np.float32) for _ in range(2))
    if said is not None and probability is not None and named is not None:
        probability[known], named[known] = said.change, said.named
    sure = differ if named is None else differ & (np.nan_to_num(named, nan=-1.0) >= rule.min_probability)
    sites = change_sites(np.where(sure, first.astype(np.int32) * CODES + second, 0), rule.min_site)
    return Comparison(before, after, shared, differ, probability, sites.ids > 0, sites, rule, known, pair, fitted, said)


def _pair(
    before: ClassMap, after: ClassMap, shared: Overlap, both: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], SurveyPair | None]:
    """The cells (H, W) of which both maps hold probabilities, and what the maps say of them; None where there are none."""
    if before.probabilities is None or after.probabilities is None:
        return np.zeros_like(both), None
    first, second = before.probabilities[:, *shared.before], after.probabilities[:, *shared.after]
    known = both & np.isfinite(first[0]) & np.isfinite(second[0])
    if not known.any():
        return known, None
    position = np.zeros(CODES, np.int64)
    position[list(before.legend.codes)] = np.arange(len(before.legend))
    labels = [position[land.codes[place][known]] for land, place in ((before, shared.before), (after, shared.after))]
    return known, SurveyPair.of((first, second), known, np.stack(labels, axis=1))


def _lattice_index(shared: Overlap, side: float, lines: IntArray, columns: IntArray) -> tuple[IntArray, IntArray]:
    """Lattice rows and columns of cells of the common ground; lattice rows grow northwards."""
    top = round(shared.transform.f / side) - 1
    return top - lines, round(shared.transform.c / side) + columns
