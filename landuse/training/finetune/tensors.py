"""TensorFlow, told to be quiet before it is imported (which takes 8 s)."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

__all__ = ["Tensor", "tf"]

Tensor = Any
"""TensorFlow's own annotations are partial."""
