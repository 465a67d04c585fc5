"""Which layers of a backbone learn on."""

from __future__ import annotations

from typing import Any

from landuse.errors import UsageError
from landuse.models.keras_library import keras
from landuse.models.keras_networks import named_layers
from landuse.options.training import ALL, LAST_BLOCK, Layers

COUNTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D, keras.layers.Dense)
"""The layers that a number of them counts."""
NORM = keras.layers.BatchNormalization
Layer = tuple[str, Any]
"""A layer of Keras with its stable name."""


def layers_to_train(model: Any, choice: Layers, batch_norm: bool = False) -> frozenset[str]:  # noqa: ANN401
    """Stable names of the layers whose weights learn on.

    Args:
        model: the backbone in Keras.
        choice: as in `FineTuneOptions`.
        batch_norm: whether batch norms among them learn too.

    Raises:
        UsageError: the backbone has fewer layers than asked for.
    """
    layers = list(named_layers(model))
    if choice == LAST_BLOCK:
        layers = _last_block(layers)
    elif choice != ALL:
        layers = _from_the_top(layers, int(choice))
    return frozenset(name for name, layer in layers if layer.weights and (batch_norm or not isinstance(layer, NORM)))


def _last_block(layers: list[Layer]) -> list[Layer]:
    """The layers whose output is as small a map as the smallest that a convolution makes, and all vectors."""
    shapes = {name: tuple(layer.output.shape)[1:-1] for name, layer in layers}
    maps = [shapes[name] for name, layer in layers if isinstance(layer, COUNTED) and shapes[name]]
    return [(name, layer) for name, layer in layers if not shapes[name] or (maps and shapes[name] == min(maps))]


def _from_the_top(layers: list[Layer], count: int) -> list[Layer]:
    """The last `count` convolutions and dense layers, and everything after the first of them."""
    places = [i for i, (_, layer) in enumerate(layers) if isinstance(layer, COUNTED)]
    if count > len(places):
        raise UsageError(f"The backbone has {len(places)} layers, not {count}: give --fine-tune all.")
    return layers[places[-count] :]
