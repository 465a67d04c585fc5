"""Weights between two networks of one shape."""

from __future__ import annotations

from landuse.models.arrays import Weights


def between(start: Weights, tuned: Weights, share: float) -> Weights:
    """`share` of the way from `start` to `tuned`, weight by weight (WiSE-FT: Wortsman et al. 2022, arXiv:2109.01903)."""
    return {name: ((1 - share) * start[name] + share * array).astype(array.dtype) for name, array in tuned.items()}
