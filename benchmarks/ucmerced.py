"""Accuracy on UC Merced, 21 classes: `python -m benchmarks.ucmerced DIR --weights squeezenet.h5 [--backbones builtin]`.

DIR holds a folder a class (Yang and Newsam 2010). For each seed a fifth of every class is held back; the strength of the
head's penalty is chosen by five folds of the other four fifths, and the head is then fitted on these. No image held back is
seen before.
"""

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from landuse.models.heads_linear import fit_logistic
from landuse.options.training import HoldoutOptions, TrainOptions
from landuse.stages.train import samples_for
from landuse.training.backbone import backbone_bundle
from landuse.training.samples import Samples
from landuse.training.split import folds, split

STRENGTHS = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
HELD_OUT = 0.2


def samples_of(folder: Path, backbone: str, weights: Path | None) -> Samples:
    """Features of every image; those computed before are taken from the cache."""
    options = TrainOptions(backbone=backbone, weights=None if weights is None else str(weights))
    return samples_for([folder], backbone_bundle(backbone, options.weights, 0), options)


def right(train: Samples, test: Samples, strength: float) -> float:
    """Share of the test samples that a head fitted on the others classifies rightly."""
    head = fit_logistic(train.features, train.positions, class_count=len(train.legend), C=strength)
    return float((head.scores(test.features).argmax(axis=1) == test.positions).mean())


def chosen(samples: Samples, seed: int) -> float:
    """The strength that is best over five folds of the training side."""
    parts = folds(samples.layout, 5, HoldoutOptions(seed=seed))
    means = [np.mean([right(samples.take(p.train), samples.take(p.test), c) for p in parts]) for c in STRENGTHS]
    return STRENGTHS[int(np.argmax(means))]


def measure(samples: Samples, seed: int) -> tuple[float, float]:
    """Accuracy on the images held back, and the strength chosen without them."""
    parts = split(samples.layout, HoldoutOptions(holdout=HELD_OUT, seed=seed))
    train, test = samples.take(parts.train), samples.take(parts.test)
    strength = chosen(train, seed)
    return right(train, test, strength), strength


def main() -> None:
    """Print a line a backbone: its accuracy for each seed, mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="ImageNet weights of SqueezeNet 1.1 in Keras' layout (.h5)")
    parser.add_argument("--backbones", nargs="+", default=["squeezenet", "builtin"])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for backbone in given.backbones:
        samples = samples_of(given.folder, backbone, given.weights if backbone == "squeezenet" else None)
        with threadpool_limits(1, "blas"):  # several threads wait for each other for longer than such fits take
            found = [measure(samples, seed) for seed in range(given.seeds)]
        rates = np.array([rate for rate, _ in found])
        each = ", ".join(f"{rate:.1%} (C {strength:g})" for rate, strength in found)
        print(f"{backbone}: {rates.mean():.2%} +- {rates.std(ddof=1):.2%} of {len(samples)} images, {each}", flush=True)


if __name__ == "__main__":
    main()
