"""Change sites: neighbouring cells with the same change, as one place that a planner can visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.outputs.polygons import groups, in_order

TIERS = {
    "certain": "Nine in ten or more of such sites are expected to be real; worth acting on.",
    "likely": "More likely real than not; look at both images before acting.",
    "possible": "Less likely real than not, and more likely than anything below; worth a look where little else is found.",
    "unrated": "The two classes differ, but at least one map carries no probabilities, so nobody can say how surely.",
}
CERTAIN, LIKELY = 0.9, 0.5


@dataclass(frozen=True, eq=False)
class Sites:
    """Connected cells of the same change.

    Attributes:
        ids: int32 (H, W); site number 1 to n in image order, 0 = none.
        pairs: int64 (n,) the value of each site's cells.
        cells: int64 (n,) how many cells each has.
    """

    ids: npt.NDArray[np.int32]
    pairs: npt.NDArray[np.int64]
    cells: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pairs)


def change_sites(pairs: npt.NDArray[np.integer], min_cells: int = 1) -> Sites:
    """Group cells of the same change that share an edge.

    Args:
        pairs: (H, W) a number for each kind of change, 0 = no change.
        min_cells: smaller groups are left out.

    Returns:
        The sites, numbered by their first cell from the north-west.
    """
    flat = pairs.ravel()
    where = np.flatnonzero(flat)
    if not where.size:
        return Sites(np.zeros(pairs.shape, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))
    group = _components(flat, where, pairs.shape[1])
    count = np.bincount(group)
    kept = np.flatnonzero(count >= min_cells)
    number = np.zeros(len(count), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    ids = np.zeros(flat.shape, np.int32)
    ids[where] = number[group]
    first = where[np.unique(group, return_index=True)[1]]
    return Sites(ids.reshape(pairs.shape), flat[first[kept]].astype(np.int64), count[kept].astype(np.int64))


def tier_of(probability: float | None) -> str:
    """The tier of a site by its mean probability of change; None (or NaN) is unrated."""
    if probability is None or np.isnan(probability):
        return "unrated"
    if probability >= CERTAIN:
        return "certain"
    return "likely" if probability >= LIKELY else "possible"


def tier_counts(tiers: Sequence[str]) -> dict[str, int]:
    """How many sites each tier has, those without any included."""
    return {tier: sum(t == tier for t in tiers) for tier in TIERS}


def _components(flat: npt.NDArray[np.integer], where: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int32]:
    """Group number (m,) of each changed cell, 0 upwards by first cell; the graph holds the changed cells alone."""
    starts, ends = [], []
    east, south = where + 1, where + width
    for to, inside in ((east, east % width != 0), (south, south < flat.size)):
        here = np.flatnonzero(inside)
        same = here[flat[to[here]] == flat[where[here]]]
        starts.append(same)
        ends.append(np.searchsorted(where, to[same]))
    return in_order(groups(len(where), np.concatenate(starts), np.concatenate(ends)))
