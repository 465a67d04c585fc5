"""Where a network pools what it sees: its feature map, its class token, and what its features are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landuse.errors import UsageError
from landuse.models.libraries import Graph, Node, ops


@dataclass(frozen=True)
class FeatureMap:
    """The map that a network pools, found in its graph.

    Attributes:
        pool: name of the operation that takes the mean of the whole map.
        axes: its rows and its columns, as axes of the tensor that is pooled.
        side: positions of the map along a chip.
        channels: its depth.
    """

    pool: str
    axes: tuple[int, int]
    side: int
    channels: int


def feature_map(model: Graph) -> FeatureMap | None:
    """The map of a chip whose mean makes all features of a network; None where there is none."""
    for node in reversed(model.get_ordered_ops()):
        if _is_pool(node) and narrows(model, node):
            first, second = sorted(int(axis) % 4 for axis in node.input_value(1).get_node().get_data().ravel())
            sides = [side.get_length() if side.is_static else 0 for side in node.input_value(0).get_partial_shape()]
            if sides[first] == sides[second] > 1:
                return FeatureMap(node.get_friendly_name(), (first, second), sides[first], sides[6 - first - second])
    return None


def node_of(model: Graph, name: str) -> Node:
    """An operation by its name."""
    return next(node for node in model.get_ordered_ops() if node.get_friendly_name() == name)


def chosen_output(graph: Graph, layer: str | None, path: Path) -> Graph:
    """The output that makes the features."""
    ordered = graph.get_ordered_ops()
    if layer is not None:
        named = [o for n in ordered for o in n.outputs() if layer in (n.get_friendly_name(), *o.get_names())]
        if not named:
            raise UsageError(f"{path} has no layer {layer!r} that could make the features.")
        return named[-1]
    pools = [node for node in ordered if _is_pool(node) and narrows(graph, node)]
    tokens = [node for node in ordered if _takes_token(node) and narrows(graph, node)]
    found = pools or tokens
    return found[-1].output(0) if found else graph.get_results()[0].input_value(0)


def _rank(output: Node) -> int:
    rank = output.get_partial_shape().rank
    return int(rank.get_length()) if rank.is_static else -1


def _is_pool(node: Node) -> bool:
    if node.get_type_name() != "ReduceMean" or _rank(node.input_value(0)) != 4:
        return False
    axes = node.input_value(1).get_node()
    return axes.get_type_name() == "Constant" and {int(a) % 4 for a in axes.get_data().ravel()} in ({2, 3}, {1, 2})


def _takes_token(node: Node) -> bool:
    kinds = ("Gather", "Squeeze", "Reshape", "StridedSlice", "ReduceMean")
    return node.get_type_name() in kinds and _rank(node.input_value(0)) == 3 and _rank(node.output(0)) == 2


def narrows(graph: Graph, node: Node) -> bool:
    """Whether all that a graph says of its image goes through an operation."""
    reached = {graph.get_parameters()[0].get_friendly_name()}
    for other in graph.get_ordered_ops():
        if other.get_friendly_name() != node.get_friendly_name() and any(
            value.get_node().get_friendly_name() in reached for value in other.input_values()
        ):
            reached.add(other.get_friendly_name())
    return graph.get_results()[0].get_friendly_name() not in reached


def vector_of(graph: Graph, output: Node) -> Graph:
    """An output as vectors (n, D): a map is pooled; of tokens the class token is taken where there is one, else their mean."""
    shape = output.get_partial_shape()
    sides = [d.get_length() if d.is_static else 0 for d in shape]
    if len(sides) == 4:
        spatial = [2, 3] if sides[2] == sides[3] else [1, 2]
        return ops.reduce_mean(output, np.array(spatial), False).output(0)
    if len(sides) == 3 and math.isqrt(max(0, sides[1] - 1)) ** 2 == sides[1] - 1 and sides[1] > 1:
        return ops.gather(output, np.int64(0), np.int64(1)).output(0)
    if len(sides) == 3:
        return ops.reduce_mean(output, np.array([1]), False).output(0)
    return output
