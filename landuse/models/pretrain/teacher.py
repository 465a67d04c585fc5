"""The teacher: an image network trained on ImageNet, asked what it sees in a view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov

from landuse.errors import ModelFileError
from landuse.models.arrays import Floats, Images

BATCH = 8


class Teacher:
    """A TFLite classifier's or extractor's last feature map and its mean, for uint8 RGB images of 224 px."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        core = ov.Core()
        model = core.read_model(str(path))
        pools = [op for op in model.get_ordered_ops() if op.get_type_name() == "AvgPool"]
        if not pools:
            raise ModelFileError(f"{path} has no average pooling, so it cannot serve as a teacher.")
        cut = ov.Model([pools[-1].output(0), pools[-1].input_value(0)], model.get_parameters())
        cut.reshape([BATCH, 224, 224, 3])
        config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": threads} if threads else {}
        self._compiled = core.compile_model(cut, "CPU", config)

    def look(self, images: Images) -> tuple[Floats, Floats]:
        """Pooled features (n, D) and feature maps (n, 7, 7, D), float32, of at most 8 images."""
        padded = np.zeros((BATCH, *images.shape[1:]), np.uint8)
        padded[: len(images)] = images
        results = self._compiled(padded)
        pooled = np.asarray(results[0], np.float32).reshape(BATCH, -1)
        maps = np.asarray(results[1], np.float32).transpose(0, 2, 3, 1)
        return pooled[: len(images)], maps[: len(images)]
