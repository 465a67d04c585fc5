"""Features of images by OpenVINO, as the shipped model computes them, kept on disk so that a broken-off run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landuse.models.backbone import Backbone
from landuse.models.libraries import Floats, Images, ov
from tools.pretrain.kinds import Views
from tools.pretrain.sources import Ints, Mask
from tools.pretrain.views import resize

BATCH = 16


@dataclass(frozen=True, eq=False)
class Seen:
    """What a backbone sees in views: features float32 (n, D), classes int64 (n,), and which views are held out (n,)."""

    features: Floats
    labels: Ints
    held_out: Mask

    def take(self, chosen: Mask) -> Seen:
        """Some of the views."""
        return Seen(self.features[chosen], self.labels[chosen], self.held_out[chosen])


class FeatureStore:
    """Features by name in a folder: those of an earlier run are read, all others computed and kept."""

    def __init__(self, folder: Path, backbone: Backbone) -> None:
        self._folder, self._px = folder, backbone.px
        self._graph, self._compiled = backbone.graph(), None
        folder.mkdir(parents=True, exist_ok=True)

    def of(self, name: str, make: Callable[[], Views]) -> Seen:
        """The features of the views that `make` would make."""
        path = self._folder / f"{name}.npz"
        if not path.is_file():
            views = make()
            with (partial := path.with_suffix(".partial")).open("wb") as file:
                np.savez(file, features=self.extract(views.images), labels=views.labels, held_out=views.held_out)
            partial.rename(path)
        with np.load(path) as kept:
            return Seen(kept["features"], kept["labels"], kept["held_out"])

    def extract(self, images: Images) -> Floats:
        """Features float32 (n, D) of images uint8 (n, h, w, 3), brought to the backbone's size."""
        pieces = [self._see(images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
        return np.concatenate(pieces)

    def _see(self, images: Images) -> Floats:
        batch = np.stack([image if len(image) == self._px else resize(image, self._px) for image in images])
        return np.asarray(self._network()(batch)[0], np.float32).copy()

    def _network(self) -> Any:  # noqa: ANN401 - an openvino.CompiledModel
        if self._compiled is None:
            self._compiled = ov.Core().compile_model(self._graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return self._compiled
