"""From tuned weights to the two model files that ship, with their cards."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landuse.bundle import Bundle, write_bundle
from landuse.legend import load_legend
from landuse.models.arrays import Floats, Images, Weights
from landuse.models.backbones import Backbone
from landuse.models.novelty import fit_novelty
from landuse.models.pretrain.card import class_card, land_use_card
from landuse.models.pretrain.features import Extract, extractor
from landuse.models.pretrain.images import ImageSet
from landuse.models.pretrain.landuse_head import FittedHead, Seen, fit_class_head, fit_landuse_head
from landuse.models.pretrain.probe import PENALTY, five_fold, held_out_accuracy
from landuse.models.pretrain.views import spoil

log = logging.getLogger(__name__)
Facts = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Shipment:
    """What both models share: the backbone, its weights as float16 holds them, and how they came about."""

    backbone: Backbone
    weights: Weights
    training: Facts
    probes: Mapping[str, float]

    def bundle(self, name: str, fitted: FittedHead) -> Bundle:
        """A model with one of the heads."""
        metrics = dict(fitted.metrics) | dict(self.probes)
        legend, card = {
            "builtin": ("landuse7", land_use_card),
            "builtin-ucmerced": ("ucmerced21", class_card),
        }[name]
        return Bundle(
            name=name,
            network=self.backbone.network,
            weights=self.weights,
            head=fitted.head,
            legend=load_legend(legend),
            preprocess=self.backbone.preprocess,
            chip_px=self.backbone.px,
            calibration={"method": "temperature", "on": "views of half of the held-out images"},
            training=dict(self.training),
            metrics=metrics,
            card=card(metrics, self.training),
            novelty=fit_novelty(fitted.features, held=fitted.held),
        )


def ship(backbone: Backbone, weights: Weights, source: ImageSet, training: Facts, out: Path) -> tuple[Bundle, Bundle]:
    """Fit both heads, measure, and write `builtin.landuse` and `builtin-ucmerced.landuse` to `out`."""
    rounded = {name: array.astype(np.float16).astype(np.float32) for name, array in weights.items()}
    extract = extractor(backbone, rounded)
    seen = Seen(source, labelled_features(source, source.images[source.labels >= 0], extract))
    shipment = Shipment(backbone, rounded, training, probes(seen))
    log.info("probes %s", shipment.probes)
    landuse = shipment.bundle("builtin", fit_landuse_head(seen, load_legend("landuse7"), extract, seed=0))
    classes = shipment.bundle("builtin-ucmerced", fit_class_head(seen, spoilt_features(source, extract), PENALTY))
    for bundle in (landuse, classes):
        write_bundle(bundle, out / f"{bundle.name}.landuse", half=True)
    return landuse, classes


def probes(seen: Seen) -> dict[str, float]:
    """Accuracy of logistic probes of the features on the class folders."""
    labelled = seen.source.labels >= 0
    features, labels = seen.features[labelled], seen.source.labels[labelled]
    return {
        "probe_classes": float(len(seen.source.names)),
        "probe_held_out_accuracy": round(held_out_accuracy(features, labels, seen.source.held_out[labelled]), 4),
        "probe_five_fold_accuracy_of_images_it_has_seen": round(five_fold(features, labels), 4),
    }


def spoilt_features(source: ImageSet, extract: Extract) -> Floats:
    """Features of a spoilt copy of every labelled image, 0 for the others."""
    rng = np.random.default_rng([0, 5])
    spoilt = [spoil(image, rng) for image in source.images[source.labels >= 0]]
    return labelled_features(source, np.stack(spoilt), extract)


def labelled_features(source: ImageSet, images: Images, extract: Extract) -> Floats:
    """float32 (n, D): features of these versions of the labelled images, 0 for the others."""
    found = extract(images)
    features = np.zeros((len(source.labels), found.shape[1]), np.float32)
    features[source.labels >= 0] = found
    return features
