"""Where a network pools what it sees: its feature map, its class token, and what its features are made of.

A network that is convolutional up to one global pooling has a feature map of a whole window of ground.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from landuse.errors import UsageError
from landuse.models.libraries import Graph, Node, ops

WINDOWS = frozenset({"Convolution", "GroupConvolution", "MaxPool", "AvgPool"})
REDUCING = frozenset({"ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "MVN", "NormalizeL2", "Concat", "Softmax"})
"""Operations that look along the axes that they name."""
_LOCAL = """
    Abs Add BatchNormInference Clamp Constant Convert Divide Elu Erf Exp FakeQuantize Gather Gelu HSigmoid HSwish
    HardSigmoid LRN Log MatMul Maximum Minimum Mish Multiply Negative PRelu Pad Parameter Power Relu Selu Sigmoid
    SoftPlus Sqrt SquaredDifference Subtract Swish Tanh Transpose
"""
LOCAL = WINDOWS | frozenset(_LOCAL.split())
"""Operations that answer for a place from its neighbourhood alone."""


@dataclass(frozen=True)
class FeatureMap:
    """The map that a network pools, found in its graph.

    Attributes:
        axes: its rows and its columns, as axes of the tensor that is pooled.
        strides: pixels from one position to the next, of every tensor that is computed on the way.
        reach: pixels over which a position of the map looks to each side.
    """

    pool: str
    axes: tuple[int, int]
    strides: dict[str, int]
    reach: float


class NoFeatureMapError(ValueError):
    """Why a network is not convolutional up to one pooling over the whole chip."""


def feature_map(model: Graph) -> FeatureMap:
    """The map that a network pools. Raises `NoFeatureMapError` with the reason where there is none."""
    axes: dict[str, tuple[int, int]] = {}
    strides: dict[str, int] = {}
    reach: dict[str, float] = {}
    pools: list[Node] = []
    for node in from_image(model):
        name = node.get_friendly_name()
        sources = [s.get_friendly_name() for s in sources_of(node) if s.get_friendly_name() in strides]
        if node.get_type_name() == "Parameter":
            axes[name], strides[name], reach[name] = (1, 2), 1, 0.0
            continue
        if not sources:
            continue  # it comes after a pooling
        before = axes[sources[0]]
        if node.get_type_name() == "ReduceMean" and set(_along(node)) == set(before):
            pools.append(node)
            continue
        _check_local(node, before)
        axes[name] = _turned(node, before)
        strides[name] = max(strides[source] for source in sources)
        reach[name] = max(reach[source] for source in sources)
        if node.get_type_name() in WINDOWS:
            stride, size = _window(node)
            reach[name] += (size - 1) / 2 * strides[name]
            strides[name] *= stride
    if len(pools) != 1:
        _mixed("it is not convolutional up to one pooling over the whole chip")
    _check_through(model, pools[0], strides)
    source = pools[0].input_value(0).get_node().get_friendly_name()
    return FeatureMap(pools[0].get_friendly_name(), axes[source], strides, reach[source])


def _check_through(model: Graph, pool: Node, before: Iterable[str]) -> None:
    """Raise unless all that is said of the image goes through a pooling."""
    known, after = set(before), {pool.get_friendly_name()}
    for node in from_image(model):
        names = {source.get_friendly_name() for source in sources_of(node)}
        if names & after:
            after.add(node.get_friendly_name())
            if names & known:
                _mixed("it is not convolutional up to one pooling over the whole chip")
    if model.get_results()[0].get_friendly_name() not in after:
        _mixed("it is not convolutional up to one pooling over the whole chip")


def _check_local(node: Node, axes: tuple[int, int]) -> None:
    """Raise where an operation before the pooling mixes distant places."""
    kind = node.get_type_name()
    looks = kind in REDUCING and not set(axes) & set(_along(node))
    if not (kind in LOCAL or looks):
        _mixed(f"its operation {kind} mixes distant places before the pooling over the whole chip")


def _mixed(reason: str) -> NoReturn:
    raise NoFeatureMapError(reason)


def from_image(model: Graph) -> list[Node]:
    """The operations that are computed from the image, in order."""
    found: list[Node] = []
    known: set[str] = set()
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Parameter" or any(s.get_friendly_name() in known for s in sources_of(node)):
            known.add(node.get_friendly_name())
            found.append(node)
    return found


def sources_of(node: Node) -> list[Node]:
    """The operations that one reads."""
    return [value.get_node() for value in node.input_values()]


def node_of(model: Graph, name: str) -> Node:
    """An operation by its name."""
    return next(node for node in model.get_ordered_ops() if node.get_friendly_name() == name)


def _along(node: Node) -> list[int]:
    rank = node.input_value(0).get_partial_shape().rank.get_length()
    told = node.get_attributes().get("axis")
    if told is None and len(node.input_values()) > 1:
        named = node.input_value(1).get_node()
        told = named.get_data().ravel().tolist() if named.get_type_name() == "Constant" else list(range(rank))
    return [int(axis) % rank for axis in (told if isinstance(told, list) else [told or 0])]


def _turned(node: Node, axes: tuple[int, int]) -> tuple[int, int]:
    if node.get_type_name() != "Transpose":
        return axes
    order = node.input_value(1).get_node().get_data().ravel().tolist()
    return order.index(axes[0]), order.index(axes[1])


def _window(node: Node) -> tuple[int, int]:
    told = node.get_attributes()
    sides = told.get("kernel") or list(node.input_value(1).get_partial_shape().to_shape())[-2:]
    dilations = told.get("dilations") or [1, 1]
    return max(told["strides"]), max((int(s) - 1) * int(d) + 1 for s, d in zip(sides, dilations, strict=True))


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
