"""The backbone a head is trained on: that of a model file, one of the registry, or a foreign network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE, open_chips
from landuse.errors import BandsError, UsageError
from landuse.legend import load_legend
from landuse.models.architectures import ARCHITECTURES, PREPROCESSING, Architecture
from landuse.models.backbone import Backbone
from landuse.models.bundle import Bundle, find_bundle, read_bundle, shipped_bundles
from landuse.models.heads import logistic
from landuse.models.keras_backbone import imagenet_weights, initial_weights, named_backbone
from landuse.models.keras_files import load_keras_weights
from landuse.models.libraries import Weights
from landuse.models.network_file import Declared, is_network_file, read_network
from landuse.models.statistics import RGB, with_statistics
from landuse.mosaic.bands import band_names
from landuse.options.training import BackboneOptions, TrainOptions
from landuse.text import counted

RANDOM = "random"
IMAGENET = "imagenet"
PLACEHOLDER = "groups3"


def backbone_of(options: BackboneOptions, seed: int) -> Bundle:
    """The bundle of the backbone that options ask for; its head is not to be used. Raises as `backbone_bundle`."""
    declared = None
    if options.preprocess is not None:
        declared = Declared(PREPROCESSING[options.preprocess], options.input_px, options.feature_layer)
    return backbone_bundle(options.backbone, options.weights, seed, declared)


def backbone_bundle(name: str, weights: str | None, seed: int, declared: Declared | None = None) -> Bundle:
    """A bundle whose backbone makes features; its head is not to be used.

    Args:
        name: a shipped model, a model file, a backbone of the registry, a `.keras` or `.onnx` file, or a SavedModel's folder.
        weights: None for a model's own weights; for a backbone of the registry ``random``, ``imagenet`` or a file in
            Keras' layout (.h5).
        declared: preprocessing and size of a network from another program's file, which does not say them.

    Raises:
        UsageError: no such backbone, or weights that cannot be had.
        ModelFileError: the model file or the weights file is not sound, or does not fit.
    """
    if is_network_file(name):
        return _from_file(name, weights, declared)
    if weights is None and (name in shipped_bundles() or Path(name).is_file()):
        found = read_bundle(find_bundle(name))
        return replace(found, quantisation=None, survey_features=None)  # they are of another head and its survey
    if name not in ARCHITECTURES:
        raise UsageError(
            f"No backbone {name!r}: give a model file, a .keras or .onnx file, a SavedModel's folder, or one of "
            f"{', '.join(ARCHITECTURES)}."
        )
    if weights is None:
        raise UsageError(
            f"Backbone {name} ships without weights; give --weights random, imagenet or a file, or a trained model file "
            "as --backbone."
        )
    architecture = ARCHITECTURES[name]
    return featuriser(name, named_backbone(architecture, _weights(architecture, weights, seed)))


def _from_file(name: str, weights: str | None, declared: Declared | None) -> Bundle:
    if weights is not None:
        raise UsageError(f"{name} brings its own weights: leave --weights out.")
    if declared is None:
        raise UsageError(f"{name} does not say how its images are prepared; say so with --preprocess.")
    path = Path(name)
    return featuriser(path.stem[:80] or "network", read_network(path, declared))


def _weights(architecture: Architecture, source: str, seed: int) -> Weights:
    if source not in (RANDOM, IMAGENET):
        return load_keras_weights(Path(source), architecture)
    return imagenet_weights(architecture) if source == IMAGENET else initial_weights(architecture, seed)


def featuriser(name: str, backbone: Backbone) -> Bundle:
    """A bundle of a backbone with a head that knows nothing."""
    legend, d = load_legend(PLACEHOLDER), backbone.features
    zeros, ones = np.zeros(d, np.float32), np.ones(d, np.float32)
    head = logistic(np.zeros((d, len(legend)), np.float32), np.zeros(len(legend), np.float32), zeros, ones)
    return Bundle(name, backbone, head, legend, bands=_bands(backbone.channels))


def base_for(data: Sequence[Path], options: TrainOptions) -> Bundle:
    """The backbone asked for, with statistics of those bands of chips that it does not see. Raises as `for_bands`."""
    base = backbone_of(options, options.seed)
    tables = [path for path in data if path.name == CHIPS_FILE or (path / CHIPS_FILE).is_file()]
    if not tables:
        return base
    survey = open_chips(tables[0]).survey
    more = len(survey.bands) != base.backbone.channels
    names = options.band_names or (band_names(survey.sources[0]) if more else ())
    return for_bands(base, len(survey.bands), names)


def for_bands(base: Bundle, count: int, names: Sequence[str]) -> Bundle:
    """The bundle for chips of so many bands: where they are more than its network sees, statistics of all are features too.

    Args:
        base: a network that sees red, green and blue, or as many bands as there are.

    Raises:
        BandsError: as many names as bands are not given, or the network's own bands are not among them.
    """
    if count == base.backbone.channels and not names:
        return base
    bands = tuple(names)
    if len(bands) != count or len(set(bands)) != count:
        raise BandsError(
            f"The chips have {counted(count, 'band')}, and {len(set(bands))} are named: name each with --band-names, for "
            "example --band-names red,green,blue,nir."
        )
    if count == base.backbone.channels:
        return replace(base, bands=bands)
    return replace(featuriser(base.name, with_statistics(base.backbone, bands)), bands=bands)


def _bands(channels: int) -> tuple[str, ...]:
    return RGB if channels == 3 else tuple(f"band{i}" for i in range(1, channels + 1))
