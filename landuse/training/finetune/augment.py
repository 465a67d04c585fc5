"""Images as another flight might have taken them: turned, mirrored, from another height, in another light.

Aerial imagery has no up and no left, so all eight ways to lay a square are alike. Hues are left alone: colour tells crops
from water.
"""

from __future__ import annotations

from landuse.training.finetune.tensors import Tensor, tf

SCALE = 0.2
"""Largest change of scale, as a logarithm: a pixel's ground size may be a fifth smaller or larger."""
BRIGHTNESS, CONTRAST = 20.0, 0.2


def augment(images: Tensor, seed: Tensor) -> Tensor:
    """Random copies of a batch.

    Args:
        images: float32 (n, px, px, bands) from 0 to 255.
        seed: int32 (2,); the same seed gives the same copies.

    Returns:
        float32 of the same shape, from 0 to 255.
    """
    seeds = tf.unstack(tf.random.split(seed, 3))
    return tf.clip_by_value(_light(_scale(_turn(images, seeds[0]), seeds[1]), seeds[2]), 0.0, 255.0)


def _turn(images: Tensor, seed: Tensor) -> Tensor:
    """Each image laid in one of its eight ways."""
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    images = tf.where(draws[0], images[:, ::-1], images)
    images = tf.where(draws[1], images[:, :, ::-1], images)
    return tf.where(draws[2], tf.transpose(images, (0, 2, 1, 3)), images)


def _scale(images: Tensor, seed: Tensor) -> Tensor:
    """Each image cut to a smaller or a larger square and resampled; what lies beyond its edge is its mirror image."""
    count, px = tf.shape(images)[0], int(images.shape[1])
    margin = px // 8
    draws = tf.random.stateless_uniform((3, count), seed)
    side = tf.minimum(tf.exp(SCALE * (2 * draws[0] - 1)), 1 + 2 * margin / px)
    span = float(px + 2 * margin - 1)
    room = px + 2 * margin - 1 - side * (px - 1)
    top, left = draws[1] * room / span, draws[2] * room / span
    reach = side * (px - 1) / span
    boxes = tf.stack([top, left, top + reach, left + reach], axis=1)
    padded = tf.pad(images, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "SYMMETRIC")
    return tf.image.crop_and_resize(padded, boxes, tf.range(count), (px, px))


def _light(images: Tensor, seed: Tensor) -> Tensor:
    """Brightness and contrast of each image."""
    draws = tf.random.stateless_uniform((2, tf.shape(images)[0], 1, 1, 1), seed, -1.0, 1.0)
    mean = tf.reduce_mean(images, (1, 2, 3), keepdims=True)
    return mean + (images - mean) * tf.exp(CONTRAST * draws[0]) + BRIGHTNESS * draws[1]
