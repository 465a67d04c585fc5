"""Areas and accuracies from a stratified random sample, with their uncertainty.

Counting the cells of a map takes its errors for land. A sample whose true classes people have told takes them out again and
says how sure the result is. Every figure here is a mean over the land, or a ratio of two, of something that each sampled
unit has or has not (Stehman 2014, Estimating area and map accuracy for stratified random sampling when the strata are
different from the map classes, International Journal of Remote Sensing 35, equations 1 to 3 and 27 to 28). Where the strata
are the map's own classes, the same figures are those of Olofsson et al. 2014, Good practices for estimating area and
assessing accuracy of land change, Remote Sensing of Environment 148, equations 1 to 11. Where a stratum's units are
counted, only those that were not drawn are uncertain (Stehman's factor 1 - n / N): a stratum drawn as a whole adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.evaluation.metrics import disagreement

Z95 = 1.96
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values with their standard errors, (K,) each. NaN is what the sample cannot say."""

    value: Floats
    error: Floats

    @property
    def half_width(self) -> Floats:
        """Half the width of the 95 % confidence interval."""
        return Z95 * self.error

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        return Estimate(self.value * factor, self.error * factor)


@dataclass(frozen=True, eq=False)
class StratifiedSample:
    """Units drawn at random within strata; units that are alike in all that is asked may stand in one row.

    Attributes:
        stratum: int64 (n,) index of the stratum of each row.
        areas: (H,) area of each stratum, in any unit.
        counts: int64 (n,) units of each row; one each where it is None.
        sizes: (H,) units that each stratum has, drawn or not; endless where it is None.

    Raises:
        UsageError: an area is no number from 0 upwards, all are 0, or a stratum with an area has no unit.
    """

    stratum: Numbers
    areas: Floats
    counts: Numbers | None = None
    sizes: Floats | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.areas).all() and (self.areas >= 0).all()):
            raise UsageError("Areas of strata must be numbers from 0 upwards.")
        if not self.areas.sum() > 0:
            raise UsageError("The areas of all strata are 0, so there is nothing to estimate.")
        empty = np.flatnonzero((self.areas > 0) & (self.units == 0))
        if empty.size:
            raise UsageError(f"Stratum {int(empty[0]) + 1} has an area but no sample; draw some in every stratum.")

    @property
    def units(self) -> Numbers:
        """(H,) units of each stratum."""
        return np.bincount(self.stratum, self.counts, len(self.areas)).astype(np.int64)

    @property
    def weights(self) -> Floats:
        """(H,) share of the land in each stratum."""
        return np.asarray(self.areas / self.areas.sum())

    @property
    def not_drawn(self) -> Floats:
        """(H,) share of each stratum's units that was not drawn, from 0 to 1; 1 where it is endless."""
        if self.sizes is None:
            return np.ones(len(self.areas))
        return np.asarray(1 - np.minimum(self.units / np.maximum(self.sizes, 1), 1))

    def mean(self, y: npt.ArrayLike) -> Estimate:
        """Share of the land that has something: mean and standard error of `y` (n,) or of each column of (n, K)."""
        values = _columns(y)
        return Estimate(self.weights @ self._means(values), np.sqrt(self._variance(values)))

    def ratio(self, y: npt.ArrayLike, x: npt.ArrayLike) -> Estimate:
        """The mean of `y` over that of `x`, column by column; NaN where that of `x` is 0.

        Its variance is that of the residuals y - R x, over the square of the mean of x (Stehman 2014, equation 28).
        """
        top, bottom = _columns(y), _columns(x)
        over, under = self.weights @ self._means(top), self.weights @ self._means(bottom)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = over / under
            return Estimate(value, np.sqrt(self._variance(top - value * bottom)) / under)

    def _means(self, values: Floats) -> Floats:
        """(H, K) mean of each stratum; 0 where it has no unit, and then it has no area."""
        return np.asarray(self._sums(values) / np.maximum(self.units, 1)[:, None])

    def _variance(self, values: Floats) -> Floats:
        """(K,) variance of the mean; NaN where a stratum has one unit drawn of several, which tells nothing of its spread."""
        squares = self._sums((values - self._means(values)[self.stratum]) ** 2)
        units, left = self.units[:, None].astype(np.float64), self.not_drawn[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.where((self.areas[:, None] > 0) & (left > 0), left * squares / (units - 1) / units, 0.0)
        return np.asarray(self.weights**2 @ spread)

    def _sums(self, values: Floats) -> Floats:
        """(H, K) sum of each stratum."""
        counts = 1 if self.counts is None else self.counts
        columns = [np.bincount(self.stratum, column * counts, len(self.areas)) for column in values.T]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class MapEstimates:
    """What a sample says of a map of K classes.

    Attributes:
        areas: area of each class on the ground, in the unit of the strata's areas.
        users: share of a mapped class that is right.
        producers: share of a class on the ground that is mapped as such.
        overall: (1,) share of the map that is right.
        proportions: (K, K) estimated area shares, rows mapped, columns on the ground.
        quantity, allocation: disagreement of these shares (Pontius and Millones 2011).
        exchange: the part of `allocation` that is a swap between two classes (Pontius and Santacruz 2014).
        shift: the rest of it.
    """

    areas: Estimate
    users: Estimate
    producers: Estimate
    overall: Estimate
    proportions: Floats
    quantity: float
    allocation: float
    exchange: float
    shift: float


def estimate_map(sample: StratifiedSample, mapped: Numbers, reference: Numbers, classes: int) -> MapEstimates:
    """Areas of classes on the ground, and how good a map of them is.

    Args:
        sample: the units.
        mapped: (n,) class index of each unit in the map; it need not be its stratum.
        reference: (n,) class index of each unit on the ground.
        classes: K.
    """
    names = np.arange(classes)
    on_map, on_ground = (found[:, None] == names for found in (mapped, reference))
    right = on_map & on_ground
    pairs = on_map[:, :, None] & on_ground[:, None, :]
    proportions = sample.mean(pairs.reshape(len(mapped), -1)).value.reshape(classes, classes)
    quantity, allocation = disagreement(proportions)
    exchange = float(np.triu(2 * np.minimum(proportions, proportions.T), 1).sum())
    return MapEstimates(
        areas=sample.mean(on_ground).times(float(sample.areas.sum())),
        users=sample.ratio(right, on_map),
        producers=sample.ratio(right, on_ground),
        overall=sample.mean(mapped == reference),
        proportions=proportions,
        quantity=float(quantity or 0.0),
        allocation=float(allocation or 0.0),
        exchange=exchange,
        shift=float(allocation or 0.0) - exchange,
    )


def _columns(values: npt.ArrayLike) -> Floats:
    found = np.asarray(values, np.float64)
    return found[:, None] if found.ndim == 1 else found
