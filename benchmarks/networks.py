"""Models to measure with: ResNet50 with random weights and a random head. How good it is plays no part in how fast it is.

`python -m benchmarks.networks FILE [--backbone resnet50] [--head 0] [--int8]` writes one. With --int8 it can be run in 8 bits
too; how well it then agrees with itself was not measured, as with random weights that would mean nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.imagery import CHIP, crops
from landuse.legend import load_legend
from landuse.models.architectures import find_architecture
from landuse.models.backbone import Backbone
from landuse.models.bundle import Bundle, write_bundle
from landuse.models.heads import logistic
from landuse.models.keras_backbone import named_backbone
from landuse.models.quantisation import measure, unmeasured

HEAD_SPREAD = 0.05
MEASURED = 16


def random_bundle(backbone: str = "resnet50", head_seed: int = 0) -> Bundle:
    """A model with random weights; bundles that differ in `head_seed` alone share their backbone."""
    made, legend = random_backbone(backbone), load_legend("landuse7")
    features, classes = made.features, len(legend)
    weight = np.random.default_rng(head_seed).normal(0, HEAD_SPREAD, (features, classes)).astype(np.float32)
    zeros = np.zeros(features, np.float32)
    head = logistic(weight, np.zeros(classes, np.float32), zeros, zeros + 1)
    return Bundle(f"random {backbone} {head_seed}", made, head, legend)


@cache
def random_backbone(name: str) -> Backbone:
    """A network by its name with random weights."""
    from landuse.models.keras_backbone import initial_weights

    line = find_architecture(name)
    return named_backbone(line, initial_weights(line))


def quantised(bundle: Bundle) -> Bundle:
    """The model with the ranges of its tensors on a few images."""
    images = crops()[:MEASURED, :CHIP, :CHIP]
    ranges = measure(bundle.backbone.graph(), bundle.name, [images]).ranges(1.0)
    return replace(bundle, quantisation=unmeasured(ranges))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--head", type=int, default=0, help="seed of the head; the backbone stays the same")
    parser.add_argument("--int8", action="store_true", help="measure the ranges of its tensors")
    given = parser.parse_args()
    bundle = random_bundle(given.backbone, given.head)
    print(write_bundle(quantised(bundle) if given.int8 else bundle, given.path))


if __name__ == "__main__":
    main()
