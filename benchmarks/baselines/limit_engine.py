"""The most that OpenVINO gives on this machine: ResNet50 as Keras exports it, on chips that lie in memory, all cores.

python limit_engine.py [--precision f32|bf16] [--seconds 8] [--cache FOLDER]     prints  chips/s

No reading, no Spark, no writing. With --cache the exported graph is kept, so that a second run starts at once.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino as ov
from openvino.preprocess import PrePostProcessor

BATCH = 8
CLASSES = 7


def exported(folder: Path) -> Path:
    """The graph of a Keras ResNet50 with a softmax layer, as an OpenVINO file."""
    path = folder / "resnet50_keras.xml"
    if not path.exists():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras

        body = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg")
        model = keras.Sequential([body, keras.layers.Dense(CLASSES, activation="softmax")])
        with tempfile.TemporaryDirectory() as saved:
            model.export(saved, format="tf_saved_model", verbose=False)
            ov.save_model(ov.Core().read_model(saved), path, compress_to_fp16=False)
    return path


def compiled(path: Path, precision: str) -> ov.CompiledModel:
    """The graph for batches of `BATCH` uint8 images."""
    graph = ov.Core().read_model(path)
    graph.reshape([BATCH, 224, 224, 3])
    steps = PrePostProcessor(graph)
    steps.input().tensor().set_element_type(ov.Type.u8)
    config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    return ov.Core().compile_model(steps.build(), "CPU", config)


def rate(model: ov.CompiledModel, seconds: float) -> float:
    """Chips a second over about so many seconds."""
    queue = ov.AsyncInferQueue(model)
    chips = np.random.default_rng(0).integers(0, 255, (BATCH, 224, 224, 3), "uint8")
    for _ in range(len(queue)):
        queue.start_async([chips])
    queue.wait_all()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        queue.start_async([chips])
        done += BATCH
    queue.wait_all()
    return done / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = compiled(exported(given.cache or Path(scratch)), given.precision)
        print(f"precision {given.precision} chips/s {rate(model, given.seconds):.2f}")


if __name__ == "__main__":
    main()
