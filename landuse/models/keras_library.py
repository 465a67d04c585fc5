"""Keras on TensorFlow, quiet. Importing this imports TensorFlow, which takes seconds; nothing of inference does."""

from __future__ import annotations

import os

from landuse.models.quiet import quiet_console

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

with quiet_console():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # looks for CUDA, and complains where there is none

__all__ = ["keras", "tf"]
