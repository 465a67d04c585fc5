"""What tells features that one backbone made from those of another: the key under which they are kept."""

from __future__ import annotations

import hashlib

import numpy as np

from landuse.engine.parts import part_key
from landuse.models.bundle import Bundle

VERSION = 1
"""Changes where images are read in another way than before."""


def backbone_key(bundle: Bundle, runtime: str, precision: str) -> str:
    """Digest of all that shapes features but the image: network, weights, preprocessing, size and arithmetic; no head."""
    weights = hashlib.sha256()
    for name, array in sorted(bundle.weights.items()):
        weights.update(name.encode())
        weights.update(np.ascontiguousarray(array, np.float32).tobytes())
    return part_key(
        version=VERSION,
        network=bundle.network.model_dump(mode="json"),
        preprocess=bundle.preprocess.model_dump(mode="json"),
        px=bundle.chip_px,
        weights=weights.hexdigest(),
        runtime=runtime,
        precision=precision,
    )
