"""How features of a dense grid differ from those of chips by themselves, and how they are brought to them.

A chip ends in padding, a window of ground does not, so each feature of a window has another level and another spread than the
head has learnt. For each feature a line is fitted by least squares from pairs: the same chip by itself, and in the ground
around it. It is a property of the backbone and its imagery, whatever the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from safetensors.numpy import save

from landuse.errors import ModelFileError
from landuse.models.arrays import Floats
from landuse.models.safe_arrays import load_arrays

TINY = 1e-9
FEWEST = 16
"""Pairs that are needed at least; with 64, four of five answers that differ become the same on the sample data."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """A line for each feature.

    Attributes:
        factor: float32 (D,).
        offset: float32 (D,).
    """

    factor: Floats
    offset: Floats


def fit_alignment(dense: Floats, alone: Floats) -> Alignment | None:
    """Lines from features (n, D) of chips in their ground to those of the same chips alone; None from too few pairs.

    A feature that does not vary keeps its spread and is moved only. A feature is never turned around.
    """
    if len(dense) < FEWEST:
        return None
    wide, goal = dense.astype(np.float64), alone.astype(np.float64)
    centre, middle = wide.mean(axis=0), goal.mean(axis=0)
    variance = wide.var(axis=0)
    slope = ((wide - centre) * (goal - middle)).mean(axis=0) / np.maximum(variance, TINY)
    factor = np.where(variance > TINY, np.maximum(slope, 0.0), 1.0)
    return Alignment(factor.astype(np.float32), (middle - factor * centre).astype(np.float32))


def pack_alignment(alignment: Alignment) -> bytes:
    """The arrays as safetensors."""
    data: bytes = save({"factor": alignment.factor, "offset": alignment.offset})
    return data


def alignment_room(features: int) -> int:
    """The most bytes that packed arrays for D features need, their header apart."""
    return 8 * features


def unpack_alignment(data: bytes, features: int, where: str) -> Alignment:
    """Arrays of unknown origin. Raises `ModelFileError` where they are not sound or not for this number of features."""
    arrays = load_arrays(data, where)
    if arrays.keys() != {"factor", "offset"}:
        raise ModelFileError(f"{where} does not hold a factor and an offset: get the model file again.")
    for name, array in arrays.items():
        if array.dtype != np.float32 or array.shape != (features,) or not np.isfinite(array).all():
            raise ModelFileError(f"{where}: the {name} is no {features} finite numbers of float32.")
    return Alignment(arrays["factor"], arrays["offset"])
