"""Time to train a head on 2,100 chips: `python -m benchmarks.heads DIR [--backbone builtin]`, DIR with a folder a class.

From images, and again with their features in the cache; against Keras' `fit` of the same frozen backbone for ten epochs on
the same images, at batches of 32 read by tf.data, as its guide to transfer learning has it. Imports are left out of the times.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from landuse.options.training import TrainOptions
from landuse.stages.train import train
from landuse.training.backbone import backbone_bundle
from landuse.training.listing import class_folders

EPOCHS, BATCH = 10, 32


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def keras_fit(folder: Path, backbone: str, weights: str | None) -> Callable[[], object]:
    """Keras' way: a frozen backbone, a dense head, and `fit` over the images of a folder."""
    from landuse.models.keras_backbone import built
    from landuse.models.libraries import keras

    bundle = backbone_bundle(backbone, weights, 0)
    px, images = bundle.chip_px, class_folders(folder)
    network = built(bundle.backbone, bundle.name)
    network.trainable = False
    factor, offset = bundle.preprocess.affine()
    image = keras.Input((px, px, 3))
    ordered = keras.ops.flip(image, axis=-1) if bundle.preprocess.order == "bgr" else image
    classes = len({labels[0] for labels in images.labels})
    scores = keras.layers.Dense(classes)(network(ordered * factor + offset, training=False))
    model = keras.Model(image, scores)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(px, px), batch_size=BATCH, seed=0, verbose=False
    )
    return lambda: model.fit(data.prefetch(2), epochs=EPOCHS, verbose=0)


def main() -> None:
    """Print the three times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="builtin")
    parser.add_argument("--weights", default=None)
    given = parser.parse_args()
    folder, weights = given.folder.resolve(), given.weights
    count = len(class_folders(folder).paths)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["LANDUSE_CACHE"] = scratch
        options = TrainOptions(backbone=given.backbone, weights=weights, fresh=True)
        out = Path(scratch) / "m.landuse"
        print(f"{count} images, {given.backbone}:", flush=True)
        first = timed(lambda: train([folder], out, options))
        print(f"  a head from images           {first:7.1f} s", flush=True)
        again = timed(lambda: train([folder], out, options))
        print(f"  a head from cached features  {again:7.1f} s", flush=True)
        theirs = timed(keras_fit(folder, given.backbone, weights))
    ratios = f"{theirs / first:.1f} and {theirs / again:.0f} times as long"
    print(f"  Keras fit, frozen, {EPOCHS} epochs {theirs:7.1f} s, {ratios}")


if __name__ == "__main__":
    main()
