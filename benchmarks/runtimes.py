"""How far the two runtimes are apart, in float32: `python -m benchmarks.runtimes [resnet50 vgg16 ...] [--done FILE]`.

Each network gets random weights, batch norms that fit what comes to them, as those of a trained network do (without, some deep
ones make something else of images that are moved by rounding), and images of 96 pixels, which every one of them takes. A
line a network goes to FILE as it is done, and a network whose line is there already is not measured again.
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path

import numpy as np

from benchmarks.table import markdown
from landuse.models.architectures import ARCHITECTURES
from landuse.models.libraries import Floats, Images, KerasModel, Weights

PX = 96
IMAGES, NORMED = 2, 8
"""Images that are compared, and those that batch norms are fitted to."""
MOVED = 1e-6
"""Deviation of what the images are moved by, as a share of themselves: about the rounding of float32."""


def random_weights(model: KerasModel, seed: int = 0) -> Weights:
    """Values of a network's variables: kernels that keep activations of order one, batch norms that are not neutral."""
    from landuse.models.keras_backbone import fans_in
    from landuse.models.keras_networks import arrays

    rng, inputs = np.random.default_rng(seed), fans_in(model)

    def drawn(name: str, array: Floats) -> Floats:
        """Values for one array."""
        if name in inputs:
            return np.asarray(rng.standard_normal(array.shape) * np.sqrt(2 / inputs[name]), np.float32)
        positive = name.endswith(("gamma", "moving_variance"))
        return np.asarray(
            rng.uniform(0.8, 1.2, array.shape) if positive else rng.normal(0, 0.1, array.shape), np.float32
        )

    return {name: drawn(name, array) for name, array in arrays(model).items()}


def fit_norms(model: KerasModel, images: Floats) -> None:
    """Give every batch norm the mean and variance of what comes to it of some prepared images."""
    from landuse.models.libraries import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)


def drawn_images(seed: int, count: int) -> Images:
    """Images uint8 (count, PX, PX, 3) of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, PX, PX, 3), dtype=np.uint8)


def compared(name: str) -> dict[str, object]:
    """The largest difference of features between the runtimes, as a share of the largest feature.

    Beside it, what one runtime makes of images that are moved by rounding alone: where that is as much, the runtimes agree as
    far as they can.
    """
    from landuse.models.backbone import backbone_of
    from landuse.models.graph_file import half
    from landuse.models.keras_backbone import graph_of
    from landuse.models.keras_networks import arrays, assign, build
    from landuse.models.libraries import ov

    line = ARCHITECTURES[name]
    model = build(line, PX)
    assign(model, random_weights(model), name)
    fit_norms(model, np.asarray(line.preprocess.apply(drawn_images(3, NORMED)), np.float32))
    weights = {key: half(array).astype(np.float32) for key, array in arrays(model).items()}
    assign(model, weights, name)
    graph = backbone_of(graph_of(model, PX, 3), line.preprocess, weights, name).graph()
    images = drawn_images(1, IMAGES)
    ours = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([images])[0]
    prepared = np.asarray(line.preprocess.apply(images), np.float32)
    noise = np.random.default_rng(2).standard_normal(prepared.shape).astype(np.float32)
    theirs = np.asarray(model(prepared, training=False))
    moved = np.asarray(model(prepared * (1 + MOVED * noise), training=False))
    largest = float(np.abs(theirs).max())
    return {
        "name": name,
        "difference": float(np.abs(ours - theirs).max()) / largest,
        "moved": float(np.abs(theirs - moved).max()) / largest,
        "apart": float(np.abs(theirs[0] - theirs[1]).max()) / largest,
        "operations": sorted({node.get_type_name() for node in graph.get_ordered_ops()}),
    }


def main() -> None:
    from landuse.models.libraries import keras

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(ARCHITECTURES), help="backbones, by name")
    parser.add_argument("--done", type=Path, default=Path("runtimes.jsonl"), help="lines of what is done")
    given = parser.parse_args()
    lines = given.done.read_text().splitlines() if given.done.exists() else []
    found = {str(line["name"]): line for line in map(json.loads, lines)}
    for name in given.names:
        if name not in found:
            found[name] = compared(name)
            with given.done.open("a") as stream:
                stream.write(json.dumps(found[name]) + "\n")
            keras.backend.clear_session()
            gc.collect()
    rows = [[name, *(f"{found[name][key]:.1e}" for key in ("difference", "moved", "apart"))] for name in given.names]
    print(markdown(["backbone", "between the runtimes", "by rounding of the input", "between two images"], rows))


if __name__ == "__main__":
    main()
