"""What the features of a training survey are like, class by class; and the head that answers for another survey's.

Light, season and camera move features in ways that no curve a band takes back. So each feature's mean and deviation over
another survey are brought to those that the training survey would have with the mix of classes that the head finds in the other
one: as in adaptive batch normalisation (Li et al. 2017), but at the mix found, so that more water is no darker light.
The mix found depends on the result, and so this is done in rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from landuse.models.heads import DenseHead, Labels
from landuse.models.libraries import Floats, Shape
from landuse.models.safe_files import read_arrays

ROUNDS = 6
FEWEST = 32
"""Chips of a survey from which on its features are trusted to show a mean and a deviation."""
MOST_APART = 0.25
"""Most that the mix found may differ from the training survey's (`SurveyFeatures.apart`): a lake alone is no other light."""
RATIOS = (1 / 3, 3.0)
"""Least and most that a feature is stretched."""
TINY = 1e-6
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
