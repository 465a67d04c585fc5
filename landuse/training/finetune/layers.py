"""Which layers of a backbone learn on."""

from __future__ import annotations

from landuse.errors import UsageError
from landuse.models.network import Network
from landuse.models.nodes import BatchNorm, Conv, Dense, DepthwiseConv, Node
from landuse.options.training import ALL, LAST_BLOCK, Layers


def layers_to_train(network: Network, px: int, choice: Layers, batch_norm: bool = False) -> frozenset[str]:
    """Names of the nodes whose weights learn on.

    Args:
        network: the backbone.
        px: pixels of an image's side.
        choice: as in `FineTuneOptions`.
        batch_norm: whether batch norms among them learn too.

    Raises:
        UsageError: the backbone has fewer layers than asked for.
    """
    if choice == ALL:
        chosen = list(network.nodes)
    elif choice == LAST_BLOCK:
        chosen = _last_block(network, px)
    else:
        chosen = _from_the_top(network, int(choice))
    kinds = (Conv, DepthwiseConv, Dense, *((BatchNorm,) if batch_norm else ()))
    return frozenset(node.name for node in chosen if isinstance(node, kinds))


def _last_block(network: Network, px: int) -> list[Node]:
    """The nodes whose output is as small a map as the smallest that a convolution makes, and all vectors."""
    shapes = network.shapes(px)
    maps = [shapes[node.name][:2] for node in network.nodes if isinstance(node, Conv | DepthwiseConv)]
    return [n for n in network.nodes if len(shapes[n.name]) == 1 or (maps and shapes[n.name][:2] == min(maps))]


def _from_the_top(network: Network, count: int) -> list[Node]:
    """The last `count` convolutions and dense layers, and everything after the first of them."""
    places = [i for i, node in enumerate(network.nodes) if isinstance(node, Conv | DepthwiseConv | Dense)]
    if count > len(places):
        raise UsageError(f"The backbone has {len(places)} layers, not {count}: give --fine-tune all.")
    return list(network.nodes[places[-count] :])
