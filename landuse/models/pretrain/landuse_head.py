"""The land-use head: fitted on images and on made scenes, calibrated and measured on images that nothing learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landuse.accuracy.metrics import calibration_error
from landuse.legend import Legend
from landuse.models.arrays import Floats, Images
from landuse.models.heads import LogisticHead, balanced_weights, calibrate
from landuse.models.pretrain.features import Extract
from landuse.models.pretrain.images import ImageSet, Ints, Mask
from landuse.models.pretrain.probe import fit_quickly
from landuse.models.pretrain.scenes import Scenery, scenery_of

VIEWS_A_CLASS = 120
HELD_VIEWS_A_CLASS = 25
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
        features: float32 (n, D), what it was fitted on.
        held: float32 (m, D), the same kinds of views of images that neither it nor the backbone has learnt from.
    """

    head: LogisticHead
    metrics: Mapping[str, float]
    features: Floats
    held: Floats


@dataclass(frozen=True)
class Seen:
    """The images, and what the shipped network sees in them as they are: float32 (n, D)."""

    source: ImageSet
    features: Floats

    def rows(self, chosen: Mask, codes: list[int]) -> tuple[Floats, Ints]:
        """Features and classes of the chosen images whose class is in `codes` (index by class folder, -1 for none)."""
        labels = np.array([*codes, -1])[self.source.labels]
        keep = chosen & (labels >= 0)
        return self.features[keep], labels[keep]


def crosswalk(names: tuple[str, ...], legend: Legend) -> list[int]:
    """Index in the legend of each class folder, -1 where the legend leaves it out."""
    index = {code: i for i, code in enumerate(legend.codes)}
    return [index.get(legend.code_of(name), -1) for name in names]


def fit_landuse_head(seen: Seen, legend: Legend, extract: Extract, seed: int) -> FittedHead:
    """Fit on images that may be learnt from and on scenes made of them; calibrate on half of the held-out; measure on the rest.

    Images and scenes weigh the same; in each, every class weighs the same, but for `RARE`.
    """
    source, codes = seen.source, crosswalk(seen.source.names, legend)
    rng = np.random.default_rng([seed, 3])
    odd = np.arange(len(source.labels)) % 2 == 1
    scenes, scene_labels = _draw(source, ~source.held_out, legend, VIEWS_A_CLASS, rng)
    plain, plain_labels = seen.rows(~source.held_out, codes)
    rare = np.array([RARE.get(name, 1.0) for name in legend.names])
    features = np.concatenate([extract(scenes), plain])
    labels = np.concatenate([scene_labels, plain_labels])
    parts = [balanced_weights(part, len(legend)) / len(part) for part in (scene_labels, plain_labels)]
    weight = np.concatenate(parts) * rare[labels]
    weight *= len(weight) / weight.sum()
    head = fit_quickly(features, labels, class_count=len(legend), penalty=PENALTY, sample_weight=weight)
    tuning, tuning_labels = _draw(source, source.held_out & odd, legend, HELD_VIEWS_A_CLASS, rng)
    tuned = extract(tuning)
    head = calibrate(head, tuned, tuning_labels)
    apart = np.concatenate([tuned, seen.rows(source.held_out & odd, codes)[0]])
    judged, judged_labels = _draw(source, source.held_out & ~odd, legend, HELD_VIEWS_A_CLASS, rng)
    images, image_labels = seen.rows(source.held_out & ~odd, codes)
    measured = figures("images", head.apply(images), image_labels)
    measured |= figures("scenes", head.apply(extract(judged)), judged_labels)
    return FittedHead(head, measured, features, apart)


def fit_class_head(seen: Seen, spoilt: Floats, penalty: float) -> FittedHead:
    """The head for the class folders themselves.

    Args:
        seen: images with their features.
        spoilt: float32 (n, D), features of a spoilt copy of every image, which is learnt from as well.
        penalty: inverse strength of the penalty.
    """
    source, codes = seen.source, list(range(len(seen.source.names)))
    odd = np.arange(len(source.labels)) % 2 == 1
    plain, labels = seen.rows(~source.held_out, codes)
    copies, _ = Seen(source, spoilt).rows(~source.held_out, codes)
    features = np.concatenate([plain, copies])
    head = fit_quickly(features, np.tile(labels, 2), class_count=len(codes), penalty=penalty)
    tuning = [Seen(source, of).rows(source.held_out & odd, codes) for of in (seen.features, spoilt)]
    apart, apart_labels = (np.concatenate(parts) for parts in zip(*tuning, strict=True))
    head = calibrate(head, apart, apart_labels)
    images, image_labels = seen.rows(source.held_out & ~odd, codes)
    copies, copy_labels = Seen(source, spoilt).rows(source.held_out & ~odd, codes)
    measured = figures("images", head.apply(images), image_labels)
    return FittedHead(head, measured | figures("spoilt", head.apply(copies), copy_labels), features, apart)


def _draw(
    source: ImageSet, chosen: npt.NDArray[np.bool_], legend: Legend, each: int, rng: np.random.Generator
) -> tuple[Images, Ints]:
    """`each` scenes of every class of the legend."""
    index = {name: i for i, name in enumerate(legend.names)}
    scenery: Scenery = scenery_of(source, chosen, crosswalk(source.names, legend), index)
    labels = np.repeat(np.arange(len(legend)), each)
    return np.stack([scenery.render(int(label), rng) for label in labels]), labels


def figures(what: str, probabilities: Floats, labels: Ints) -> dict[str, float]:
    """Accuracy, mean recall of the classes and expected calibration error."""
    found = probabilities.argmax(axis=1)
    recall = [float((found == labels)[labels == label].mean()) for label in np.unique(labels)]
    return {
        f"{what}_accuracy": round(float((found == labels).mean()), 4),
        f"{what}_mean_recall": round(float(np.mean(recall)), 4),
        f"{what}_ece": round(calibration_error(labels, found, probabilities.astype(np.float64)) or 0.0, 4),
        f"{what}_n": float(len(labels)),
    }
