"""Models to measure with: ResNet50 with random weights and a random head. How good it is plays no part in how fast it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landuse.bundle import Bundle, write_bundle
from landuse.legend import load_legend
from landuse.models.backbones import initial_weights, load_backbone
from landuse.models.heads import LogisticHead

HEAD_SPREAD = 0.05


def random_bundle(backbone: str = "resnet50", head_seed: int = 0) -> Bundle:
    """A model with random weights; bundles that differ in `head_seed` alone share their backbone."""
    spec, legend = load_backbone(backbone), load_legend("landuse7")
    features, classes = spec.feature_count, len(legend)
    weight = np.random.default_rng(head_seed).normal(0, HEAD_SPREAD, (features, classes)).astype(np.float32)
    zeros = np.zeros(features, np.float32)
    head = LogisticHead(weight, np.zeros(classes, np.float32), zeros, zeros + 1)
    return Bundle(f"random {backbone} {head_seed}", spec.network, initial_weights(spec), head, legend, spec.preprocess)


def write_random_bundle(folder: Path, backbone: str = "resnet50", head_seed: int = 0) -> Path:
    """`random_bundle` as a file."""
    return write_bundle(random_bundle(backbone, head_seed), folder / f"{backbone}_{head_seed}.landuse")
