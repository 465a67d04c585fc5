"""Whether a network can answer on a grid finer than its chips, and what it says there.

A network that pools one map of a chip has an answer for each part of the map: the maps of neighbouring chips, side by side,
are a map of the ground, and the mean of as much of it as a chip has is a chip's feature vector wherever it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from landuse.errors import UsageError
from landuse.models.backbone import Backbone
from landuse.models.heads import DenseHead, in_graph
from landuse.models.libraries import Floats, Graph, Images, Node, ops, ov
from landuse.models.pooling import FeatureMap, feature_map, node_of
from landuse.models.runtime import ImageStream, Precision, Prediction, read_cached, results_of

if TYPE_CHECKING:
    from landuse.models.bundle import Bundle

Map = Floats
"""A map of the features of cells (D, rows, columns), north up."""


@dataclass(frozen=True)
class DenseShape:
    """How the map that a network pools lies on the cells of a chip.

    Attributes:
        split: cells along a chip, an odd number; the map has as many positions at least.
    """

    found: FeatureMap
    split: int

    @property
    def halo(self) -> int:
        """Cells of a chip to each side of its middle cell."""
        return self.split // 2


def dense_shape(backbone: Backbone, cell_px: float, name: str) -> DenseShape:
    """How a network's map lies on cells of `cell_px` pixels.

    Raises:
        UsageError: the features are not the mean of one map, or the map is not as fine as the cells.
    """
    whole, px = round(cell_px), backbone.px
    if abs(cell_px - whole) > 1e-6 or whole < 1 or px % whole or (px // whole) % 2 == 0:
        raise UsageError(
            f"A chip of model {name} has {px} pixels a side, which do not make an odd number of cells of {cell_px:g} pixels; "
            "leave --cell out, or train with another --backbone."
        )
    split, found = px // whole, _map_of(_ByDigest(backbone))
    if found is None or found.side < split:
        why = "its features are not made by one pooling over the whole chip"
        if found is not None:
            why = f"its feature map has {found.side} positions along a chip, fewer than the {split} cells"
        raise UsageError(
            f"Model {name} cannot answer on a grid of {whole} pixels: {why}; leave --cell out, or train with another "
            "--backbone."
        )
    return DenseShape(found, split)


class _ByDigest:
    """A backbone that counts as equal to one with the same digest."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByDigest) and other.backbone.digest == self.backbone.digest

    def __hash__(self) -> int:
        return hash(self.backbone.digest)


@cache
def _map_of(held: _ByDigest) -> FeatureMap | None:
    return feature_map(held.backbone.graph())


class OpenVinoDense:
    """A network in two halves: from chips to features of their cells, and from those of the cells of a chip to its answer."""

    def __init__(self, bundle: Bundle, shape: DenseShape, precision: Precision = "auto", threads: int = 0) -> None:
        self._until = ImageStream(bundle, lambda graph: [cell_features(graph, shape)], precision, threads)
        self._head, inside = bundle.head, in_graph(bundle.head)
        config = self._until.config | {"PERFORMANCE_HINT": "LATENCY"}
        self._after = ov.Core().compile_model(cell_graph(bundle, shape, inside), "CPU", config)

    @property
    def precision(self) -> str:
        """The arithmetic, as that of the other runtimes."""
        return self._until.precision

    def maps(self, batches: Iterator[Images]) -> Iterator[Floats]:
        """The maps (n, D, split, split) of each batch of chips uint8 (n, px, px, bands), in order."""
        for (found,) in self._until.outputs(batches):
            yield found

    def cells(self, found: Map, counts: npt.NDArray[np.bool_]) -> Prediction:
        """What the network says of each cell whose chip lies within a map, in image order.

        Args:
            found: map (D, rows, columns), put together of those of chips.
            counts: bool (rows, columns), the cells that are known; one around each cell at least, else its answer is of no use.
        """
        answers = self._after([found[None], counts[None, None].astype(np.float32)])
        features = answers[len(answers) - 1].copy()
        return Prediction(self._head.apply(features) if len(answers) == 1 else answers[0].copy(), features)


def cell_features(graph: Graph, shape: DenseShape) -> Node:
    """The means over cells (n, D, split, split) of the map that a network pools; their mean is that of the map."""
    found, axes = node_of(graph, shape.found.pool).input_value(0), shape.found.axes
    if axes != (2, 3):
        rest = [axis for axis in range(4) if axis not in axes]
        found = ops.transpose(found, np.array([*rest, *axes])).output(0)
    if shape.found.side == shape.split:
        return found
    parts = overlaps(shape.split, shape.found.side)
    return ops.matmul(ops.matmul(parts, found, False, False), parts, False, True).output(0)


def overlaps(cells: int, positions: int) -> Floats:
    """Parts (cells, positions) of each cell of a line that each position of the same line covers."""
    ends = np.arange(cells + 1) / cells, np.arange(positions + 1) / positions
    first, last = np.maximum.outer(ends[0][:-1], ends[1][:-1]), np.minimum.outer(ends[0][1:], ends[1][1:])
    return np.asarray(np.maximum(last - first, 0) * cells, np.float32)


def cell_graph(bundle: Bundle, shape: DenseShape, head: DenseHead | None) -> Graph:
    """A model from the features of cells (1, D, h, w) to what the network says of each chip among them, in image order.

    Its second input, (1, 1, h, w), is 1 for the cells that count and 0 for others; a chip's features are the mean over those
    that do. The head, where it can be in the graph, makes probabilities (chips, K), which come before the features (chips, d).
    """
    channels = shape.found.channels
    found = ops.parameter([1, channels, -1, -1], np.float32, name="map")
    counts = ops.parameter([1, 1, -1, -1], np.float32, name="counts")
    sums, numbers = (_box_mean(t, shape.split) for t in (ops.multiply(found, counts), counts))
    means = ops.divide(sums, ops.maximum(numbers, np.float32(1e-6)))
    vectors = ops.reshape(ops.transpose(means, np.array([0, 2, 3, 1])), np.array([-1, channels]), False)
    return ov.Model(results_of(_pooled_onward(bundle, shape, vectors), head), [found, counts], "landuse_cells")


def _pooled_onward(bundle: Bundle, shape: DenseShape, vectors: Node) -> Node:
    """What the network makes of pooled vectors (cells, D): the operations behind its pooling, over them."""
    graph = bundle.backbone.graph(f"Model {bundle.name}")
    pooled = node_of(graph, shape.found.pool).output(0)
    rank = pooled.get_partial_shape().rank.get_length()
    spread = [-1, *(d.get_length() for d in list(pooled.get_partial_shape())[1:])]
    given = vectors if rank == 2 else ops.reshape(vectors, np.array(spread), False)
    pooled.replace(given.output(0))
    return graph.get_results()[0].input_value(0)


def _box_mean(tensor: Node, side: int) -> Node:
    """Mean over each square of `side` cells."""
    return ops.avg_pool(tensor, [1, 1], [0, 0], [0, 0], [side] * 2, True, "floor", "valid")


def open_dense(path: Path, cell_px: float, precision: Precision, threads: int) -> tuple[OpenVinoDense, DenseShape]:
    """A model that answers on cells of `cell_px` pixels, and how its map lies on them. Compiled once a process.

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
