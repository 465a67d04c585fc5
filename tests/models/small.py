"""A small model for tests: every kind of node, 32 px, 3 classes."""

import numpy as np

from landuse.legend import LandClass, Legend
from landuse.models.bundle import Bundle
from landuse.models.heads import LogisticHead
from landuse.models.network import Network, parse_network
from landuse.models.preprocess import Preprocess

PX = 32
LEGEND = Legend(
    name="three",
    classes=tuple(LandClass(code=c, name=n, color="#336699") for c, n in ((2, "Field"), (5, "Water"), (9, "Town"))),
)


def node(op, name, *inputs, **attributes):
    return {"op": op, "name": name, "inputs": list(inputs), **attributes}


def description() -> dict:
    """A network that uses every op."""
    return {
        "channels": 3,
        "output": "vector",
        "nodes": [
            node("pad", "pad", "image", top=1, bottom=2, left=3, right=0),
            node("conv", "conv1", "pad", filters=8, kernel=3, stride=2, padding="valid", bias=True),
            node("batch_norm", "bn1", "conv1", epsilon=1e-3),
            node("activation", "swish", "bn1", function="swish"),
            node("depthwise_conv", "depth", "swish", kernel=3, stride=2, bias=True),
            node("batch_norm", "bn2", "depth", epsilon=1e-2, scale=False),
            node("activation", "relu6", "bn2", function="relu6"),
            node("max_pool", "max", "relu6", kernel=3, stride=2),
            node("average_pool", "mean", "relu6", kernel=3, stride=2),
            node("add", "sum", "max", "mean"),
            node("batch_norm", "bn3", "sum"),
            node("conv", "conv2", "bn3", filters=5, kernel=2, padding="same"),
            node("activation", "relu", "conv2"),
            node("concat", "both", "relu", "sum"),
            node("activation", "tanh", "both", function="tanh"),
            node("global_average_pool", "pooled", "tanh"),
            node("dense", "dense", "pooled", units=6),
            node("activation", "vector", "dense", function="sigmoid"),
        ],
    }


def network() -> Network:
    return parse_network(description(), PX)


def random_weights(net: Network, px: int, seed: int = 0) -> dict:
    """Weights that keep activations of order one and whose batch norms are not neutral."""
    rng, weights = np.random.default_rng(seed), {}
    for name, shape in net.weight_shapes(px).items():
        part = name.rpartition("/")[2]
        if part == "kernel":
            depthwise = len(shape) == 4 and shape[-1] == 1
            values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:2] if depthwise else shape[:-1]))
        else:
            positive = part in ("gamma", "moving_variance")
            values = rng.uniform(0.8, 1.2, shape) if positive else rng.normal(0, 0.1, shape)
        weights[name] = values.astype(np.float32)
    return weights


def random_head(features: int, classes: int, seed: int = 0) -> LogisticHead:
    rng = np.random.default_rng(seed)
    return LogisticHead(
        weight=rng.normal(size=(features, classes)).astype(np.float32),
        bias=rng.normal(size=classes).astype(np.float32),
        mean=rng.normal(size=features).astype(np.float32),
        scale=rng.uniform(0.5, 2, features).astype(np.float32),
        temperature=1.7,
    )


def bundle(**changes) -> Bundle:
    net = network()
    values = {
        "name": "small",
        "network": net,
        "weights": random_weights(net, PX),
        "head": random_head(6, 3),
        "legend": LEGEND,
        "preprocess": Preprocess(order="bgr", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
        "chip_px": PX,
        "training": {"images": 12},
        "metrics": {"accuracy": 0.5},
        "card": "# small\n",
    }
    return Bundle(**(values | changes))


def images(count: int, px: int = PX, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, px, px, 3), dtype=np.uint8)
