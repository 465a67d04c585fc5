"""Whether a network can answer on a grid finer than its chips, and how its feature map lies on the ground. Pure.

A network that is convolutional up to one global pooling has a feature map of a whole window of ground. The mean of the
map over as many positions as a chip has is what the network says of a chip there; it can stand at every position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from landuse.errors import UsageError
from landuse.models.network import Network
from landuse.models.nodes import GlobalAveragePool, Node, Window

EFFECTIVE = 0.6
"""Part of the way over which the border of a window reaches into it that matters: the effective receptive field is smaller
than the theoretical one (Luo et al. 2016). Beyond it, answers move by less than 0.02; `benchmarks/dense.py` measures it."""
AT_ONCE = 3
"""Tensors as large as the largest that are there at the same time: what ResNet50 and the built-in network took."""


@dataclass(frozen=True)
class DenseShape:
    """How a feature map lies on cells.

    Attributes:
        pool: the node that pools the map.
        source: the node that makes it.
        channels: its depth D.
        cell_px: pixels of a cell's side.
        side: positions of the map along a chip.
        step: positions of the map along a cell.
        halo: cells of a chip to each side of its middle cell.
        context: further cells around a window that are read and whose part of the map is thrown away.
        cell_bytes: what a cell needs in memory while its window is computed, about, in float32.
    """

    pool: str
    source: str
    channels: int
    cell_px: int
    side: int
    step: int
    halo: int
    context: int
    cell_bytes: int


def dense_shape(network: Network, px: int, cell_px: float, name: str) -> DenseShape:
    """The shape of a network's map on cells.

    Args:
        network: a sound network.
        px: pixels of a chip's side.
        cell_px: pixels of a cell's side.
        name: of the model, for messages.

    Raises:
        UsageError: the network mixes distant places before its pooling, or its strides do not fall on the cells' edges.
    """
    pools = [node for node in network.nodes if isinstance(node, GlobalAveragePool)]
    if len(pools) != 1 or pools[0].inputs[0] == network.input:
        raise UsageError(
            f"Model {name} is not convolutional up to one pooling over the whole chip, so it cannot answer on a finer grid; "
            "leave --cell out, or train with another --backbone."
        )
    whole = round(cell_px)
    if abs(cell_px - whole) > 1e-6 or whole < 1 or px % whole or (px // whole) % 2 == 0:
        raise UsageError(
            f"A chip of model {name} has {px} pixels a side, which do not make an odd number of cells of {cell_px:g} pixels; "
            "leave --cell out, or train with another --backbone."
        )
    strides, reach = _walk(network)
    if not _fits(network, px, whole, strides):
        raise UsageError(
            f"The feature map of model {name} does not fall on cells of {whole} pixels, so it cannot answer on that grid; "
            "leave --cell out, or train with another --backbone."
        )
    shapes = network.shapes(px)
    side, _, channels = shapes[pools[0].inputs[0]]
    largest = max(math.prod(shape) for shape in shapes.values())
    return DenseShape(
        pool=pools[0].name,
        source=pools[0].inputs[0],
        channels=channels,
        cell_px=whole,
        side=side,
        step=whole // strides[pools[0].inputs[0]],
        halo=(px // whole - 1) // 2,
        context=max(1, math.ceil(EFFECTIVE * reach[pools[0].inputs[0]] / whole)),
        cell_bytes=math.ceil(AT_ONCE * 4 * largest * (whole / px) ** 2),
    )


def _walk(network: Network) -> tuple[dict[str, int], dict[str, float]]:
    """Pixels from one position to the next of every tensor, and pixels over which a position looks to each side."""
    strides, reach = {network.input: 1}, {network.input: 0.0}
    for node in network.nodes:
        stride = max(strides[name] for name in node.inputs)
        reach[node.name] = max(reach[name] for name in node.inputs)
        if isinstance(node, Window):
            reach[node.name] += (max(node.sides) - 1) / 2 * stride
            stride *= node.stride
        strides[node.name] = stride
    return strides, reach


def _fits(network: Network, px: int, cell_px: int, strides: dict[str, int]) -> bool:
    """Whether a window longer by a cell has the same map, longer by a cell: then the map is the same wherever it starts."""
    try:
        small, large = network.shapes(px), network.shapes(px + cell_px)
    except ValueError:
        return False
    for node in network.nodes:
        if len(small[node.name]) != 3:
            continue
        if (large[node.name][0] - small[node.name][0]) * strides[node.name] != cell_px:
            return False
        if _begin(node, small[node.inputs[0]][0]) != _begin(node, large[node.inputs[0]][0]):
            return False
    return True


def _begin(node: Node, length: int) -> int:
    """Rows of padding before the first of `length` rows, for a node that pads ("same" as TensorFlow has it)."""
    if not isinstance(node, Window) or node.padding == "valid":
        return 0
    outputs = -(-length // node.stride)
    return max((outputs - 1) * node.stride + node.sides[0] - length, 0) // 2
