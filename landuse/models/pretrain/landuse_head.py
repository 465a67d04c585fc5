"""The land-use head: fitted on made scenes, calibrated and measured on images that nothing learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.legend import Legend
from landuse.models.arrays import Floats, Images
from landuse.models.heads import LogisticHead, calibrate, fit_logistic
from landuse.models.pretrain.images import ImageSet
from landuse.models.pretrain.scenes import Scenery, scenery_of
from landuse.models.pretrain.views import resize

Extract = Callable[[Images], Floats]
"""Features (n, D) of uint8 images (n, 224, 224, 3)."""

VIEWS_A_CLASS = 240
HELD_VIEWS_A_CLASS = 40
PENALTY = 0.001
"""Inverse strength of the penalty. Weaker ones fit the made scenes better and real surveys worse."""
RARE = {"Water": 0.4, "Barren": 0.4}
"""Weight of classes that would otherwise be seen in every smooth dark or pale field; chosen on one 5 m survey."""


@dataclass(frozen=True)
class FittedHead:
    """A head, and what is known of it.

    Attributes:
        head: calibrated.
        metrics: figures on held-out images, by name.
    """

    head: LogisticHead
    metrics: Mapping[str, float]


def crosswalk(names: tuple[str, ...], legend: Legend) -> list[int]:
    """Index in the legend of each class folder, -1 where the legend leaves it out."""
    index = {code: i for i, code in enumerate(legend.codes)}
    return [index.get(legend.code_of(name), -1) for name in names]


def fit_landuse_head(source: ImageSet, legend: Legend, extract: Extract, seed: int) -> FittedHead:
    """Fit on views of images that may be learnt from; calibrate on half of the held-out ones; measure on the rest.

    Every class has the same number of views and, but for `RARE`, the same weight.
    """
    rng = np.random.default_rng([seed, 3])
    odd = np.arange(len(source.labels)) % 2 == 1
    views = _draw(source, ~source.held_out, legend, VIEWS_A_CLASS, rng)
    weight = np.array([RARE.get(name, 1.0) for name in legend.names])[views.labels]
    features = extract(views.images)
    head = fit_logistic(features, views.labels, class_count=len(legend), C=PENALTY, sample_weight=weight)
    tuning = _draw(source, source.held_out & odd, legend, HELD_VIEWS_A_CLASS, rng)
    head = calibrate(head, extract(tuning.images), tuning.labels)
    judged = _draw(source, source.held_out & ~odd, legend, HELD_VIEWS_A_CLASS, rng)
    plain = _plain(source, source.held_out & ~odd, legend)
    return FittedHead(
        head,
        _figures("images", head.apply(extract(plain.images)), plain.labels)
        | _figures("scenes", head.apply(extract(judged.images)), judged.labels),
    )


@dataclass(frozen=True)
class _Views:
    images: Images
    labels: npt.NDArray[np.int64]


def _draw(
    source: ImageSet, chosen: npt.NDArray[np.bool_], legend: Legend, each: int, rng: np.random.Generator
) -> _Views:
    """`each` scenes of every class of the legend."""
    index = {name: i for i, name in enumerate(legend.names)}
    scenery: Scenery = scenery_of(source, chosen, crosswalk(source.names, legend), index)
    labels = np.repeat(np.arange(len(legend)), each)
    return _Views(np.stack([scenery.render(int(label), rng) for label in labels]), labels)


def _plain(source: ImageSet, chosen: npt.NDArray[np.bool_], legend: Legend) -> _Views:
    """The chosen images of the legend's classes, as they are, at 224 px."""
    labels = np.array([*crosswalk(source.names, legend), -1])[source.labels]
    keep = chosen & (labels >= 0)
    return _Views(np.stack([resize(image, 224) for image in source.images[keep]]), labels[keep])


def _figures(what: str, probabilities: Floats, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, mean recall of the classes and expected calibration error (15 bins; Guo et al. 2017)."""
    right = probabilities.argmax(axis=1) == labels
    recall = [float(right[labels == label].mean()) for label in np.unique(labels)]
    return {
        f"{what}_accuracy": round(float(right.mean()), 4),
        f"{what}_mean_recall": round(float(np.mean(recall)), 4),
        f"{what}_ece": round(calibration_error(probabilities.max(axis=1), right), 4),
        f"{what}_n": float(len(labels)),
    }


def calibration_error(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over equal bins, weighted by count."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[place == b].sum() - right[place == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(right))
