"""Two maps compared: where their labels differ, how surely the land did, and which cells count as changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.change.calibration import Calibration, calibrate_pair
from landuse.change.common_legend import common_legend, in_legend
from landuse.change.lattice import Overlap, overlap
from landuse.change.maps import ClassMap
from landuse.change.posterior import ChangePosterior, infer_change
from landuse.change.sites import Sites, change_sites
from landuse.change.transitions import CODES, CrossTable, cross_table, lone_cells
from landuse.grid import IntArray, chip_ids
from landuse.legend import Legend


@dataclass(frozen=True)
class ChangeRule:
    """When a cell counts as changed: its labels differ, its probability of change is high enough, its site large enough."""

    min_probability: float = 0.5
    min_site: int = 1


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
        model: the posterior; None where a map has no probabilities.
        calibration: how the probabilities were brought to one scale first; None likewise.
    """

    before: ClassMap
    after: ClassMap
    overlap: Overlap
    differ: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32] | None
    confirmed: npt.NDArray[np.bool_]
    sites: Sites
    model: ChangePosterior | None
    calibration: Calibration | None

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
        rows, cols = _lattice_index(self.overlap, grid.side, lines, columns)
        before, after = (codes[lines, columns].tolist() for codes in self.codes)
        name = self.legend.name_of
        pairs = ((name(b), name(a)) for b, a in zip(before, after, strict=True))
        return dict(zip(chip_ids(rows, cols).tolist(), pairs, strict=True))

    def _place(self) -> ClassMap:
        """The common ground as a map, for its place alone."""
        return ClassMap("", (), self.codes[0], self.overlap.transform, self.before.crs, self.legend)


def compare(before: ClassMap, after: ClassMap, rule: ChangeRule) -> Comparison:
    """Compare two maps.

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
    probability, model, calibration = _infer(before, after, shared, both)
    sure = differ if probability is None else differ & (np.nan_to_num(probability, nan=-1.0) >= rule.min_probability)
    pairs = np.where(sure, first.astype(np.int32) * CODES + second, 0)
    sites = change_sites(pairs, rule.min_site)
    return Comparison(before, after, shared, differ, probability, sites.ids > 0, sites, model, calibration)


def _infer(
    before: ClassMap, after: ClassMap, shared: Overlap, both: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32] | None, ChangePosterior | None, Calibration | None]:
    """P(change) (H, W), the posterior and the calibration; None, None, None where a map has no probabilities."""
    if before.probabilities is None or after.probabilities is None:
        return None, None, None
    first = before.probabilities[:, *shared.before]
    second = after.probabilities[:, *shared.after]
    known = both & np.isfinite(first[0]) & np.isfinite(second[0])
    probability = np.full(both.shape, np.nan, np.float32)
    if not known.any():
        return probability, None, None
    p, q = (bands[:, known].T.astype(np.float64) for bands in (first, second))
    calibration = calibrate_pair(p, q)
    model = infer_change(*calibration.apply(p, q))
    change = np.where((p == q).all(axis=1), 0.0, model.change)
    probability[known] = change
    return probability, model, calibration


def _lattice_index(shared: Overlap, side: float, lines: IntArray, columns: IntArray) -> tuple[IntArray, IntArray]:
    """Lattice rows and columns of cells of the common ground; lattice rows grow northwards."""
    top = round(shared.transform.f / side) - 1
    return top - lines, round(shared.transform.c / side) + columns
