"""Features of images by OpenVINO, as the shipped model computes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from landuse.errors import ModelFileError
from landuse.models.architectures import find_architecture
from landuse.models.arrays import Floats, Images, Weights
from landuse.models.backbone import Backbone
from landuse.models.conversion import named_backbone
from landuse.models.openvino import ov
from tools.pretrain.views import PX, resize

BATCH = 16
Extract = Callable[[Images], Floats]
"""Features (n, D) of uint8 images (n, h, w, 3), resized to 224 px where they are not."""


def extractor(backbone: Backbone) -> Extract:
    """Features of a backbone, in float32."""
    return _extractor(backbone.graph())


def builtin_extractor(weights: Weights) -> Extract:
    """Features of the built-in network with these weights, as a model file would hold them."""
    return extractor(named_backbone(find_architecture("builtin"), weights))


def teacher_extractor(path: Path) -> Extract:
    """The pooled features of the TFLite teacher as it is, with its 8-bit arithmetic."""
    model = ov.Core().read_model(str(path))
    pools = [op for op in model.get_ordered_ops() if op.get_type_name() == "AvgPool"]
    if not pools:
        raise ModelFileError(f"{path} has no average pooling, so it cannot serve as a teacher.")
    cut = ov.Model([pools[-1].output(0)], model.get_parameters())
    cut.reshape([-1, PX, PX, 3])
    return _extractor(cut)


def _extractor(model: ov.Model) -> Extract:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def extract(images: Images) -> Floats:
        """Features float32 (n, d) of images of any size."""
        found = []
        for first in range(0, len(images), BATCH):
            piece = np.stack([resize(image, PX) for image in images[first : first + BATCH]])
            found.append(np.asarray(compiled(piece)[0], np.float32).reshape(len(piece), -1).copy())
        return np.concatenate(found)

    return extract
