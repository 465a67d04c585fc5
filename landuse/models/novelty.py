"""How far a chip is from what a model has learnt from, so that a map can say where the model has never been.

The distance is the cosine distance between a chip's features and the nearest of a few hundred centres of the training
features: deep nearest neighbours on normalised features (Sun et al. 2022, "Out-of-distribution detection with deep nearest
neighbors"), whose bank of samples is thinned by spherical k-means (Dhillon and Modha 2001) to what one matrix product and a
small file can hold. Published is not the distance but the share of held-back training samples that are nearer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from landuse.errors import ModelFileError, UsageError
from landuse.models.arrays import Floats

FLAG = 0.99
"""From this share on the model has hardly seen such ground: it is farther than all but 1 % of the training samples."""
CENTRES = 256
MAX_CENTRES = 1024
LEVELS = 1001
FOLDS = 5
STEPS = 10
SAMPLES_A_CENTRE = 4
MAX_SAMPLES = 10_000
"""Samples that are looked at, drawn at random; more do not move 256 centres, and take minutes."""
TINY = 1e-12
Labels = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Novelty:
    """What training features look like.

    Attributes:
        centres: float32 (k, D), of length 1, with values that float16 can hold.
        distances: float32 (1001,), sorted: quantiles 0 to 1 of the distances of samples from centres found without them.
    """

    centres: Floats
    distances: Floats

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.centres.shape[1])

    def distance(self, features: Floats) -> Floats:
        """Cosine distance of features (n, D) to the nearest centre: float32 (n,), 0 to 2."""
        return nearest_distance(unit(features), self.centres)

    def score(self, features: Floats) -> Floats:
        """Share of held-back training samples that are nearer than each row of features (n, D): float32 (n,), 0 to 1.

        0 is nearer than all of them, 1 farther than all of them; from `FLAG` on the model has hardly seen such ground.
        """
        below = np.searchsorted(self.distances, self.distance(features), side="left")
        return (below / len(self.distances)).astype(np.float32)


def fit_novelty(features: Floats, *, folds: Labels | None = None, seed: int = 0) -> Novelty:
    """What features look like, for `Bundle.novelty`.

    Args:
        features: (n, D), the features of all samples that the head was fitted on, as the shipped network computes them.
        folds: (n,), which samples are left out together when distances are measured (neighbours, or dates of one place);
            None draws five folds at random, which makes near copies among the samples look like familiar ground.
        seed: of the draw and of the first centres.

    Raises:
        UsageError: fewer than two samples, or one fold only.
    """
    if len(features) < 2:
        raise UsageError("Novelty needs the features of at least two samples.")
    rng = np.random.default_rng(seed)
    left_out = rng.permutation(len(features)) % FOLDS if folds is None else np.asarray(folds)
    chosen = np.sort(rng.permutation(len(features))[:MAX_SAMPLES])
    vectors, left_out = unit(features[chosen]), left_out[chosen]
    numbers = np.unique(left_out)
    if len(numbers) < 2:
        raise UsageError("Novelty needs samples in at least two folds.")
    held = np.empty(len(vectors), np.float32)
    for number in numbers:
        out = left_out == number
        held[out] = nearest_distance(vectors[out], find_centres(vectors[~out], rng))
    levels = np.quantile(held, np.linspace(0, 1, LEVELS)).astype(np.float32)
    return Novelty(find_centres(vectors, rng), levels)


def unit(features: Floats) -> Floats:
    """Features (n, D) at length 1; a vector of zeros stays one. A value that is not finite makes its row not finite."""
    wide = features.astype(np.float32, copy=False)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    scaled: Floats = (wide / np.maximum(lengths, TINY)).astype(np.float32)
    return scaled


def nearest_distance(vectors: Floats, centres: Floats) -> Floats:
    """Cosine distance of vectors (n, D) of length 1 to the nearest centre (k, D): float32 (n,), 0 to 2."""
    nearest: Floats = np.clip(1 - (vectors @ centres.T).max(axis=1), 0, 2).astype(np.float32)
    return nearest


def find_centres(vectors: Floats, rng: np.random.Generator) -> Floats:
    """Centres (k, D) of vectors of length 1 by spherical k-means, one to four samples and at most 256."""
    count = int(np.clip(len(vectors) // SAMPLES_A_CENTRE, 1, CENTRES))
    centres = vectors[rng.choice(len(vectors), count, replace=False)]
    for _ in range(STEPS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        order = np.argsort(nearest, kind="stable")
        filled, starts = np.unique(nearest[order], return_index=True)
        centres[filled] = unit(np.add.reduceat(vectors[order], starts, axis=0))
    return centres.astype(np.float16).astype(np.float32)


def pack(novelty: Novelty) -> bytes:
    """The arrays as safetensors; the centres as float16."""
    data: bytes = save(
        {"centres": novelty.centres.astype(np.float16), "distances": novelty.distances.astype(np.float32)}
    )
    return data


def packed_room(features: int) -> int:
    """The most bytes that packed arrays for D features need, their header apart."""
    return 2 * MAX_CENTRES * features + 4 * LEVELS


def unpack(data: bytes, features: int, where: str) -> Novelty:
    """Arrays of unknown origin. Raises `ModelFileError` where they are not sound or not for this number of features."""
    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"{where} is damaged: get the model file again.") from error
    if arrays.keys() != {"centres", "distances"}:
        raise ModelFileError(f"{where} does not hold centres and distances: get the model file again.")
    centres, distances = arrays["centres"], arrays["distances"]
    if centres.dtype != np.float16 or centres.ndim != 2 or centres.shape[1] != features:
        raise ModelFileError(f"{where}: the centres are {centres.dtype} {centres.shape}, not float16 (k, {features}).")
    if not 1 <= len(centres) <= MAX_CENTRES or distances.dtype != np.float32 or distances.shape != (LEVELS,):
        raise ModelFileError(f"{where} does not hold 1 to {MAX_CENTRES} centres and {LEVELS} distances.")
    if not (np.isfinite(centres).all() and np.isfinite(distances).all() and (np.diff(distances) >= 0).all()):
        raise ModelFileError(f"{where} holds values that are not finite, or distances that are not sorted.")
    return Novelty(centres.astype(np.float32), distances)
