"""A network over windows of ground instead of chips: its feature map, and what it says of each cell of the map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landuse.models.arrays import Floats, Graph, Images, Node
from landuse.models.dense import DenseShape, dense_shape, feature_map, node_of
from landuse.models.heads import LogisticHead, in_graph
from landuse.models.openvino import ops, ov
from landuse.models.openvino_runtime import arithmetic, ranges_of, results_of
from landuse.models.quantisation import Ranges, rounded
from landuse.models.runtime import Precision, Prediction, read_cached

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

Map = Floats
"""A feature map (D, h, w), north up."""


class OpenVinoDense:
    """A network in two halves: up to the map that its pooling reads, and from a map to the answers of cells.

    A window of n cells a side has `step` * (n - 1) positions and some more a side; a cell's answer is made of the `side` x
    `side` positions of the chip around it, those without imagery left out.
    """

    def __init__(self, bundle: Bundle, shape: DenseShape, precision: Precision = "auto", threads: int = 0) -> None:
        core = ov.Core()
        self.precision, hint = arithmetic(precision, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), bundle)
        self._head, inside = bundle.head, in_graph(bundle.head)
        until = map_graph(bundle, shape, ranges_of(bundle) if self.precision == "int8" else None)
        after = cell_graph(bundle, shape, inside)
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        if threads:  # one of several workers: threads bound to cores would all be bound to the same ones
            config |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
        self._until, self._after = (core.compile_model(half, "CPU", config) for half in (until, after))

    def maps(self, windows: Iterator[Images]) -> Iterator[Map]:
        """The feature map of each window, uint8 (H, W, C), in order; the next window is read while one is computed."""
        idle: list[Any] = [self._until.create_infer_request() for _ in range(2)]
        running: Any = None
        try:
            for window in windows:
                request = idle.pop()
                if running is not None:
                    running.wait()
                request.start_async({0: window[None]})
                if running is not None:
                    yield running.get_output_tensor(0).data[0].copy()
                    idle.append(running)
                running = request
            if running is not None:
                running.wait()
                yield running.get_output_tensor(0).data[0].copy()
        finally:
            if running is not None:
                running.wait()

    def cells(self, found: Map, imagery: npt.NDArray[np.bool_]) -> Prediction:
        """What the network says of each cell whose chip lies within a map, in image order.

        Args:
            found: map (D, h, w).
            imagery: bool (h, w), the positions that count; a cell needs one at least, else its answer is of no use.
        """
        answers = self._after([found[None], imagery[None, None].astype(np.float32)])
        features = answers[len(answers) - 1].copy()
        return Prediction(self._head.apply(features) if len(answers) == 1 else answers[0].copy(), features)


def map_graph(bundle: Bundle, shape: DenseShape, ranges: Ranges | None) -> Graph:
    """A model from a window uint8 (1, H, W, C) of any size to its feature map float32 (1, D, h, w)."""
    graph = bundle.backbone.graph(f"Model {bundle.name}")
    axes = feature_map(graph).axes
    found = node_of(graph, shape.pool).input_value(0)
    if axes != (2, 3):
        rest = [axis for axis in range(4) if axis not in axes]
        found = ops.transpose(found, np.array([*rest, *axes])).output(0)
    graph = ov.Model([found], graph.get_parameters(), "landuse_map")
    if ranges is not None:
        graph = rounded(graph, ranges)
    graph.reshape([1, -1, -1, bundle.backbone.channels])
    return graph


def cell_graph(bundle: Bundle, shape: DenseShape, head: LogisticHead | None) -> Graph:
    """A model from a feature map (1, D, h, w) to what the network says of each square of it, in image order.

    Its second input, (1, 1, h, w), is 1 at the positions that count and 0 elsewhere; a square's features are the mean over
    those that do, brought to those of chips by the alignment where there is one. The head, where it can be in the graph, makes
    probabilities (cells, K), which come before the features (cells, d).
    """
    found = ops.parameter([1, shape.channels, -1, -1], np.float32, name="map")
    counts = ops.parameter([1, 1, -1, -1], np.float32, name="counts")
    sums, numbers = (_box_mean(t, shape.side, shape.step) for t in (ops.multiply(found, counts), counts))
    means = ops.divide(sums, ops.maximum(numbers, np.float32(1e-6)))
    vectors = ops.reshape(ops.transpose(means, np.array([0, 2, 3, 1])), np.array([-1, shape.channels]), False)
    features = _pooled_onward(bundle, shape, vectors)
    if bundle.alignment is not None:
        lines = bundle.alignment
        features = ops.add(ops.multiply(features, lines.factor[None]), lines.offset[None]).output(0)
    return ov.Model(results_of(features, head), [found, counts], "landuse_cells")


def _pooled_onward(bundle: Bundle, shape: DenseShape, vectors: Node) -> Node:
    """What the network makes of pooled vectors (cells, D): the operations behind its pooling, over them."""
    graph = bundle.backbone.graph(f"Model {bundle.name}")
    pooled = node_of(graph, shape.pool).output(0)
    rank = pooled.get_partial_shape().rank.get_length()
    spread = [-1, *(d.get_length() for d in list(pooled.get_partial_shape())[1:])]
    given = vectors if rank == 2 else ops.reshape(vectors, np.array(spread), False)
    pooled.replace(given.output(0))
    return graph.get_results()[0].input_value(0)


def _box_mean(tensor: Node, side: int, step: int) -> Node:
    """Mean over each square of `side` positions, `step` apart."""
    return ops.avg_pool(tensor, [step] * 2, [0, 0], [0, 0], [side] * 2, True, "floor", "valid")


_OPEN: dict[tuple[str, DenseShape, Precision, int], OpenVinoDense] = {}


def open_dense(path: Path, cell_px: float, precision: Precision, threads: int) -> tuple[OpenVinoDense, DenseShape]:
    """A model over windows of ground and how its map lies on cells of `cell_px` pixels. Compiled once a process.

    Raises:
        UsageError: the network cannot answer on such cells, or not in that precision.
    """
    bundle = read_cached(path)
    shape = dense_shape(bundle.backbone, cell_px, bundle.name)
    key = (bundle.digest, shape, precision, threads)
    if key not in _OPEN:
        _OPEN[key] = OpenVinoDense(bundle, shape, precision, threads)
    return _OPEN[key], shape
