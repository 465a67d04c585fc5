"""What tells features that one backbone made from those of another: the key under which they are kept."""

from __future__ import annotations

from landuse.engine.parts import part_key
from landuse.models.bundle import Bundle

VERSION = 1
"""Changes where images are read in another way than before."""


def backbone_key(bundle: Bundle, runtime: str, precision: str) -> str:
    """Digest of all that shapes features but the image: the graph with its weights, and arithmetic; no head."""
    return part_key(version=VERSION, backbone=bundle.backbone.digest, runtime=runtime, precision=precision)
