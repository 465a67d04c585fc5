"""The land-use head: fitted on views of many kinds, calibrated and measured on images that nothing learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from landuse.evaluation.metrics import calibration_error
from landuse.legend import Legend
from landuse.models.arrays import Floats
from landuse.models.heads import LogisticHead, calibrate
from tools.pretrain.features import Extract
from tools.pretrain.images import ImageSet, Ints, Mask
from tools.pretrain.kinds import Part, image_views, lake_views, scene_views
from tools.pretrain.probe import fit_quickly
from tools.pretrain.water import Lakes

SHARES = {"plain": 0.5, "spoilt": 0.5, "coarse": 1.0, "far": 2.0, "scenes": 1.0, "lakes": 0.5}
"""How much each kind of view weighs; `kinds` says what they are, docs/backbone.md how they were chosen."""
NEVER_MADE = ("plain", "spoilt", "coarse", "far")
"""Kinds that a head is fitted on whose confidence is then judged by scenes, a kind that it does not know."""
SCENES_A_CLASS = 100
HELD_SCENES_A_CLASS = 25
PENALTY = 0.003
"""Inverse strength of the penalty."""


@dataclass(frozen=True)
class FittedHead:
    """A head, and what is known of it.

    Attributes:
        head: calibrated.
        metrics: figures on held-out images, by name.
    """

    head: LogisticHead
    metrics: Mapping[str, float]


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


@dataclass(frozen=True)
class Learnt:
    """Features (n, D) of views of one kind, their classes, and how much each weighs."""

    features: Floats
    part: Part
    weight: npt.NDArray[np.float64]


def fit_landuse_head(seen: Seen, legend: Legend, extract: Extract, lakes: Lakes | None, seed: int) -> FittedHead:
    """Fit on views of what may be learnt from, calibrate on views of half of the held-out images, measure on the others.

    The temperature is the geometric mean of its own on those views and of that of a second head on their scenes, which is
    fitted without scenes and lakes: what the second makes of scenes is what the first will make of ground of yet another kind.
    """
    source, codes = seen.source, np.array([*crosswalk(seen.source.names, legend), -1])
    odd, rng = np.arange(len(source.labels)) % 2 == 1, np.random.default_rng([seed, 3])
    learnt = {name: _learn(name, part, seen, extract) for name, part in _parts(seen, legend, lakes, rng).items()}
    head = _fit(list(learnt.values()), len(legend))
    narrow = _fit([learnt[name] for name in NEVER_MADE], len(legend))
    halves = source.held_out & odd, source.held_out & ~odd
    tuning, judged = (scene_views(source, half, codes[:-1], legend, HELD_SCENES_A_CLASS, rng) for half in halves)
    coarser = [image_views(source, _rows(source, codes, half), codes, "coarse", rng) for half in halves]
    scenes, coarse = extract(tuning.images), extract(coarser[0].images)
    strange = calibrate(narrow, scenes, tuning.labels).temperature
    plain, plain_labels = seen.rows(halves[0], list(codes[:-1]))
    held = np.concatenate([scenes, coarse, plain])
    own = calibrate(head, held, np.concatenate([tuning.labels, coarser[0].labels, plain_labels])).temperature
    head = replace(head, temperature=float(np.sqrt(own * strange)))
    images, image_labels = seen.rows(halves[1], list(codes[:-1]))
    measured = figures("images", head.apply(images), image_labels)
    for name, part in (("coarse", coarser[1]), ("scenes", judged)):
        measured |= figures(name, head.apply(extract(part.images)), part.labels)
    return FittedHead(head, measured)


def _parts(seen: Seen, legend: Legend, lakes: Lakes | None, rng: np.random.Generator) -> dict[str, Part]:
    """Views of each kind of what may be learnt from."""
    source, codes = seen.source, np.array([*crosswalk(seen.source.names, legend), -1])
    rows = _rows(source, codes, ~source.held_out)
    parts = {kind: image_views(source, rows, codes, kind, rng) for kind in NEVER_MADE}
    parts["scenes"] = scene_views(source, ~source.held_out, codes[:-1], legend, SCENES_A_CLASS, rng)
    return parts | ({"lakes": lake_views(lakes, legend, rng)} if lakes else {})


def _rows(source: ImageSet, codes: Ints, chosen: Mask) -> Ints:
    """Chosen images whose class has a code."""
    return np.flatnonzero(chosen & (codes[source.labels] >= 0))


def _learn(name: str, part: Part, seen: Seen, extract: Extract) -> Learnt:
    """The features of a part; those of plain images are known."""
    features = seen.features[part.rows] if name == "plain" else extract(part.images)
    return Learnt(features, part, part.weight * SHARES[name])


def _fit(learnt: Sequence[Learnt], class_count: int) -> LogisticHead:
    weight = np.concatenate([found.weight for found in learnt])
    return fit_quickly(
        np.concatenate([found.features for found in learnt]),
        np.concatenate([found.part.labels for found in learnt]),
        class_count=class_count,
        penalty=PENALTY,
        sample_weight=weight * len(weight) / weight.sum(),
    )


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
    return FittedHead(head, measured | figures("spoilt", head.apply(copies), copy_labels))


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
