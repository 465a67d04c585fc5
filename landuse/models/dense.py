"""Whether a network can answer on a grid finer than its chips, and how its feature map lies on the ground.

A network that is convolutional up to one global pooling has a feature map of a whole window of ground. The mean of the
map over as many positions as a chip has is what the network says of a chip there; it can stand at every position.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.backbone import Backbone
from landuse.models.heads import DenseHead, in_graph
from landuse.models.libraries import Floats, Graph, Images, Node, ops, ov
from landuse.models.pooling import FeatureMap, NoFeatureMapError, feature_map, node_of
from landuse.models.quantisation import Ranges, rounded
from landuse.models.runtime import Precision, Prediction, arithmetic, ranges_of, read_cached, results_of

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

EFFECTIVE = 0.6
"""Part of the way over which the border of a window reaches into it that matters: the effective receptive field is smaller
than the theoretical one (Luo et al. 2016). Beyond it, answers move by less than 0.02; `benchmarks/dense.py` measures it."""
AT_ONCE = 3
"""Tensors as large as the largest that are there at the same time: what ResNet50 and the built-in network took."""
Map = Floats
"""A feature map (D, h, w), north up."""


@dataclass(frozen=True)
class DenseShape:
    """How a feature map lies on cells.

    Attributes:
        channels: depth D of the map.
        side: positions of the map along a chip.
        step: positions of the map along a cell.
        halo: cells of a chip to each side of its middle cell.
        context: further cells around a window that are read and whose part of the map is thrown away.
        cell_bytes: what a cell needs in memory while its window is computed, about, in float32.
    """

    pool: str
    channels: int
    cell_px: int
    side: int
    step: int
    halo: int
    context: int
    cell_bytes: int


def dense_shape(backbone: Backbone, cell_px: float, name: str) -> DenseShape:
    """The shape of a network's map on cells.

    Raises:
        UsageError: the network mixes distant places before its pooling, or its strides do not fall on the cells' edges.
    """
    whole, px = round(cell_px), backbone.px
    if abs(cell_px - whole) > 1e-6 or whole < 1 or px % whole or (px // whole) % 2 == 0:
        raise UsageError(
            f"A chip of model {name} has {px} pixels a side, which do not make an odd number of cells of {cell_px:g} pixels; "
            "leave --cell out, or train with another --backbone."
        )
    found = _shape(_ByDigest(backbone), whole)
    if isinstance(found, str):
        raise UsageError(
            f"Model {name} cannot answer on a grid of {whole} pixels: {found}; leave --cell out, or train with another "
            "--backbone."
        )
    return found


class _ByDigest:
    """A backbone that counts as equal to one with the same digest."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and other.backbone.digest == self.backbone.digest

    def __hash__(self) -> int:
        return hash(self.backbone.digest)


@cache
def _shape(whole: _ByDigest, cell_px: int) -> DenseShape | str:
    backbone = whole.backbone
    if backbone.batch is not None:
        return "its graph takes images of one size alone"
    small, large = backbone.graph(), backbone.graph()
    try:
        found = feature_map(small)
    except NoFeatureMapError as error:
        return str(error)
    small.reshape([1, backbone.px, backbone.px, backbone.channels])
    try:
        large.reshape([1, backbone.px + cell_px, backbone.px, backbone.channels])
    except RuntimeError:
        return "it takes images of one size alone"
    if not _falls_on_cells(found, small, large, cell_px):
        return f"its feature map does not fall on cells of {cell_px} pixels"
    pooled = node_of(small, found.pool).input_value(0)
    side = pooled.get_shape()[found.axes[0]]
    channels = math.prod(pooled.get_shape()) // side**2
    largest = max(math.prod(node_of(small, name).get_output_shape(0)) for name in found.strides)
    return DenseShape(
        pool=found.pool,
        channels=channels,
        cell_px=cell_px,
        side=side,
        step=cell_px // found.strides[pooled.get_node().get_friendly_name()],
        halo=(backbone.px // cell_px - 1) // 2,
        context=max(1, math.ceil(EFFECTIVE * found.reach / cell_px)),
        cell_bytes=math.ceil(AT_ONCE * 4 * largest * (cell_px / backbone.px) ** 2),
    )


def _falls_on_cells(found: FeatureMap, small: Graph, large: Graph, cell_px: int) -> bool:
    first, second = ({n.get_friendly_name(): n for n in model.get_ordered_ops()} for model in (small, large))
    for name, stride in found.strides.items():
        sizes = [int(node.get_output_shape(0)[axis]) for node in (first[name], second[name]) for axis in (1, 2, 3)]
        grown = [after - before for before, after in zip(sizes[:3], sizes[3:], strict=True)]
        if sum(grown) * stride != cell_px or grown.count(0) != 2:
            return False
        if _begin(first[name]) != _begin(second[name]):
            return False
    return True


def _begin(node: Node) -> list[int]:
    return list(node.get_attributes().get("pads_begin", [0, 0]))


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


def cell_graph(bundle: Bundle, shape: DenseShape, head: DenseHead | None) -> Graph:
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


_OPEN: dict[tuple[str, DenseShape, Precision, int], OpenVinoDense] = {}
