"""Spoiling a batch of views the way surveys differ: direction, light, colour balance, sharpness, noise."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from landuse.models.pretrain.views import PX

Tensor = Any  # TensorFlow's own annotations are partial


def spoil(images: Tensor, maps: Tensor, px: int, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Random copies for the student, and the teacher's maps turned along with them.

    Args:
        images: uint8 (n, px, px, 3), what the teacher saw, shrunken to `px`.
        maps: float (n, 7, 7, d), its feature maps.
        px: 224, 112 or 56.
        seed: int32 (2,).

    Returns:
        float32 (n, px, px, 3) from 0 to 255, and the maps at the positions that the student's map has at this size.
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    turned, maps = _turn(tf.cast(images, tf.float32), tf.cast(maps, tf.float32), seeds[0])
    spoilt = _add_noise(_shift_colours(_blur(turned, px, seeds[1]), seeds[2]), seeds[3])
    return tf.clip_by_value(spoilt, 0.0, 255.0), maps[:, :: PX // px, :: PX // px]


def _turn(images: Tensor, maps: Tensor, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Each image and its map mirrored and transposed alike."""
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    return _turn_by(images, draws), _turn_by(maps, draws)


def _turn_by(images: Tensor, draws: Tensor) -> Tensor:
    images = tf.where(draws[0], images[:, ::-1], images)
    images = tf.where(draws[1], images[:, :, ::-1], images)
    return tf.where(draws[2], tf.transpose(images, (0, 2, 1, 3)), images)


def _blur(images: Tensor, px: int, seed: Tensor) -> Tensor:
    """A quarter of the images shrunken up to 6 times and enlarged again, as a coarser survey would show them."""
    count = tf.shape(images)[0]
    draw = tf.random.stateless_uniform((), seed)
    side = tf.cast(tf.minimum(px / 1.3, PX / (1.5 * 4.0**draw)), tf.int32)
    coarse = tf.image.resize(tf.image.resize(images, (side, side), "area"), (px, px), "bilinear")
    chosen = tf.random.stateless_uniform((count, 1, 1, 1), seed + 1) < 0.25
    return tf.where(chosen, coarse, images)


def _shift_colours(images: Tensor, seed: Tensor) -> Tensor:
    """Brightness, contrast, colour balance, saturation and gamma, drawn for each image."""
    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform((7, count, 1, 1, 1), seed, -1.0, 1.0)
    mean = tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    lit = (images - mean) * tf.exp(0.3 * draws[0]) + mean * tf.exp(0.3 * draws[1])
    balance = tf.exp(0.12 * tf.concat([draws[2], draws[3], draws[4]], axis=-1))
    grey = tf.reduce_mean(lit, -1, keepdims=True)
    coloured = (grey + (lit - grey) * tf.exp(0.4 * draws[5])) * balance
    return 255.0 * tf.pow(tf.clip_by_value(coloured / 255.0, 1e-3, 1.0), tf.exp(0.2 * draws[6]))


def _add_noise(images: Tensor, seed: Tensor) -> Tensor:
    """Sensor noise of up to 8 grey levels in half of the images."""
    count = tf.shape(images)[0]
    strength = 8.0 * tf.maximum(tf.random.stateless_uniform((count, 1, 1, 1), seed, -1.0, 1.0), 0.0)
    return images + strength * tf.random.stateless_normal(tf.shape(images), seed + 1)
