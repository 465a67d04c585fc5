"""How far a chip is from what a model has learnt from, so that a map can say where the model has never been.

The distance is the cosine distance between the square roots of a chip's features and the nearest of a few hundred centres of
those of the training: deep nearest neighbours on normalised features (Sun et al. 2022, "Out-of-distribution detection with
deep nearest neighbors"), whose bank of samples is thinned by spherical k-means (Dhillon and Modha 2001) to what one matrix
product and a small file can hold. The root keeps a few strong features from drowning what the many weak ones say (Perronnin
et al. 2010, "Improving the Fisher kernel for large-scale image classification"); docs/novelty.md has what else was tried.

Published is not the distance but the share of held-back samples that are nearer, counted as a conformal p-value is (Vovk et
al. 2005; Bates et al. 2023, "Testing for outliers with conformal p-values"): of more ground of the same kind, at most 1 % is
at 0.99 or beyond on average, provided that what was held back is as new to the network as that ground is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from landuse.errors import ModelFileError, UsageError
from landuse.models.arrays import Floats
from landuse.models.safe_arrays import load_arrays

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
POWER = 0.5
"""Power of the features that new models compare; models from before it was kept compare them as they are."""
Labels = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Novelty:
    """What training features look like.

    Attributes:
        centres: float32 (k, D), of length 1, with values that float16 can hold.
        distances: float32 (1001,), sorted: quantiles 0 to 1 of the distances of samples from centres found without them.
        power: of the features, above 0 to 1, before they are brought to length 1.
    """

    centres: Floats
    distances: Floats
    power: float = 1.0

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.centres.shape[1])

    def distance(self, features: Floats) -> Floats:
        """Cosine distance of features (n, D) to the nearest centre: float32 (n,), 0 to 2."""
        return nearest_distance(unit(raised(features, self.power)), self.centres)

    def score(self, features: Floats) -> Floats:
        """Share of held-back training samples that are nearer than each row of features (n, D): float32 (n,), 0 to 1.

        0 is nearer than all of them, 1 farther than all of them; from `FLAG` on the model has hardly seen such ground.
        """
        below = np.searchsorted(self.distances, self.distance(features), side="left")
        return (below / len(self.distances)).astype(np.float32)


def fit_novelty(
    features: Floats, *, held: Floats | None = None, folds: Labels | None = None, seed: int = 0, power: float = POWER
) -> Novelty:
    """What features look like, for `Bundle.novelty`.

    Args:
        features: (n, D), the features of all samples that the head was fitted on, as the shipped network computes them.
        held: (m, D), features of samples of the same kind that neither network nor head has learnt from, to measure distances
            with. Needed where the network has learnt from the samples, whose features then lie nearer than those of new ground.
        folds: (n,), which samples are left out together when distances are measured without `held` (neighbours, or dates of
            one place); None draws five folds at random, which makes near copies among the samples look like familiar ground.
        seed: of the draw and of the first centres.
        power: see `Novelty`.

    Raises:
        UsageError: fewer than two samples, none held, or one fold only.
    """
    if len(features) < 2 or (held is not None and not len(held)):
        raise UsageError("Novelty needs the features of at least two samples, and of one that is held back.")
    rng = np.random.default_rng(seed)
    left_out = rng.permutation(len(features)) % FOLDS if folds is None else np.asarray(folds)
    chosen = np.sort(rng.permutation(len(features))[:MAX_SAMPLES])
    vectors = unit(raised(features[chosen], power))
    if held is None:
        found = cross_distances(vectors, left_out[chosen], rng)
        return Novelty(find_centres(vectors, rng), conformal_levels(found), power)
    centres = find_centres(vectors, rng)
    return Novelty(centres, conformal_levels(nearest_distance(unit(raised(held, power)), centres)), power)


def cross_distances(vectors: Floats, folds: Labels, rng: np.random.Generator) -> Floats:
    """Distance of vectors (n, D) of length 1 to centres found without their fold: float32 (n,)."""
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise UsageError("Novelty needs samples in at least two folds.")
    found = np.empty(len(vectors), np.float32)
    for number in numbers:
        out = folds == number
        found[out] = nearest_distance(vectors[out], find_centres(vectors[~out], rng))
    return found


def conformal_levels(found: Floats) -> Floats:
    """Quantiles 0 to 1 of n distances as split conformal prediction takes them: float32 (1001,), sorted.

    Level q is the distance of rank ceil((n + 1) q), so that a share of at most 1 - q of more such distances lies beyond it on
    average. It takes 99 samples to say so of 1 %; with fewer, what lies beyond all of them counts.
    """
    steps = np.arange(LEVELS)
    ranks = -(-(len(found) + 1) * steps // (LEVELS - 1))
    return np.sort(found)[np.clip(ranks - 1, 0, len(found) - 1)].astype(np.float32)


def neighbours_together(labels: Labels) -> npt.NDArray[np.int64]:
    """Folds of samples of which no place is known, int64 (n,): fifths of each class, in order.

    Files that follow each other often show one place, and drawn at random they would pass for familiar ground.
    """
    folds = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        folds[rows] = np.arange(len(rows)) * FOLDS // len(rows)
    return folds


def raised(features: Floats, power: float) -> Floats:
    """Features (n, D) to a power, each with its own sign."""
    if power == 1:
        return features
    wide = features.astype(np.float32, copy=False)
    raising = np.sqrt(np.abs(wide)) if power == POWER else np.abs(wide) ** np.float32(power)
    return np.asarray(np.copysign(raising, wide), np.float32)


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
    """The arrays as safetensors; the centres as float16. A power of 1 goes without saying."""
    arrays = {"centres": novelty.centres.astype(np.float16), "distances": novelty.distances.astype(np.float32)}
    if novelty.power != 1:
        arrays["power"] = np.array([novelty.power], np.float32)
    data: bytes = save(arrays)
    return data


def packed_room(features: int) -> int:
    """The most bytes that packed arrays for D features need, their header apart."""
    return 2 * MAX_CENTRES * features + 4 * LEVELS + 4


def unpack(data: bytes, features: int, where: str) -> Novelty:
    """Arrays of unknown origin. Raises `ModelFileError` where they are not sound or not for this number of features."""
    arrays = load_arrays(data, where)
    power = arrays.pop("power", np.ones(1, np.float32))
    if arrays.keys() != {"centres", "distances"}:
        raise ModelFileError(f"{where} does not hold centres and distances: get the model file again.")
    centres, distances = arrays["centres"], arrays["distances"]
    if centres.dtype != np.float16 or centres.ndim != 2 or centres.shape[1] != features:
        raise ModelFileError(f"{where}: the centres are {centres.dtype} {centres.shape}, not float16 (k, {features}).")
    if not 1 <= len(centres) <= MAX_CENTRES or distances.dtype != np.float32 or distances.shape != (LEVELS,):
        raise ModelFileError(f"{where} does not hold 1 to {MAX_CENTRES} centres and {LEVELS} distances.")
    if not (np.isfinite(centres).all() and np.isfinite(distances).all() and (np.diff(distances) >= 0).all()):
        raise ModelFileError(f"{where} holds values that are not finite, or distances that are not sorted.")
    if power.dtype != np.float32 or power.shape != (1,) or not 0 < power[0] <= 1:
        raise ModelFileError(f"{where} holds a power of features that is not one number above 0 to 1.")
    return Novelty(centres.astype(np.float32), distances, float(power[0]))
