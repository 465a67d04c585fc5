"""Whether a network can answer on a grid finer than its chips, and how its feature map lies on the ground.

A network that is convolutional up to one global pooling has a feature map of a whole window of ground. The mean of the
map over as many positions as a chip has is what the network says of a chip there; it can stand at every position.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from landuse.errors import UsageError
from landuse.models.arrays import Graph, Node
from landuse.models.backbone import Backbone

EFFECTIVE = 0.6
"""Part of the way over which the border of a window reaches into it that matters: the effective receptive field is smaller
than the theoretical one (Luo et al. 2016). Beyond it, answers move by less than 0.02; `benchmarks/dense.py` measures it."""
AT_ONCE = 3
"""Tensors as large as the largest that are there at the same time: what ResNet50 and the built-in network took."""
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
class DenseShape:
    """How a feature map lies on cells.

    Attributes:
        pool: the operation that pools the map.
        channels: depth D of the map.
        cell_px: pixels of a cell's side.
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


@dataclass(frozen=True)
class FeatureMap:
    """The map that a network pools, found in its graph.

    Attributes:
        pool: name of the operation that pools it.
        axes: its rows and its columns, as axes of the tensor that is pooled.
        strides: pixels from one position to the next, of every tensor that is computed on the way.
        reach: pixels over which a position of the map looks to each side.
    """

    pool: str
    axes: tuple[int, int]
    strides: dict[str, int]
    reach: float


def dense_shape(backbone: Backbone, cell_px: float, name: str) -> DenseShape:
    """The shape of a network's map on cells.

    Args:
        backbone: the network.
        cell_px: pixels of a cell's side.
        name: of the model, for messages.

    Raises:
        UsageError: the network mixes distant places before its pooling, or its strides do not fall on the cells' edges.
    """
    whole, px = round(cell_px), backbone.px
    if abs(cell_px - whole) > 1e-6 or whole < 1 or px % whole or (px // whole) % 2 == 0:
        raise UsageError(
            f"A chip of model {name} has {px} pixels a side, which do not make an odd number of cells of {cell_px:g} pixels; "
            "leave --cell out, or train with another --backbone."
        )
    found = _shape(_Whole(backbone), whole)
    if isinstance(found, str):
        raise UsageError(
            f"Model {name} cannot answer on a grid of {whole} pixels: {found}; leave --cell out, or train with another "
            "--backbone."
        )
    return found


class _Whole:
    """A backbone that counts as equal to one with the same digest."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Whole) and other.backbone.digest == self.backbone.digest

    def __hash__(self) -> int:
        return hash(self.backbone.digest)


@cache
def _shape(whole: _Whole, cell_px: int) -> DenseShape | str:
    """The shape, or the reason why there is none."""
    backbone = whole.backbone
    if backbone.batch is not None:
        return "its graph takes images of one size alone"
    small, large = backbone.graph(), backbone.graph()
    try:
        found = feature_map(small)
    except _MixedError as error:
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


class _MixedError(ValueError):
    """Why a network is not convolutional up to one pooling over the whole chip."""


def feature_map(model: Graph) -> FeatureMap:
    """The map that a network pools. Raises `_MixedError` with the reason where there is none."""
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
    raise _MixedError(reason)


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
    """The axes that an operation looks along, counted from the first."""
    rank = node.input_value(0).get_partial_shape().rank.get_length()
    told = node.get_attributes().get("axis")
    if told is None and len(node.input_values()) > 1:
        named = node.input_value(1).get_node()
        told = named.get_data().ravel().tolist() if named.get_type_name() == "Constant" else list(range(rank))
    return [int(axis) % rank for axis in (told if isinstance(told, list) else [told or 0])]


def _turned(node: Node, axes: tuple[int, int]) -> tuple[int, int]:
    """Where rows and columns are after an operation."""
    if node.get_type_name() != "Transpose":
        return axes
    order = node.input_value(1).get_node().get_data().ravel().tolist()
    return order.index(axes[0]), order.index(axes[1])


def _window(node: Node) -> tuple[int, int]:
    """The stride of an operation that looks at neighbourhoods, and how many positions it looks over."""
    told = node.get_attributes()
    sides = told.get("kernel") or list(node.input_value(1).get_partial_shape().to_shape())[-2:]
    dilations = told.get("dilations") or [1, 1]
    return max(told["strides"]), max((int(s) - 1) * int(d) + 1 for s, d in zip(sides, dilations, strict=True))


def _falls_on_cells(found: FeatureMap, small: Graph, large: Graph, cell_px: int) -> bool:
    """Whether a window longer by a cell has the same map, longer by a cell: then the map is the same wherever it starts."""
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
    """Rows of padding before the first row."""
    return list(node.get_attributes().get("pads_begin", [0, 0]))
