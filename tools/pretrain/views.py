"""Views: what an aerial image looks like from nearer and from further away, in another light, by another camera.

A view is a crop (from two thirds of the side up), or a mosaic of 2 x 2 to 5 x 5 shrunken images (2 to 5 times the pixel size).
With images of 0.3 m and 0.6 m and a view of half the side in pixels that spans 0.2 to 6 m.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from landuse.models.libraries import Floats, Images

PX = 224
MOSAIC_SIDES = (1, 2, 3, 4, 5)
MOSAIC_ODDS = (0.6, 0.2, 0.1, 0.06, 0.04)


def crop(image: Images, px: int, rng: np.random.Generator, least: float = 0.65) -> Images:
    """A square crop of a share of the side from `least` to 1, at `px`."""
    side = int(image.shape[0] * rng.uniform(least, 1.0))
    y, x = (int(rng.integers(0, image.shape[0] - side + 1)) for _ in range(2))
    return resize(image[y : y + side, x : x + side], px)


def mosaic(images: Sequence[Images], px: int, rng: np.random.Generator) -> Images:
    """K x k images (k * k are given) on one sheet of `px`, each turned, rolled by a random offset so that seams differ."""
    side = round(len(images) ** 0.5)
    cell = -(-px // side)
    tiles = [turn(resize(image, cell), int(rng.integers(8))) for image in images]
    rows = [np.concatenate(tiles[i * side : (i + 1) * side], axis=1) for i in range(side)]
    offset = (int(rng.integers(cell)), int(rng.integers(cell)))
    return np.ascontiguousarray(np.roll(np.concatenate(rows, axis=0), offset, axis=(0, 1))[:px, :px])


def spoil(image: Images, rng: np.random.Generator) -> Images:
    """The image as another survey might show it: turned, blurred, relit, recoloured, hazy, noisy, through JPEG."""
    changed = turn(image, int(rng.integers(8)))
    if rng.random() < 0.3:
        changed = blur(changed, float(np.exp(rng.uniform(0.2, 1.4))))
    values = shift_colours(changed.astype(np.float32), rng)
    if rng.random() < 0.25:
        values = haze(values, float(rng.uniform(0.05, 0.4)))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(1, 8), values.shape).astype(np.float32)
    spoilt = np.clip(values, 0, 255).astype(np.uint8)
    return jpeg(spoilt, int(rng.integers(25, 95))) if rng.random() < 0.4 else spoilt


def shift_colours(image: Floats, rng: np.random.Generator) -> Floats:
    """Brightness, contrast, colour balance, saturation and gamma, drawn for the image; values from 0 to 255."""
    draws = rng.uniform(-1, 1, 7).astype(np.float32)
    mean = image.mean(axis=(0, 1), keepdims=True)
    lit = (image - mean) * np.exp(0.35 * draws[0]) + mean * np.exp(0.35 * draws[1])
    grey = lit.mean(axis=-1, keepdims=True)
    coloured = (grey + (lit - grey) * np.exp(0.5 * draws[2])) * np.exp(0.15 * draws[3:6])
    return np.asarray(255 * np.clip(coloured / 255, 1e-3, 1) ** np.exp(0.25 * draws[6]), np.float32)


def relit(image: Images, rng: np.random.Generator) -> Images:
    """The image as another camera, season or processing would have it: a gain, a gamma and an offset drawn for each band."""
    gain = np.exp(rng.normal(0, 0.25, 3) + rng.normal(0, 0.2))
    gamma = np.exp(rng.normal(0, 0.15, 3) + rng.normal(0, 0.2))
    values = np.clip(image / np.float32(255), 1e-3, 1) ** gamma * gain + rng.normal(0, 0.05, 3)
    return np.asarray(255 * np.clip(values, 0, 1), np.uint8)


def haze(image: Floats, strength: float) -> Floats:
    """The image behind a pale veil; `strength` 0 leaves it, 1 hides it."""
    return np.asarray(image * (1 - strength) + np.float32(215) * strength, np.float32)


def blur(image: Images, factor: float) -> Images:
    """The image shrunken by a factor and enlarged again: what a survey of that much larger pixels shows."""
    small = max(4, round(image.shape[0] / factor))
    coarse = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
    return np.asarray(coarse.resize((image.shape[1], image.shape[0]), Image.Resampling.BILINEAR))


def jpeg(image: Images, quality: int) -> Images:
    """The image after JPEG compression of a quality from 1 to 95."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def turn(image: Images, way: int) -> Images:
    """One of the eight ways (0 to 7) to lay a square image down: quarter turns, mirrored or not."""
    turned = np.rot90(image, way % 4)
    return np.ascontiguousarray(turned[:, ::-1] if way >= 4 else turned)


def resize(image: Images, side: int) -> Images:
    """The image at `side` by `side`: box means when it shrinks much, bicubic otherwise."""
    method = Image.Resampling.BOX if side < image.shape[0] // 2 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize((side, side), method))
