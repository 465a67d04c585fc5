"""In which order Keras would keep the weights of a network, had it been written in Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from landuse.models.network import Network
from landuse.models.nodes import BatchNorm, Conv, Dense, DepthwiseConv, Node, Shape

DEPTHWISE, POINTWISE = "_depthwise", "_pointwise"


@dataclass(frozen=True)
class WeightLayer:
    """A Keras layer with weights.

    Attributes:
        name: its name; two nodes `X_depthwise` and `X_pointwise` are the one layer X, a SeparableConv2D.
        kind: its class as Keras writes it in files, such as "conv2d".
        shapes: shape of each weight by its name in our network, in Keras' order.
    """

    name: str
    kind: str
    shapes: Mapping[str, Shape]


def weight_layers(network: Network, px: int) -> list[WeightLayer]:
    """The layers with weights, in the order of `keras.Model.layers`.

    Keras sorts layers by depth, the longest way to the output, the deepest first; those of one depth in the order in
    which a walk from the output back, first input first, meets them (keras.src.ops.function.map_graph).
    """
    nodes = {node.name: node for node in network.nodes}
    met = _backward_walk(network, nodes)
    depths = _depths(network, met)
    order = sorted(met, key=lambda name: (-depths[name], met[name]))
    shapes = network.weight_shapes(px)
    return [_layer(nodes[name], nodes, shapes) for name in order if _kind(nodes[name], nodes) is not None]


def _backward_walk(network: Network, nodes: Mapping[str, Node]) -> dict[str, int]:
    """When a depth-first walk from the output meets each node."""
    met: dict[str, int] = {}
    waiting = [network.output]
    while waiting:
        name = waiting.pop()
        if name in met or name not in nodes:
            continue
        met[name] = len(met)
        waiting.extend(reversed(nodes[name].inputs))
    return met


def _depths(network: Network, met: Mapping[str, int]) -> dict[str, int]:
    """Layers on the longest way from each node to the output; the halves of a separable convolution are one."""
    depths = dict.fromkeys(met, 0)
    for node in reversed(network.nodes):
        if node.name not in met:
            continue
        for source in node.inputs:
            if source in depths:
                step = 0 if _halves(source, node.name) else 1
                depths[source] = max(depths[source], depths[node.name] + step)
    return depths


def _halves(first: str, second: str) -> bool:
    """Whether two nodes are the halves of one separable convolution."""
    stem = second.removesuffix(POINTWISE)
    return stem != second and first == stem + DEPTHWISE


def _kind(node: Node, nodes: Mapping[str, Node]) -> str | None:
    """What Keras calls the layer of a node; None for one without weights, or counted with another."""
    match node:
        case DepthwiseConv():
            paired = node.name.endswith(DEPTHWISE) and node.name.removesuffix(DEPTHWISE) + POINTWISE in nodes
            return None if paired else "depthwise_conv2d"
        case Conv():
            return "separable_conv2d" if _halves(node.inputs[0], node.name) else "conv2d"
        case BatchNorm():
            return "batch_normalization"
        case Dense():
            return "dense"
        case _:
            return None


def _layer(node: Node, nodes: Mapping[str, Node], shapes: Mapping[str, Shape]) -> WeightLayer:
    kind = _kind(node, nodes) or ""
    parts = [node.inputs[0], node.name] if kind == "separable_conv2d" else [node.name]
    name = node.name.removesuffix(POINTWISE) if len(parts) > 1 else node.name
    own = {key: shape for part in parts for key, shape in shapes.items() if key.rpartition("/")[0] == part}
    return WeightLayer(name, kind, own)
