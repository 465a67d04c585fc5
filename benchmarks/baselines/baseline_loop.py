"""The loop that anyone would write first: rasterio windows, and Keras ResNet50 in float32, in one process.

python baseline_loop.py MOSAIC [--chips 64]     prints  chips/s, imports and the making of the model not counted
"""

import argparse
import os
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import rasterio
from rasterio.windows import Window

BATCH = 32
CHIP = 224
CLASSES = 7


def batches(mosaic: str, count: int) -> Iterator[np.ndarray]:
    """The first chips of a mosaic, row after row: uint8 (n, CHIP, CHIP, 3)."""
    with rasterio.open(mosaic) as raster:
        across = raster.width // CHIP
        for first in range(0, count, BATCH):
            places = (divmod(index, across) for index in range(first, min(first + BATCH, count)))
            windows = (Window(col * CHIP, row * CHIP, CHIP, CHIP) for row, col in places)
            yield np.stack([raster.read((1, 2, 3), window=window).transpose(1, 2, 0) for window in windows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mosaic")
    parser.add_argument("--chips", type=int, default=64)
    given = parser.parse_args()
    body = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg")
    model = keras.Sequential([body, keras.layers.Dense(CLASSES, activation="softmax")])
    model.predict_on_batch(np.zeros((BATCH, CHIP, CHIP, 3), np.float32))
    start = time.perf_counter()
    for batch in batches(given.mosaic, given.chips):
        model.predict_on_batch(keras.applications.resnet50.preprocess_input(batch.astype(np.float32))).argmax(axis=1)
    print(f"chips/s {given.chips / (time.perf_counter() - start):.2f}")


if __name__ == "__main__":
    main()
