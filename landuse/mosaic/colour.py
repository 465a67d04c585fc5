"""One colour for two surveys: a monotone curve a band that makes the colours of one those of the other. Pure.

Quantiles alone would take more water for darker light. So the land is told apart by colour first: the reference is a mixture of
kinds of colour, and the pixels of the other survey are weighed until each kind has the share that it has in the reference,
within bounds. What the two then share is compared quantile by quantile (histogram specification; Gonzalez and Woods, Digital
Image Processing, 3.3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from landuse.palette import LEVELS, QUANTILES, Palette

TAILS = (0.005, 0.995)
KINDS = 8
"""Kinds of colour that the land is parted into."""
ROUNDS = 6
MOST_WEIGHT = 3.0
"""Most that a kind of colour counts more, or less, than it is frequent."""
RARE = 0.003
"""Share that is added to that of every kind, so that a missing one counts for little."""
SLOPES = (1 / 3, 3.0)
"""Least and most slope of a curve: noise is not blown up, and nothing becomes flat."""
FEWEST = 500
"""Pixels below which no curve is drawn."""

Samples = npt.NDArray[Any]
"""Pixels (n, B) from 0 to 255."""
Image = npt.NDArray[np.uint8]
Curves = npt.NDArray[np.uint8]
"""A table (B, 256): what each value of each band becomes."""
Floats = npt.NDArray[np.float64]


def palette_of(pixels: Samples, seed: int = 0) -> Palette | None:
    """The palette of a sample (n, B); None where it holds fewer than `FEWEST` pixels."""
    if len(pixels) < FEWEST:
        return None
    values = np.asarray(pixels, np.float64)
    centres = _centres(values, seed)
    variance = round(1 + float(np.median(_squares(values, centres).min(axis=1))), 2)
    shares = _kinds(values, centres, variance).mean(axis=0).round(6)
    return Palette(_nested(_quantiles(values)), _nested(centres), tuple(shares.tolist()), variance)


def probabilities() -> Floats:
    """The probabilities (Q,) of the quantiles of a palette."""
    return np.linspace(*TAILS, QUANTILES)


def curves_to(pixels: Samples, reference: Palette) -> Curves | None:
    """The curves that bring the colours of a sample to those of a reference.

    Args:
        pixels: (n, B) from 0 to 255, drawn from a whole survey without nodata and clouds.

    Returns:
        uint8 (B, 256); None where the sample holds fewer than `FEWEST` pixels.
    """
    if len(pixels) < FEWEST:
        return None
    values = np.asarray(pixels, np.float64)
    wanted = np.array(reference.quantiles)
    curves = _lines(_quantiles(values), wanted)
    for _ in range(ROUNDS):
        weight = _weights(_applied(values, curves), reference)
        curves = _curves(_quantiles(values, weight), wanted)
    return np.rint(curves).astype(np.uint8)


def distance(pixels: Samples, reference: Palette) -> float:
    """How far the quantiles of a sample lie from those of a reference: mean over bands and quantiles, in grey levels."""
    return float(np.abs(_quantiles(np.asarray(pixels, np.float64)) - np.array(reference.quantiles)).mean())


def relative_range(pixels: Samples, reference: Palette) -> float:
    """The range of colours from tail to tail as a share of the reference's, mean over bands."""
    given, wanted = (
        np.asarray(q)[:, [0, -1]] for q in (_quantiles(np.asarray(pixels, np.float64)), reference.quantiles)
    )
    return float((np.diff(given, axis=1) / np.maximum(np.diff(wanted, axis=1), 1)).mean())


def apply_curves(image: Image, curves: Curves, out: Image | None = None) -> Image:
    """An image (..., B) with each band through its curve, written to `out`, which may be the image itself."""
    target = np.empty_like(image) if out is None else out
    for band, curve in enumerate(curves):
        target[..., band] = curve[image[..., band]]
    return target


def without_clouds(pixels: Samples, visible: Sequence[int] = (0, 1, 2)) -> npt.NDArray[np.bool_]:
    """Which pixels (n, B) show land or water: those saturated in every visible band are clouds or snow, black ones collars."""
    seen = [band for band in visible if band < pixels.shape[1]]
    darkest, brightest = pixels[:, seen].min(axis=1), pixels[:, seen].max(axis=1)
    return np.asarray((darkest < 245) & (brightest > 0))


def _quantiles(values: Floats, weight: Floats | None = None) -> Floats:
    """Quantiles (B, Q) of a sample (n, B), weighed by `weight` (n,)."""
    if weight is None:
        return np.asarray(np.quantile(values, probabilities(), axis=0).T)
    return np.stack([_weighed(band, weight) for band in values.T])


def _weighed(band: Floats, weight: Floats) -> Floats:
    order = np.argsort(band, kind="stable")
    reached = np.cumsum(weight[order])
    return np.interp(probabilities(), (reached - weight[order] / 2) / reached[-1], band[order])


def _curves(given: Floats, wanted: Floats) -> Floats:
    """Curves (B, 256) from quantiles (B, Q) to quantiles (B, Q)."""
    return np.stack([_curve(one, other) for one, other in zip(given, wanted, strict=True)])


def _lines(given: Floats, wanted: Floats) -> Floats:
    """Straight lines (B, 256) between the tails of quantiles (B, Q): whatever the mix, both samples have some of each end."""
    ends = [1, -2]
    return np.stack([_curve(one[ends], other[ends]) for one, other in zip(given, wanted, strict=True)])


def _curve(given: Floats, wanted: Floats) -> Floats:
    """A curve (256,) from quantile to quantile, within `SLOPES`; beyond the quantiles it rises by 1."""
    levels = np.arange(LEVELS, dtype=np.float64)
    known, position = np.unique(given, return_inverse=True)
    meant = np.bincount(position, weights=wanted) / np.bincount(position)
    curve = np.interp(levels, known, meant) + np.minimum(levels - known[0], 0) + np.maximum(levels - known[-1], 0)
    least, most = SLOPES
    curve = _rising(curve - least * levels) + least * levels
    curve = most * levels - _rising(most * levels - curve)
    return np.asarray(np.clip(curve, 0, LEVELS - 1))


def _rising(values: Floats) -> Floats:
    """The mean of the least rising function above and of the greatest below: it differs only near where values fall."""
    above = np.maximum.accumulate(values)
    below = np.minimum.accumulate(values[::-1])[::-1]
    return np.asarray((above + below) / 2)


def _applied(values: Floats, curves: Floats) -> Floats:
    levels = np.arange(LEVELS)
    return np.stack([np.interp(band, levels, curve) for band, curve in zip(values.T, curves, strict=True)], axis=1)


def _centres(values: Floats, seed: int) -> Floats:
    """Centres (K, B) of the colours of a sample, by k-means."""
    from scipy.cluster.vq import kmeans2

    count = min(KINDS, len(np.unique(values, axis=0)))
    return np.asarray(kmeans2(values, count, minit="++", seed=seed)[0], np.float64).round(2)


def _squares(values: Floats, centres: Floats) -> Floats:
    """Squared distances (n, K) of pixels (n, B) from centres (K, B)."""
    return np.stack([((values - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def _kinds(values: Floats, centres: Floats, variance: float) -> Floats:
    """How much each pixel is of each kind (n, K): that of a mixture of Gaussians of one variance; rows sum to 1."""
    apart = _squares(values, centres)
    likely = np.exp((apart.min(axis=1, keepdims=True) - apart) / (2 * variance))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _weights(values: Floats, reference: Palette) -> Floats:
    """Weights (n,) that give a sample the reference's shares of each kind, within `MOST_WEIGHT`."""
    kinds = _kinds(values, np.array(reference.centres), reference.variance)
    ratio = (np.array(reference.shares) + RARE) / (kinds.mean(axis=0) + RARE)
    return np.asarray(kinds @ np.clip(ratio, 1 / MOST_WEIGHT, MOST_WEIGHT))


def _nested(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.round(2).tolist())
