"""The backbone a head is trained on: that of a model file, one of the registry, or a foreign network; and its alignment.

Features of a dense grid are aligned by pairs: those of chips by themselves, and of the same chips in their ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landuse.chips import CHIPS_FILE, ChipSet, open_chips, read_chips
from landuse.errors import BandsError, LanduseError, UsageError
from landuse.grid import CellRange
from landuse.legend import load_legend
from landuse.models.architectures import ARCHITECTURES, PREPROCESSING, Architecture
from landuse.models.backbone import FEWEST, Backbone, fit_alignment
from landuse.models.bundle import Bundle, find_bundle, read_bundle, shipped_bundles
from landuse.models.dense import DenseShape, dense_shape
from landuse.models.heads import logistic
from landuse.models.keras_backbone import imagenet_weights, initial_weights, named_backbone
from landuse.models.keras_files import load_keras_weights
from landuse.models.libraries import Floats, Images, Weights
from landuse.models.network_file import Declared, is_network_file, read_network
from landuse.models.statistics import RGB, with_statistics
from landuse.mosaic import MosaicReader
from landuse.mosaic.bands import band_names
from landuse.options.training import BackboneOptions, TrainOptions
from landuse.scoring.dense_ground import splits_of
from landuse.text import counted

RANDOM = "random"
IMAGENET = "imagenet"
PLACEHOLDER = "groups3"
PAIRS = 64
TRIED = 4
"""Chips looked at for each pair that is wanted; those at the edge of the imagery do not serve."""


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


def with_alignment(bundle: Bundle, data: Sequence[Path], seed: int) -> Bundle:
    """The model with an alignment that was measured on chips of the tables among its training data.

    Where there are none or too few, it keeps the one that came with its backbone, if any. Networks that cannot answer on a
    grid finer than chips are left as they are.
    """
    splits = splits_of(bundle)
    tables = [path for path in data if path.name == CHIPS_FILE or (path / CHIPS_FILE).is_file()]
    if not splits or not tables:
        return bundle
    chips = [read_chips(path) for path in tables]
    if sum(map(len, chips)) < FEWEST:
        return bundle
    shape = dense_shape(bundle.backbone, bundle.chip_px / splits[-1], bundle.name)
    wanted = -(-PAIRS // len(chips))
    windows = [w for table in chips for w in _windows(replace_px(table, bundle.chip_px), shape, wanted, seed)]
    found = fit_alignment(*_features(bundle, shape, windows)) if windows else None
    return bundle if found is None else replace(bundle, alignment=found)


def replace_px(chips: ChipSet, px: int) -> ChipSet:
    """Chips of so many pixels a side."""
    return replace(chips, grid=replace(chips.grid, chip_px=px))


def _windows(chips: ChipSet, shape: DenseShape, wanted: int, seed: int) -> Iterator[Images]:
    """Chips drawn at random, each with the context of a dense window around it, uint8 (H, H, bands); whole imagery only."""
    px = chips.grid.chip_px
    margin = min(shape.context * shape.cell_px, px)
    order = np.random.default_rng(seed).permutation(len(chips))[: TRIED * wanted]
    found = 0
    with MosaicReader(chips.survey, chips.grid) as reader:
        for row, col in zip(chips.rows[order].tolist(), chips.cols[order].tolist(), strict=True):
            if found == wanted:
                return
            try:
                pixels = reader.read(CellRange(row - 1, row + 2, col - 1, col + 2))
            except (LanduseError, OSError):
                continue
            inner = slice(px - margin, 2 * px + margin)
            if pixels.valid[inner, inner].all():
                found += 1
                yield np.ascontiguousarray(pixels.data[inner, inner])


def _features(bundle: Bundle, shape: DenseShape, windows: Sequence[Images]) -> tuple[Floats, Floats]:
    """Features (n, D) of the chips in the middle of windows (n, H, H, bands): as a dense grid has them, and by themselves."""
    from landuse.models.dense import OpenVinoDense

    px, step = bundle.chip_px, shape.cell_px // shape.step
    margin = (windows[0].shape[0] - px) // 2
    network = OpenVinoDense(replace(bundle, alignment=None), shape, "f32")
    whole = np.ones((shape.side, shape.side), bool)
    inner, middle = slice(margin, margin + px), slice(margin // step, margin // step + shape.side)
    dense = [m[:, middle, middle] for m in network.maps(iter(windows))]
    alone = list(network.maps(np.ascontiguousarray(w[inner, inner]) for w in windows))
    first, second = (
        np.concatenate([network.cells(np.ascontiguousarray(m), whole).features for m in maps])
        for maps in (dense, alone)
    )
    return first, second
