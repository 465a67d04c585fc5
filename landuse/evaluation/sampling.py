"""A stratified random sample of a change map: which strata, how many units of each, and which cells they are. Pure.

Change is rare, so a simple random sample would hardly meet it. Cells are therefore drawn within strata: each kind of mapped
change, cells that the map half believes to have changed, cells beside mapped change (where omissions gather), and the classes
of what stayed (Olofsson et al. 2014, section 5.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation

from landuse.errors import UsageError

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MOST_KINDS = 6
"""Kinds of change with a stratum of their own; the rarer ones share one, since each stratum costs people's time."""
RARE = 0.01
"""Share of the stable land below which classes share a stratum."""
RIGHT = {"change": 0.6, "possible": 0.7, "near": 0.9, "stable": 0.95}
"""Share of each kind of stratum that is expected to be right, before anyone has looked; it only sizes the sample."""


@dataclass(frozen=True, eq=False)
class MappedChange:
    """What a change map says of its cells, (H, W) each; 0 is no class.

    Attributes:
        before, after: class of each cell in the two maps, as a position in `names` plus 1.
        changed: cells that the map confirms as changed.
        possible: other cells that may well have changed.
        hectares: area of each cell.
        names: the classes.
    """

    before: npt.NDArray[np.uint16]
    after: npt.NDArray[np.uint16]
    changed: Mask
    possible: Mask
    hectares: Floats
    names: tuple[str, ...]

    @property
    def compared(self) -> Mask:
        """Cells with a class in both maps."""
        return np.asarray((self.before > 0) & (self.after > 0))

    @property
    def later(self) -> npt.NDArray[np.uint16]:
        """Class after, as the change map has it: that before, but where it confirms a change."""
        return np.where(self.changed, self.after, self.before)


@dataclass(frozen=True, eq=False)
class Strata:
    """Cells in strata.

    Attributes:
        names: of the strata.
        kinds: "change", "possible", "near" or "stable", of each.
        number: uint8 (H, W), position in `names` plus 1; 0 is outside of all.
        areas: (S,) hectares.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    number: npt.NDArray[np.uint8]
    areas: Floats

    @property
    def cells(self) -> Numbers:
        """(S,) cells of each stratum."""
        return sum_by_code(self.number, None, len(self.names) + 1)[1:].astype(np.int64)


def strata_of(land: MappedChange, buffer: int = 1) -> Strata:
    """The strata of a change map.

    Args:
        land: the map.
        buffer: cells around mapped change that are a stratum of their own; 0 leaves it out.

    Raises:
        UsageError: no cell has a class in both maps.
    """
    left = land.compared
    if not left.any():
        raise UsageError("No cell has a class in both maps, so there is nothing to draw a sample from.")
    number = np.zeros(left.shape, np.uint8)
    names: list[str] = []
    kinds: list[str] = []
    for kind, name, cells in _parts(land, left, buffer):
        cells &= left
        if cells.any():
            names.append(name)
            kinds.append(kind)
            number[cells] = len(names)
            left &= ~cells
    return Strata(tuple(names), tuple(kinds), number, sum_by_code(number, land.hectares, len(names) + 1)[1:])


def sum_by_code(codes: npt.NDArray[np.integer], weights: Floats | None, count: int) -> Floats:
    """Sum (count,) of the weights (H, W) of the cells of each code, or their number without weights.

    Line by line, since NumPy makes numbers of eight bytes of all codes that it counts.
    """
    weighed = [None] * len(codes) if weights is None else weights
    total = np.zeros(count)
    for line, weight in zip(codes, weighed, strict=True):
        total += np.bincount(line, weight, count)
    return total


def _parts(land: MappedChange, left: Mask, buffer: int) -> Iterator[tuple[str, str, Mask]]:
    """Kind, name and cells of each stratum, one at a time; cells that an earlier one has are no more in `left`."""
    yield from (("change", name, cells) for name, cells in _kinds_of_change(land))
    yield "possible", "possible change", land.possible.copy()
    if buffer and land.changed.any():
        yield "near", "beside change", binary_dilation(land.changed, np.ones((3, 3), bool), iterations=buffer)
    yield from (("stable", name, cells) for name, cells in _stable(land, left))


def _kinds_of_change(land: MappedChange) -> Iterator[tuple[str, Mask]]:
    """Cells of the most frequent kinds of change, and of all others together."""
    pair = land.before.astype(np.uint32) * (len(land.names) + 1) + land.after
    found, counts = np.unique(pair[land.changed & land.compared], return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")][:MOST_KINDS]
    for value in frequent:
        before, after = divmod(int(value), len(land.names) + 1)
        yield f"{land.names[before - 1]} -> {land.names[after - 1]}", land.changed & (pair == value)
    if len(found) > len(frequent):
        yield "other change", land.changed & ~np.isin(pair, frequent)


def _stable(land: MappedChange, left: Mask) -> Iterator[tuple[str, Mask]]:
    """The land that did not change by class; rare classes together."""
    counts = np.bincount(land.before[left], minlength=len(land.names) + 1)
    common = np.flatnonzero(counts >= max(RARE * counts.sum(), 1))
    for code in common.tolist():
        yield f"stable {land.names[code - 1]}", land.before == code
    yield "stable, rare classes", ~np.isin(land.before, common)


def units_needed(strata: Strata, target: float) -> int:
    """Units for a standard error of the overall accuracy of `target` (Olofsson et al. 2014, equation 13)."""
    right = np.array([RIGHT[kind] for kind in strata.kinds])
    weights = strata.areas / strata.areas.sum()
    return int(np.ceil(float(weights @ np.sqrt(right * (1 - right)) / target) ** 2))


def allocate(strata: Strata, total: int, least: int) -> Numbers:
    """Units of each stratum, (S,): `least` of each, or all its cells where it has fewer, and the rest by area.

    Where `least` of each are more than `total`, they are drawn all the same: a stratum without units says nothing.
    """
    cells = strata.cells
    units = np.minimum(cells, least)
    rest = max(0, total - int(units.sum()))
    exact = rest * strata.areas / strata.areas.sum()
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: rest - int(whole.sum())]] += 1  # largest remainders first
    return np.asarray(np.minimum(cells, units + whole), np.int64)


def draw(strata: Strata, units: Numbers, seed: int) -> tuple[Numbers, Numbers]:
    """Cells drawn at random without replacement within each stratum, in random order.

    Returns:
        Stratum (n,), a position in `strata.names`, and flat position (n,) in the map of each.
    """
    rng = np.random.default_rng(seed)
    flat = strata.number.ravel()
    chosen = [
        rng.choice(np.flatnonzero(flat == number), size=int(count), replace=False)
        for number, count in enumerate(units, 1)
    ]
    positions = np.concatenate(chosen).astype(np.int64)
    order = rng.permutation(len(positions))  # the order on the page must not betray the stratum
    return flat[positions[order]].astype(np.int64) - 1, positions[order]
