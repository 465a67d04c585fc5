"""TensorFlow, told to be quiet before it is imported (which takes 8 s)."""

from __future__ import annotations

from typing import Any

from landuse.models.keras_library import tf

__all__ = ["Tensor", "tf"]

Tensor = Any
"""TensorFlow's own annotations are partial."""
