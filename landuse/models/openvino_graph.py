"""An OpenVINO model from a network and its weights, without TensorFlow.

Tensors are (N, C, H, W) inside, as OpenVINO wants them; images come in as (N, H, W, C) uint8 and are prepared inside
the graph. Batch norm that follows a convolution directly is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from landuse.models.arrays import Floats
from landuse.models.heads import LogisticHead
from landuse.models.network import Network
from landuse.models.nodes import BatchNorm, Conv, DepthwiseConv, Node
from landuse.models.openvino_library import ops, ov
from landuse.models.openvino_nodes import Affine, Extra, Tensor, quantised, tensor_of
from landuse.models.preprocess import Preprocess

Ranges = Mapping[str, tuple[float, float]]
"""Least and largest value of tensors, by the name of the node that makes them."""


def build_openvino(
    network: Network,
    weights: Mapping[str, Floats],
    preprocess: Preprocess,
    px: int,
    head: LogisticHead | None = None,
    ranges: Ranges | None = None,
) -> ov.Model:
    """A model from uint8 images (n, px, px, C) to, with a head, probabilities (n, K), then features (n, D); float32.

    Without a head it gives the features alone. The batch size n is free. With `ranges` the convolutions that have one
    compute in 8-bit integers; see `quantised`.
    """
    image = ops.parameter([-1, px, px, network.channels], np.uint8, name="image")
    graph = Graph(network, weights, ranges or {})
    features = graph.run({network.input: _prepare(image, preprocess)})[network.output]
    return ov.Model(results_of(features, head), [image], "landuse")


def build_until(
    network: Network, weights: Mapping[str, Floats], preprocess: Preprocess, node: str, ranges: Ranges | None = None
) -> ov.Model:
    """A model from uint8 images (n, H, W, C) of any size to the feature map (n, D, h, w) of a node; float32."""
    image = ops.parameter([-1, -1, -1, network.channels], np.uint8, name="image")
    graph = Graph(network, weights, ranges or {})
    found = graph.run({network.input: _prepare(image, preprocess)}, upto=node)[node]
    return ov.Model([found], [image], "landuse_map")


def build_nodes(
    network: Network, weights: Mapping[str, Floats], preprocess: Preprocess, px: int, names: Sequence[str]
) -> tuple[Tensor, list[Tensor]]:
    """The parameter of uint8 images (n, px, px, C), and the tensors (n, c, h, w) that some nodes make of it."""
    image = ops.parameter([-1, px, px, network.channels], np.uint8, name="image")
    found = Graph(network, weights, {}).run({network.input: _prepare(image, preprocess)})
    return image, [found[name] for name in names]


def build_after(
    network: Network,
    weights: Mapping[str, Floats],
    pool: str,
    box: tuple[int, int, int],
    head: LogisticHead | None,
    lines: Affine | None = None,
) -> ov.Model:
    """A model from a feature map (1, D, h, w) to what the network says of each square of it, in image order.

    Its second input, (1, 1, h, w), is 1 at the positions that count and 0 elsewhere; a square's features are the mean over
    those that do.

    Args:
        network: the whole network.
        weights: of the whole network.
        pool: the node that pools the feature map.
        box: channels D, side of a square in positions, and positions from one square to the next.
        head: makes probabilities (cells, K), which come before the features (cells, d).
        lines: factor and offset of each feature, by which they are brought to those of chips.
    """
    channels, side, step = box
    found = ops.parameter([1, channels, -1, -1], np.float32, name="map")
    counts = ops.parameter([1, 1, -1, -1], np.float32, name="counts")
    sums, numbers = _box_mean(ops.multiply(found, counts), side, step), _box_mean(counts, side, step)
    means = ops.divide(sums, ops.maximum(numbers, np.float32(1e-6)))
    vectors = ops.reshape(ops.transpose(means, np.array([0, 2, 3, 1])), np.array([-1, channels]), False)
    features = Graph(network, weights, {}).run({pool: vectors})[network.output]
    aligned = features if lines is None else ops.add(ops.multiply(features, lines[0][None]), lines[1][None])
    return ov.Model(results_of(aligned, head), [found, counts], "landuse_cells")


def _box_mean(tensor: Tensor, side: int, step: int) -> Tensor:
    """Mean over each square of `side` positions, `step` apart."""
    return ops.avg_pool(tensor, [step] * 2, [0, 0], [0, 0], [side] * 2, True, "floor", "valid")


def results_of(features: Tensor, head: LogisticHead | None) -> list[Tensor]:
    """Probabilities, where there is a head, and features."""
    features.set_friendly_name("features")
    return [features] if head is None else [_build_head(features, head), features]


class Graph:
    """The nodes of a network as OpenVINO operations.

    Args:
        network, weights: what is built.
        ranges: least and largest value of tensors by name; a tensor that has one is rounded to 8 bits where it feeds a
            convolution, whose weights are then too.
    """

    def __init__(self, network: Network, weights: Mapping[str, Floats], ranges: Ranges) -> None:
        self._network, self._weights, self._ranges = network, weights, ranges

    def run(self, tensors: dict[str, Tensor], upto: str | None = None) -> dict[str, Tensor]:
        """Tensors of all nodes that can be computed from those given, or of those up to and with one of them."""
        for node, affine in _folded(self._network, self._weights):
            if node.name in tensors or any(name not in tensors for name in node.inputs):
                continue
            sources = [tensors[name] for name in node.inputs]
            narrow = isinstance(node, Conv | DepthwiseConv) and node.inputs[0] in self._ranges
            made = tensor_of(node, sources, self._weights, Extra(affine, narrow))
            span = self._ranges.get(node.name)
            tensors[node.name] = made if span is None else quantised(made, span)
            if node.name == upto:
                break
        return tensors


def _prepare(image: Tensor, preprocess: Preprocess) -> Tensor:
    factor, offset = preprocess.affine()
    prepared = ops.transpose(ops.convert(image, np.float32), np.array([0, 3, 1, 2]))
    if preprocess.order == "bgr":
        channels = image.get_partial_shape()[3].get_length()
        prepared = ops.gather(prepared, np.arange(channels)[::-1].copy(), np.int64(1))
    prepared = ops.multiply(prepared, factor.reshape(1, -1, 1, 1))
    return ops.add(prepared, offset.reshape(1, -1, 1, 1))


def _build_head(features: Tensor, head: LogisticHead) -> Tensor:
    """Probabilities (n, K) by the head's softmax of an affine function."""
    matrix, offset = head.affine()
    probabilities = ops.softmax(ops.add(ops.matmul(features, matrix, False, False), offset[None]), 1)
    probabilities.set_friendly_name("probabilities")
    return probabilities


def _folded(network: Network, weights: Mapping[str, Floats]) -> list[tuple[Node, Affine | None]]:
    """Each node with the batch norm that it takes over; that batch norm itself becomes the identity."""
    readers: dict[str, list[Node]] = {}
    for node in network.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    affines = {n.name: norm_affine(n, weights) for n in network.nodes if isinstance(n, BatchNorm)}
    found: list[tuple[Node, Affine | None]] = []
    for node in network.nodes:
        after = readers.get(node.name, [])
        takes = isinstance(node, Conv | DepthwiseConv) and node.name != network.output
        if takes and len(after) == 1 and isinstance(after[0], BatchNorm):
            found.append((node, affines.pop(after[0].name)))
        else:
            found.append((node, affines.get(node.name)))
    return found


def norm_affine(node: BatchNorm, weights: Mapping[str, Floats]) -> Affine:
    """Factor and offset that a batch norm amounts to when its statistics are fixed."""
    gamma = weights[f"{node.name}/gamma"].astype(np.float64) if node.scale else 1.0
    factor = gamma / np.sqrt(weights[f"{node.name}/moving_variance"].astype(np.float64) + node.epsilon)
    offset = weights[f"{node.name}/beta"] - weights[f"{node.name}/moving_mean"] * factor
    return factor.astype(np.float32), offset.astype(np.float32)
