"""How much a network computes and how near that is to what the processor can: `python -m benchmarks.arithmetic [MODEL...]`.

Prints a line of JSON a model: multiply-adds of a chip, chips a second of the network alone on chips in memory, and the
multiply-adds a second that one large matrix product reaches on the same cores at the same precision, measured right after it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.baselines.limit_engine import BATCH, rate
from landuse.models.bundle import find_bundle, read_bundle
from landuse.models.libraries import Graph, ops, ov
from landuse.models.runtime import choose_precision

SIDE = 2048
"""Side of the matrices whose product shows what the processor can."""


@dataclass(frozen=True)
class Arithmetic:
    """What a network computes.

    Attributes:
        model: its name.
        multiply_adds: of one chip.
        chips: a second.
        peak: multiply-adds a second of a matrix product.
    """

    model: str
    multiply_adds: int
    chips: float
    peak: float

    @property
    def reached(self) -> float:
        """Multiply-adds a second of the network."""
        return self.multiply_adds * self.chips


def multiply_adds(graph: Graph) -> int:
    """Multiply-adds of convolutions and matrix products, for the shapes that the graph has now."""
    total = 0
    for operation in graph.get_ops():
        kind = operation.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            window = list(operation.input_value(1).get_shape())[-3:]  # channels in, height, width
            total += math.prod(window) * math.prod(operation.output(0).get_shape())
        elif kind == "MatMul":
            inner = list(operation.input_value(0).get_shape())[-2 if operation.get_attributes()["transpose_a"] else -1]
            total += inner * math.prod(operation.output(0).get_shape())
    return total


def peak(precision: str, seconds: float) -> float:
    """Multiply-adds a second of a product of two matrices of `SIDE`, one of them constant, on all cores."""
    given = ops.parameter([SIDE, SIDE], np.float32)
    product = ops.matmul(given, ops.constant(np.full((SIDE, SIDE), 0.5, np.float32)), False, False)
    model = ov.Model([product], [given], "product")
    compiled = ov.Core().compile_model(
        model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    )
    values = np.ones((SIDE, SIDE), np.float32)
    compiled(values)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        compiled(values)
        done += 1
    return done * SIDE**3 / (time.perf_counter() - start)


def measure(name: str, seconds: float) -> Arithmetic:
    """The arithmetic of a model's backbone, in the precision that `classify` chooses."""
    backbone = read_bundle(find_bundle(name)).backbone
    graph, core = backbone.graph(), ov.Core()
    precision = choose_precision("auto", core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    graph.reshape([BATCH, backbone.px, backbone.px, backbone.channels])
    count = multiply_adds(graph) // BATCH
    config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    return Arithmetic(name, count, rate(core.compile_model(graph, "CPU", config), seconds), peak(precision, seconds))


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["builtin"])
    parser.add_argument("--seconds", type=float, default=6)
    given = parser.parse_args()
    for name in given.models:
        print(json.dumps(asdict(measure(name, given.seconds))), flush=True)


if __name__ == "__main__":
    main()
