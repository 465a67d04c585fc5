"""TensorFlow, told to be quiet before it is imported (which takes 8 s)."""

from __future__ import annotations

from typing import Any

from landuse.models.quiet import quiet_console

with quiet_console():
    import tensorflow as tf

    tf.config.list_physical_devices()  # looks for CUDA, and complains where there is none

__all__ = ["Tensor", "tf"]

Tensor = Any
"""TensorFlow's own annotations are partial."""
