"""The backbone a head is trained on: that of a model file, or one of the registry with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landuse.bundle import Bundle, find_bundle, read_bundle, shipped_bundles
from landuse.errors import UsageError
from landuse.legend import load_legend
from landuse.models.backbones import BACKBONES, Backbone, initial_weights, load_backbone
from landuse.models.heads import LogisticHead

RANDOM = "random"
PLACEHOLDER = "groups3"


def backbone_bundle(name: str, weights: str | None, seed: int) -> Bundle:
    """A bundle whose backbone makes features; its head is not to be used.

    Args:
        name: a shipped model, a model file, or a backbone of the registry.
        weights: None for a model's own weights; ``random`` for a backbone of the registry.
        seed: of random weights.

    Raises:
        UsageError: no such backbone, or weights that cannot be had.
        ModelFileError: the model file is not sound.
    """
    if weights is None and (name in shipped_bundles() or Path(name).is_file()):
        return read_bundle(find_bundle(name))
    if name not in BACKBONES:
        raise UsageError(f"No backbone {name!r}: give a model file or one of {', '.join(BACKBONES)}.")
    if weights != RANDOM:
        raise UsageError(
            f"Backbone {name} ships without weights; give --weights random, or a trained model file as --backbone."
        )
    return untrained(load_backbone(name), seed)


def untrained(backbone: Backbone, seed: int) -> Bundle:
    """A bundle of random weights with a head that knows nothing."""
    legend, d = load_legend(PLACEHOLDER), backbone.feature_count
    zeros, ones = np.zeros(d, np.float32), np.ones(d, np.float32)
    head = LogisticHead(np.zeros((d, len(legend)), np.float32), np.zeros(len(legend), np.float32), zeros, ones)
    return Bundle(
        backbone.name, backbone.network, initial_weights(backbone, seed), head, legend, backbone.preprocess, backbone.px
    )
