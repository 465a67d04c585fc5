"""From the published trunk and collections of images to the model files that ship."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landuse.legend import Legend, load_legend
from landuse.models.architectures import ARCHITECTURES
from landuse.models.backbone import Backbone
from landuse.models.bundle import Bundle, write_bundle
from landuse.models.keras_backbone import named_backbone
from landuse.models.learnt_features import Components
from landuse.training.sample_marks import FIELD, SampleMarks, file_marks
from tools.pretrain.card import class_card, land_use_card
from tools.pretrain.features import FeatureStore, Seen
from tools.pretrain.kinds import Views, image_views, lake_views
from tools.pretrain.landuse_head import Fitted, Part, fit_class_head, fit_landuse_head
from tools.pretrain.sources import Source, read_source
from tools.pretrain.trunk import read_trunk
from tools.pretrain.unseen import Unseen
from tools.pretrain.views import PX
from tools.pretrain.water import draw_lakes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collection:
    """How much of a collection is learnt from: one of `every` of the first `most` images a class, and the kinds of view."""

    every: int
    most: int | None
    kinds: tuple[str, ...]


COLLECTIONS: Mapping[str, Collection] = {
    "ucmerced": Collection(1, None, ("plain", "lit", "coarse", "far")),
    "nwpu": Collection(1, None, ("plain", "lit")),
    "eurosat": Collection(2, 260, ("plain", "lit")),
}


@dataclass(frozen=True)
class Data:
    """Where everything is.

    Attributes:
        trunk: safetensors of EfficientNet-Lite0.
        folders: class folders by the names of `COLLECTIONS`.
        unseen: what judges; of its rasters of lakes the western halves teach.
        out: where models, features and the log go.
        seed: of all draws.
    """

    trunk: Path
    folders: Mapping[str, Path]
    unseen: Unseen
    out: Path
    seed: int = 0

    def sources(self) -> dict[str, Source]:
        """The collections."""
        return {
            name: read_source(folder, COLLECTIONS[name].every, COLLECTIONS[name].most)
            for name, folder in self.folders.items()
        }


def ship(data: Data) -> tuple[Bundle, Bundle]:
    """Fit both heads, measure, and write `builtin.landuse` and `builtin-ucmerced.landuse` to the folder of the results."""
    backbone = named_backbone(ARCHITECTURES["builtin"], read_trunk(data.trunk))
    store, legend = FeatureStore(data.out / "features", backbone), load_legend("landuse7")
    sources = data.sources()
    parts = list(parts_of(data, sources, store, legend))
    fitted = fit_landuse_head(parts, len(legend))
    metrics = dict(fitted.metrics) | data.unseen.judge(fitted.head, store, legend)
    log.info("builtin %s", metrics)
    views = _training(parts)
    folders = load_legend("ucmerced21")
    classes = fit_class_head(_folders(sources["ucmerced"], store, parts, folders), len(folders))
    log.info("builtin-ucmerced %s", classes.metrics)
    fitted = Fitted(fitted.head, metrics)
    components = Components.of(np.concatenate([part.seen.features for part in parts if part.kind == "plain"]))
    every, own_images = views | learnt_from(sources.values(), legend), learnt_from([sources["ucmerced"]], folders)
    land_use = _bundle(backbone, fitted, ("builtin", "landuse7"), land_use_card(metrics, views), every, components)
    own = _bundle(
        backbone, classes, ("builtin-ucmerced", "ucmerced21"), class_card(classes.metrics), own_images, components
    )
    write_bundle(land_use, data.out / "builtin.landuse")
    write_bundle(own, data.out / "builtin-ucmerced.landuse", shipped_in="builtin")
    return land_use, own


def parts_of(data: Data, sources: Mapping[str, Source], store: FeatureStore, legend: Legend) -> Iterator[Part]:
    """All views that the land-use head learns from, and those that are held out."""
    for name, source in sources.items():
        for kind in COLLECTIONS[name].kinds:
            rng = np.random.default_rng([data.seed, *name.encode(), *kind.encode()])
            seen = store.of(f"{name}_{kind}", partial(image_views, source, legend, kind, rng))
            yield Part(name, kind, seen)
    if data.unseen.infrared is not None:
        lakes, rng = data.unseen.infrared, np.random.default_rng([data.seed, 7])
        seen = store.of("lakes", lambda: lake_views(draw_lakes(lakes, data.seed), legend, rng))
        yield Part("lakes", "lakes", seen)


def _folders(source: Source, store: FeatureStore, parts: list[Part], legend: Legend) -> Seen:
    """The images of UC Merced as they are, in the classes of its folders: those that have a land use, and the others."""
    kept = source.classes(load_legend("landuse7")) >= 0
    known = next(part.seen for part in parts if part.source == "ucmerced" and part.kind == "plain")
    rest = source.take(np.flatnonzero(~kept))
    others = store.of("ucmerced_left_out", lambda: Views(rest.images(PX), rest.classes(legend), rest.held_out))
    return Seen(
        np.concatenate([known.features, others.features]),
        np.concatenate([source.classes(legend)[kept], others.labels]),
        np.concatenate([known.held_out, others.held_out]),
    )


def learnt_from(sources: Iterable[Source], legend: Legend) -> dict[str, Any]:
    """What a model file keeps to know the images again that its head, of the classes of a legend, has learnt from."""
    taken = [source.take(np.flatnonzero(~source.held_out & (source.classes(legend) >= 0))) for source in sources]
    return {FIELD: SampleMarks(file_marks([path for source in taken for path in source.paths])).as_dict()}


def _training(parts: list[Part]) -> dict[str, str | int | float]:
    views = {f"{part.source}, {part.kind}": int((~part.seen.held_out).sum()) for part in parts}
    return {"images held out": int(sum(part.seen.held_out.sum() for part in parts if part.kind == "plain")), **views}


def _bundle(
    backbone: Backbone,
    fitted: Fitted,
    names: tuple[str, str],
    card: str,
    training: Mapping[str, Any],
    components: Components | None,
) -> Bundle:
    name, legend = names
    return Bundle(
        name=name,
        backbone=backbone,
        head=fitted.head,
        legend=load_legend(legend),
        calibration={
            "method": "temperature",
            "on": "collections held out whole" if name == "builtin" else "held-out images",
        },
        training=dict(training),
        metrics=dict(fitted.metrics),
        card=card,
        components=components,
    )
