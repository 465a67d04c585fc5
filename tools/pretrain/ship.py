"""From tuned weights to the two model files that ship, with their cards. The second has its backbone in the first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from landuse.legend import load_legend
from landuse.models.architectures import Architecture
from landuse.models.arrays import Floats, Images, Weights
from landuse.models.backbone import Backbone
from landuse.models.bundle import Bundle, write_bundle
from landuse.models.conversion import named_backbone
from tools.pretrain.card import class_card, land_use_card
from tools.pretrain.features import Extract, extractor
from tools.pretrain.images import ImageSet
from tools.pretrain.landuse_head import FittedHead, Seen, fit_class_head, fit_landuse_head
from tools.pretrain.probe import PENALTY, five_fold, held_out_accuracy
from tools.pretrain.views import spoil
from tools.pretrain.water import Lakes

log = logging.getLogger(__name__)
Facts = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Shipment:
    """What both models share: the backbone, its weights, and how they came about."""

    architecture: Architecture
    weights: Weights
    training: Facts

    @cached_property
    def backbone(self) -> Backbone:
        """The graph of the network with its weights in half precision, as the files hold it."""
        return named_backbone(self.architecture, self.weights)

    def bundle(self, name: str, fitted: FittedHead, probed: Mapping[str, float]) -> Bundle:
        """A model with one of the heads."""
        metrics = dict(fitted.metrics) | dict(probed)
        legend, card, on = {
            "builtin": (
                "landuse7",
                land_use_card,
                "views of half of the held-out images, and scenes of them by a head that knows none",
            ),
            "builtin-ucmerced": ("ucmerced21", class_card, "views of half of the held-out images"),
        }[name]
        return Bundle(
            name=name,
            backbone=self.backbone,
            head=fitted.head,
            legend=load_legend(legend),
            calibration={"method": "temperature", "on": on},
            training=dict(self.training),
            metrics=metrics,
            card=card(metrics, self.training),
        )


def ship(shipment: Shipment, source: ImageSet, lakes: Lakes | None, out: Path) -> tuple[Bundle, Bundle]:
    """Fit both heads, measure, and write `builtin.landuse` and `builtin-ucmerced.landuse` to `out`."""
    extract = extractor(shipment.backbone)
    seen = Seen(source, labelled_features(source, source.images[source.labels >= 0], extract))
    probed = probes(seen)
    log.info("probes %s", probed)
    landuse = fit_landuse_head(seen, load_legend("landuse7"), extract, lakes, seed=0)
    log.info("builtin %s", landuse.metrics)
    classes = fit_class_head(seen, spoilt_features(source, extract), PENALTY)
    log.info("builtin-ucmerced %s", classes.metrics)
    named = {"builtin": landuse, "builtin-ucmerced": classes}
    bundles = [shipment.bundle(name, fitted, probed) for name, fitted in named.items()]
    for bundle in bundles:
        write_bundle(
            bundle, out / f"{bundle.name}.landuse", shipped_in=None if bundle is bundles[0] else bundles[0].name
        )
    return bundles[0], bundles[1]


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
