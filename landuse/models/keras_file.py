"""Backbones from `.keras` files: the description of the layers is read as data, and no object is made from it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from landuse.errors import ModelFileError
from landuse.models.arrays import Weights
from landuse.models.foreign import UNSUPPORTED, Declared, NodeData, choose_output, choose_px, network_to
from landuse.models.keras_weights import plain_name, read_weights
from landuse.models.network import MAX_PARAMETERS, Network
from landuse.models.safe_zip import SafeZip

MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
MAX_CONFIG = 16_000_000
MAX_WEIGHTS = 4 * MAX_PARAMETERS
Config = dict[str, Any]
FUNCTIONS = {"relu": "relu", "relu6": "relu6", "silu": "swish", "swish": "swish", "sigmoid": "sigmoid", "tanh": "tanh"}
NO_CHANGE = ("Dropout", "SpatialDropout2D", "GaussianNoise")


def read_keras_file(path: Path, declared: Declared) -> tuple[Network, Weights, int]:
    """Network, weights and pixels of an image's side from a `.keras` file (Functional or Sequential).

    Raises:
        ModelFileError: the file is damaged, or has a layer that is not supported.
        UsageError: the declared size or layer is not one of the file.
    """
    with SafeZip(path, MEMBERS) as archive:
        text = archive.read("config.json", MAX_CONFIG)
        try:
            layers = _Layers(json.loads(text))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise ModelFileError(f"{path} does not describe a Functional or Sequential Keras model.") from error
        px = choose_px(layers.sides, declared, path)
        features = declared.features and layers.ends.get(declared.features, declared.features)
        output = choose_output(layers.nodes, layers.last, features, path)
        network = network_to(layers.nodes, output, layers.channels, px, path)
        data = archive.read("model.weights.h5", MAX_WEIGHTS)
    return network, read_weights(io.BytesIO(data), f"model.weights.h5 in {path}", network, px), px


class _Layers:
    """The layers of a model's description as nodes.

    Attributes:
        nodes: by name.
        ends: the node that gives each layer's output, by the layer's name.
        sides: height and width of the input, None where free.
        channels: bands of the input.
        last: the node that gives the model's output.
    """

    def __init__(self, model: Config) -> None:
        layers = model["config"]["layers"]
        chained = model["class_name"] == "Sequential"
        self.nodes: dict[str, NodeData] = {}
        self.ends: dict[str, str] = {}
        before: str | None = None
        for layer in layers:
            config = layer["config"]
            name = str(config["name"])
            if layer["class_name"] == "InputLayer":
                shape = config.get("batch_shape") or config["batch_input_shape"]
                self.sides, self.channels = (_side(shape[1]), _side(shape[2])), _side(shape[3]) or 3
                self.ends[name] = "image"
            else:
                calls = [] if chained else layer["inbound_nodes"]
                sources = [before] if chained else _tensors(calls[0]["args"])
                self._add(layer["class_name"], config, [self.ends[str(s)] for s in sources], len(calls) > 1)
            before = name
        self.last = self.ends[str(before)] if chained else self.ends[str(_first(model["config"]["output_layers"]))]
        _ = self.sides  # a model without an input says so here

    def _add(self, kind: str, config: Config, sources: list[str], shared: bool) -> None:
        """The nodes of a layer: its own, and that of its activation."""
        name = str(config["name"])
        if kind in NO_CHANGE:
            self.ends[name] = sources[0]
            return
        node = None if shared or config.get("data_format", "channels_last") != "channels_last" else _node(kind, config)
        if node is None:
            what = f"the layer {name[:80]!r} ({str(kind)[:40]}) with its settings"
            self.ends[name] = self._append(name, sources, {"op": UNSUPPORTED, "what": what})
            return
        if kind == "SeparableConv2D":
            depthwise = {"op": "depthwise_conv"} | {key: node[key] for key in ("kernel", "stride", "padding")}
            sources = [self._append(f"{name}_depthwise", sources, depthwise)]
            own = f"{name}_pointwise"
            node |= {"kernel": 1, "stride": 1}
        else:
            own = name
        self.ends[name] = self._append(own, sources, node)
        function = config.get("activation", "linear")
        if kind != "Activation" and function != "linear":
            named = FUNCTIONS.get(str(function))
            after = (
                {"op": "activation", "function": named} if named else {"op": UNSUPPORTED, "what": f"{function!r:.80}"}
            )
            self.ends[name] = self._append(f"{name}_activation", [self.ends[name]], after)

    def _append(self, name: str, sources: list[str], node: NodeData) -> str:
        plain = plain_name(name)
        self.nodes[plain] = {"name": plain, "inputs": sources, **node}
        return plain


def _node(kind: str, config: Config) -> NodeData | None:
    """The node of a layer, without its name and inputs; None for what our networks have not."""
    match kind:
        case "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D" | "MaxPooling2D" | "AveragePooling2D":
            return _window(kind, config)
        case "BatchNormalization" if config.get("center", True) and config.get("axis", -1) in (-1, 3, [3], [-1]):
            return {"op": "batch_norm", "epsilon": float(config["epsilon"]), "scale": bool(config.get("scale", True))}
        case "Activation" if config["activation"] in FUNCTIONS:
            return {"op": "activation", "function": FUNCTIONS[config["activation"]]}
        case "ReLU" if not config.get("negative_slope") and not config.get("threshold"):
            top = config.get("max_value")
            return {"op": "activation", "function": "relu" if top is None else "relu6"} if top in (None, 6) else None
        case "ZeroPadding2D":
            (top, bottom), (left, right) = config["padding"]
            return {"op": "pad", "top": top, "bottom": bottom, "left": left, "right": right}
        case "Add":
            return {"op": "add"}
        case "Concatenate" if config.get("axis", -1) in (-1, 3):
            return {"op": "concat"}
        case "GlobalAveragePooling2D" if not config.get("keepdims"):
            return {"op": "global_average_pool"}
        case "Dense" if config.get("use_bias", True):
            return {"op": "dense", "units": config["units"]}
        case _:
            return None


def _window(kind: str, config: Config) -> NodeData | None:
    """The node of a layer that looks at neighbourhoods."""
    strides, dilation = _pair(config["strides"]), _pair(config.get("dilation_rate", 1))
    plain = config.get("depth_multiplier", 1) == 1 and config.get("groups", 1) == 1 and dilation == (1, 1)
    if strides[0] != strides[1] or not plain:
        return None
    height, width = _pair(config["pool_size"] if "pool_size" in config else config["kernel_size"])
    kernel: int | tuple[int, int] = height if height == width else (height, width)
    common: NodeData = {"kernel": kernel, "stride": strides[0], "padding": config["padding"]}
    match kind:
        case "MaxPooling2D":
            return {"op": "max_pool", **common}
        case "AveragePooling2D":
            return {"op": "average_pool", **common}
        case "DepthwiseConv2D":
            return {"op": "depthwise_conv", **common, "bias": bool(config["use_bias"])}
        case _:
            return {"op": "conv", **common, "filters": config["filters"], "bias": bool(config["use_bias"])}


def _tensors(value: object) -> list[object]:
    """Names of the layers whose outputs a call reads."""
    if isinstance(value, list):
        return [name for item in value for name in _tensors(item)]
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return [value["config"]["keras_history"][0]]
    return []


def _first(value: Any) -> object:  # noqa: ANN401
    """The first name in nested lists."""
    return _first(value[0]) if isinstance(value, list) else value


def _pair(value: Any) -> tuple[int, int]:  # noqa: ANN401
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _side(value: Any) -> int | None:  # noqa: ANN401
    return None if value is None else int(value)
