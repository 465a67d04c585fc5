"""What the features of the chips that a model learnt from are like: their main components, and their spread class by class.

Components are few numbers by which one place is told from another. The spread is for other surveys: light, season and camera
move features in ways that no curve a band takes back. So each feature's mean and deviation over another survey are brought to
those that the training survey would have with the mix of classes that the head finds in the other one: as in adaptive batch
normalisation (Li et al. 2017), but at the mix found, so that more water is no darker light. The mix depends on the result, and
so this is done in rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from landuse.models.heads import DenseHead, Labels
from landuse.models.libraries import Floats, Shape
from landuse.models.safe_files import load_arrays, read_arrays

MOST_COMPONENTS = 32
"""Kept of each chip: 24 to 48 served alike where they were compared (docs/change.md)."""
MOST_CHIPS = 20_000
TINY = 1e-6
STEP, NONE = 16, 128
"""Steps of a byte in a standard deviation, and the byte that stands for 0. The byte 0 stands for no components."""
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Components:
    """From D features to M principal components, which have a deviation of 1 over the chips that they were learnt from.

    Attributes:
        mean: float32 (D,).
        axes: float32 (D, M).
    """

    mean: Floats
    axes: Floats

    @classmethod
    def of(cls, features: Floats) -> Components | None:
        """Those of chips: features (n, D), each brought to a deviation of 1 first. None where all chips are alike."""
        from sklearn.utils.extmath import randomized_svd

        some = features[:: 1 + len(features) // MOST_CHIPS].astype(np.float64)
        mean, deviation = some.mean(axis=0), some.std(axis=0)
        scale = np.where(deviation > TINY, 1 / np.maximum(deviation, TINY), 0.0)
        most = min(MOST_COMPONENTS, len(some) - 1, some.shape[1])
        if most < 1 or not scale.any():
            return None
        _, strengths, axes = randomized_svd((some - mean) * scale, most, random_state=0)
        good = strengths > TINY * strengths[0]
        spread = strengths[good] / np.sqrt(len(some))
        return cls(mean.astype(np.float32), (scale[:, None] * axes[good].T / spread).astype(np.float32))

    @property
    def count(self) -> int:
        """M."""
        return int(self.axes.shape[1])

    def apply(self, features: Floats) -> Floats:
        """Components (n, M) of features (n, D)."""
        return np.asarray((features - self.mean) @ self.axes, np.float32)

    def pack(self) -> bytes:
        """The arrays as safetensors."""
        arrays = {name: np.ascontiguousarray(values) for name, values in asdict(self).items()}  # else they are mixed up
        data: bytes = save(arrays)
        return data

    @classmethod
    def unpack(cls, data: bytes, features: int, where: str) -> Components:
        """Arrays of unknown origin. Raises `ModelFileError` where they are not finite or do not fit so many features."""
        axes = load_arrays(data, where).get("axes")
        count = axes.shape[1] if axes is not None and axes.ndim == 2 else 0
        return cls(**read_arrays(data, {"mean": (features,), "axes": (features, count)}, where))


def largest_shapes(features: int) -> Mapping[str, Shape]:
    """The largest shapes that are packed."""
    return {"mean": (features,), "axes": (features, MOST_COMPONENTS)}


def to_bytes(components: Floats) -> Bytes:
    """Components as a raster keeps them: in sixteenths of a deviation, up to eight to either side; 0 where they are NaN."""
    steps = np.clip(np.rint(components * STEP) + NONE, 1, 255)
    return np.where(np.isnan(components), 0, steps).astype(np.uint8)


def from_bytes(values: Bytes) -> Floats:
    """The components of `to_bytes`."""
    return np.where(values == 0, np.float32(np.nan), (values.astype(np.float32) - NONE) / STEP)


ROUNDS = 6
FEWEST = 32
"""Chips of a survey from which on its features are trusted to show a mean and a deviation."""
MOST_APART = 0.25
"""Most that the mix found may differ from the training survey's (`SurveyFeatures.apart`): a lake alone is no other light."""
RATIOS = (1 / 3, 3.0)
"""Least and most that a feature is stretched."""
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurveyFeatures:
    """The features of a survey, class by class.

    Attributes:
        means: float32 (K, D), mean of each feature in each class; 0 in a class without chips.
        deviations: float32 (K, D), standard deviation likewise.
        shares: float32 (K,), share of the chips that are of each class; they sum to 1.
    """

    means: Floats
    deviations: Floats
    shares: Floats

    @classmethod
    def of(cls, features: Floats, labels: Labels, class_count: int) -> SurveyFeatures:
        """Those of chips: features (n, D), and class indices (n,) from 0 to K - 1."""
        means, deviations = np.zeros((2, class_count, features.shape[1]), np.float32)
        for label in np.unique(labels):
            of_class = features[labels == label].astype(np.float64)
            means[label], deviations[label] = of_class.mean(axis=0), of_class.std(axis=0)
        shares = np.bincount(labels, minlength=class_count) / len(labels)
        return cls(means, deviations, shares.astype(np.float32))

    def expected(self, mix: Numbers) -> tuple[Numbers, Numbers]:
        """Mean and deviation (D,) of each feature over a survey with shares (K,) of the classes."""
        mean = mix @ self.means
        return mean, np.sqrt(mix @ (self.deviations.astype(np.float64) ** 2 + (self.means - mean) ** 2))

    def apart(self, mix: Numbers) -> float:
        """How far shares (K,) of the classes are from this survey's: 0 to 1, the share that would have to change its class."""
        return float(np.abs(mix - self.shares).sum() / 2)

    def pack(self) -> bytes:
        """The arrays as safetensors."""
        data: bytes = save({"means": self.means, "deviations": self.deviations, "shares": self.shares})
        return data

    @classmethod
    def unpack(cls, data: bytes, shapes: Mapping[str, Shape], where: str) -> SurveyFeatures:
        """Arrays of unknown origin. Raises `ModelFileError` where they are not finite or not of these shapes."""
        return cls(**read_arrays(data, shapes, where))


def shapes_of(features: int, classes: int) -> Mapping[str, Shape]:
    """Shape of each array of a head's survey."""
    return {"means": (classes, features), "deviations": (classes, features), "shares": (classes,)}


def head_for(head: DenseHead, learnt: SurveyFeatures, features: Floats) -> DenseHead | None:
    """The head for a survey whose features are others than those it learnt from.

    Args:
        head: plain logistic regression of D features and K classes.
        features: float32 (n, D), of chips spread over the other survey.

    Returns:
        The head with other means and scales; None from fewer than `FEWEST` chips, and where the mix of classes, before or
        after, is farther than `MOST_APART` from the training survey's: then it is the land that differs.
    """
    mix = _mix(head, features)
    if len(features) < FEWEST or learnt.apart(mix) > MOST_APART:
        return None
    found = head
    for _ in range(ROUNDS):
        found = _brought(head, features, *learnt.expected(mix))
        mix = _mix(found, features)
    return found if learnt.apart(mix) <= MOST_APART else None


def _mix(head: DenseHead, features: Floats) -> Numbers:
    """The shares (K,) of the classes that a head expects among chips."""
    return np.asarray(head.apply(features).mean(axis=0, dtype=np.float64))


def _brought(head: DenseHead, features: Floats, mean: Numbers, deviation: Numbers) -> DenseHead:
    """The head that sees features (n, D) as if they had this mean and deviation (D,)."""
    centre, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    ratio = np.clip((deviation + TINY) / (spread + TINY), *RATIOS)
    return replace(
        head,
        mean=(centre + (head.mean - mean) / ratio).astype(np.float32),
        scale=(head.scale / ratio).astype(np.float32),
    )
