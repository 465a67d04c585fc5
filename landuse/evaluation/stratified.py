"""Areas and accuracies of a map from a stratified sample, with their uncertainty.

The strata are the map's own classes. Pixel counting takes a map's errors for land; these estimators take them out again and
say how sure the result is: Olofsson et al. 2014, Good practices for estimating area and assessing accuracy of land change,
Remote Sensing of Environment 148, equations 1 to 11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.evaluation.metrics import disagreement

Z95 = 1.96
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with the half-width of its 95 % confidence interval; (K,) arrays or (1,). NaN where the sample cannot say."""

    value: Floats
    half_width: Floats


@dataclass(frozen=True)
class StratifiedEstimates:
    """What a stratified sample says of a map.

    Attributes:
        areas: (K,) area of each reference class, in the unit of the strata's areas.
        users: (K,) share of a mapped class that is right.
        producers: (K,) share of a reference class that is mapped as such.
        overall: (1,) share of the map that is right.
        proportions: (K, K) estimated area shares, rows mapped, columns reference.
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


def stratified_estimates(sample: npt.ArrayLike, mapped_areas: npt.ArrayLike) -> StratifiedEstimates:
    """Estimate areas and accuracies.

    Args:
        sample: (K, K) sample counts; rows the mapped class (stratum), columns the reference class.
        mapped_areas: (K,) mapped area of each class, in any unit.

    Raises:
        UsageError: shapes do not fit, a number is negative, or a mapped class has area but no sample.
    """
    counts, areas = np.asarray(sample, np.float64), np.asarray(mapped_areas, np.float64)
    _check(counts, areas)
    sampled = counts.sum(axis=1)
    share = np.divide(counts, sampled[:, None], out=np.zeros_like(counts), where=sampled[:, None] > 0)
    weight = areas / areas.sum()
    proportions = weight[:, None] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(areas[:, None] > 0, share * (1 - share) / (sampled[:, None] - 1), 0.0)
    spread = weight[:, None] ** 2 * variance
    right = np.diag(share)
    quantity, allocation = disagreement(proportions)
    exchange = float(np.triu(2 * np.minimum(proportions, proportions.T), 1).sum())
    return StratifiedEstimates(
        areas=_estimate(proportions.sum(axis=0) * areas.sum(), spread.sum(axis=0) * areas.sum() ** 2),
        users=_estimate(np.where(sampled > 0, right, np.nan), np.diag(variance)),
        producers=_producers(proportions, spread),
        overall=_estimate(np.array([np.trace(proportions)]), np.array([np.diag(spread).sum()])),
        proportions=proportions,
        quantity=float(quantity or 0.0),
        allocation=float(allocation or 0.0),
        exchange=exchange,
        shift=float(allocation or 0.0) - exchange,
    )


def _producers(proportions: Floats, spread: Floats) -> Estimate:
    """Producer's accuracy: equations 3 and 7."""
    total, right = proportions.sum(axis=0), np.diag(proportions)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = right / total
        own = (1 - value) ** 2 * np.diag(spread)
        others = value**2 * (spread.sum(axis=0) - np.diag(spread))
        return _estimate(value, (own + others) / total**2)


def _estimate(value: Floats, variance: Floats) -> Estimate:
    return Estimate(value, Z95 * np.sqrt(variance))


def _check(counts: Floats, areas: Floats) -> None:
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or areas.shape != counts.shape[:1] or not len(areas):
        raise UsageError("A sample needs one row and one column a class, and one mapped area a class.")
    if not (np.isfinite(counts).all() and np.isfinite(areas).all() and (counts >= 0).all() and (areas >= 0).all()):
        raise UsageError("Sample counts and mapped areas must be numbers from 0 upwards.")
    if not areas.sum() > 0:
        raise UsageError("The mapped areas are all 0, so there is nothing to estimate.")
    empty = np.flatnonzero((areas > 0) & (counts.sum(axis=1) == 0))
    if empty.size:
        raise UsageError(
            f"Mapped class {int(empty[0]) + 1} has an area but no sample; draw some in every mapped class."
        )
