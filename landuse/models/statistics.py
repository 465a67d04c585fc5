"""What the colours and the texture of a chip say beside what a network sees: part of the graph, in float32.

Every band of the survey, and every index that the bands' names allow, is a plane from 0 to 255. Of each plane the features are
its mean, its deviation within cells of 32 pixels, its roughness at one and at four pixels, and the share of its pixels below
seven levels, which are its quantiles read the other way round. All are means over places, as the map of the network is, so that
a dense grid can take them of any part of the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from landuse.errors import BandsError
from landuse.models.architectures import Preprocess
from landuse.models.backbone import Backbone
from landuse.models.graph_file import halved, pack_graph
from landuse.models.libraries import Graph, Node, ops, ov
from landuse.models.pooling import feature_map, node_of

INDICES = MappingProxyType({"ndvi": ("nir", "red"), "ndwi": ("green", "nir")})
"""Indices (a - b) / (a + b): of vegetation (Rouse et al. 1974) and of water (McFeeters 1996)."""
STRIDE = 32
LEVELS = tuple(range(32, 225, 32))
SOFT = 32.0
"""Width of the slope between below a level and above it."""
OF_A_PLANE = 4 + len(LEVELS)
RGB = ("red", "green", "blue")


def planes_of(bands: Sequence[str]) -> tuple[str, ...]:
    """The planes of a survey with bands of these names: the bands, then the indices that they allow."""
    return (*bands, *(name for name, pair in INDICES.items() if set(pair) <= set(bands)))


def with_statistics(backbone: Backbone, bands: Sequence[str], seen: Sequence[str] = RGB) -> Backbone:
    """A backbone that takes more bands: its network sees some of them, and statistics of all are added to its features.

    Args:
        backbone: from images (n, px, px, 3) to features (n, D).

    Returns:
        A backbone from images (n, px, px, C) to features (n, D + S), with no Keras network to build it.

    Raises:
        BandsError: the survey lacks a band that the network sees.
    """
    missing = [name for name in seen if name not in bands]
    if missing or len(seen) != backbone.channels:
        raise BandsError(
            f"The backbone sees {', '.join(seen)}, and the survey's bands are {', '.join(bands)}: name them in order with "
            "--band-names, for example --band-names red,green,blue,nir."
        )
    graph = backbone.graph()
    parameter = graph.get_parameters()[0]
    image = ops.parameter(
        [-1 if backbone.batch is None else backbone.batch, backbone.px, backbone.px, len(bands)], np.uint8
    )
    places = np.array([list(bands).index(name) for name in seen])
    parameter.output(0).replace(ops.gather(image, places, np.int64(3)).output(0))
    joined = _joined(graph, _maps(_planes(image, bands)), backbone.px)
    model = halved(ov.Model([joined], [image], "landuse"))
    xml, weights, _ = pack_graph(model, {})
    width = backbone.features + OF_A_PLANE * len(planes_of(bands))
    return Backbone(xml, weights, backbone.px, len(bands), width, Preprocess(), batch=backbone.batch)


def _planes(image: Node, bands: Sequence[str]) -> Node:
    """All planes (n, P, h, w) of an image uint8 (n, h, w, C)."""
    values = ops.transpose(ops.convert(image, np.float32), np.array([0, 3, 1, 2]))
    found = [values]
    for pair in (pair for pair in INDICES.values() if set(pair) <= set(bands)):
        one, other = (ops.gather(values, np.array([list(bands).index(name)]), np.int64(1)) for name in pair)
        ratio = ops.divide(ops.subtract(one, other), ops.add(ops.add(one, other), np.float32(1)))
        found.append(ops.add(ops.multiply(ratio, np.float32(127.5)), np.float32(127.5)))
    return ops.concat(found, 1)


def _maps(planes: Node) -> Node:
    """The statistics (n, S, h / 32, w / 32) of planes (n, P, h, w), in cells of 32 pixels."""
    mean = _cells(planes)
    variance = ops.subtract(_cells(ops.multiply(planes, planes)), ops.multiply(mean, mean))
    deviation = ops.sqrt(ops.maximum(variance, np.float32(0)))
    rough = [_cells(ops.abs(ops.subtract(planes, _blurred(planes, side)))) for side in (3, 9)]
    below = [
        _cells(
            ops.clamp(ops.add(ops.multiply(planes, np.float32(-1 / SOFT)), np.float32(level / SOFT + 0.5)), 0.0, 1.0)
        )
        for level in LEVELS
    ]
    return ops.concat([mean, deviation, *rough, *below], 1)


def _cells(planes: Node) -> Node:
    """Means of cells of 32 pixels."""
    return ops.avg_pool(planes, [STRIDE] * 2, [0, 0], [0, 0], [STRIDE] * 2, True, "floor", "valid")


def _blurred(planes: Node, side: int) -> Node:
    reach = [side // 2] * 2
    return ops.avg_pool(planes, [1, 1], reach, reach, [side] * 2, True, "floor", "explicit")


def _joined(graph: Graph, maps: Node, px: int) -> Node:
    """The features of a graph and the means of maps: before the pooling where the maps are of one size, else after it."""
    features = graph.get_results()[0].input_value(0)
    after = ops.concat([features, ops.reduce_mean(maps, np.array([2, 3]), False)], 1)
    found = feature_map(graph)
    if found is None:
        return after
    pool = node_of(graph, found.pool)
    source = pool.input_value(0)
    if found.axes != (2, 3) or found.side != px // STRIDE or not _ends(graph, pool):
        return after
    return ops.reduce_mean(ops.concat([source, maps], 1), np.array([2, 3]), False)


def _ends(graph: Graph, pool: Node) -> bool:
    node = graph.get_results()[0].input_value(0).get_node()
    while node.get_type_name() == "Transpose" and node.input_value(1).get_node().get_data().ravel().tolist() == [0, 1]:
        node = node.input_value(0).get_node()
    return bool(node.get_friendly_name() == pool.get_friendly_name())
