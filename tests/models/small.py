"""A small model for tests: operations of many kinds, 32 px, 3 classes. And a small one that Keras builds."""

from functools import cache

import numpy as np

from landuse.legend import LandClass, Legend
from landuse.models.architectures import ARCHITECTURES, Architecture, Preprocess
from landuse.models.backbone import Backbone, backbone_of
from landuse.models.bundle import Bundle
from landuse.models.heads import DenseHead, logistic
from landuse.models.keras_backbone import named_backbone
from landuse.models.libraries import ops, ov

PX = 32
LEGEND = Legend(
    name="three",
    classes=tuple(LandClass(code=c, name=n, color="#336699") for c, n in ((2, "Field"), (5, "Water"), (9, "Town"))),
)
PREPROCESS = Preprocess(order="bgr", scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


class Layers:
    """Operations with random weights that keep activations of order one; tensors are (n, C, h, w)."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def constant(self, *shape, spread=0.1, about=0.0):
        return ops.constant((self.rng.normal(0, spread, shape) + about).astype(np.float32))

    def conv(self, source, filters, kernel=3, stride=2, pad="same_upper", groups=0, dilation=1):
        channels = source.output(0).get_partial_shape()[1].get_length()
        shape = (groups, filters // groups, channels // groups) if groups else (filters, channels)
        weights = self.constant(*shape, kernel, kernel, spread=np.sqrt(2 / kernel**2 / shape[-1]))
        make = ops.group_convolution if groups else ops.convolution
        return make(source, weights, [stride] * 2, [0, 0], [0, 0], [dilation] * 2, pad)

    def scaled(self, source):
        """A batch norm."""
        channels = source.output(0).get_partial_shape()[1].get_length()
        factor, offset = self.constant(1, channels, 1, 1, about=1.0), self.constant(1, channels, 1, 1)
        return ops.add(ops.multiply(source, factor), offset)


def image_of(px, channels=3):
    """A float32 image (n, px, px, C), and the same as (n, C, px, px)."""
    image = ops.parameter([-1, px, px, channels], np.float32, name="image")
    return image, ops.transpose(image, np.array([0, 3, 1, 2]))


def means(source, keep=False):
    """The mean of whole maps."""
    return ops.reduce_mean(source, np.array([2, 3]), keep)


def made(results, image, preprocess=PREPROCESS) -> Backbone:
    """A backbone from a node and its input."""
    return backbone_of(ov.Model([results.output(0)], [image], "made"), preprocess)


@cache
def backbone(seed: int = 0, preprocess: Preprocess = PREPROCESS) -> Backbone:
    """Convolutions, pools, a sum, a concatenation and dense layers; 6 features, no dense grid."""
    layers = Layers(seed)
    image, found = image_of(PX)
    found = ops.swish(layers.scaled(layers.conv(found, 8, pad="valid")))
    found = ops.clamp(layers.scaled(layers.conv(found, 8, groups=8)), 0.0, 6.0)
    peak = ops.max_pool(found, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "floor", "same_upper").output(0)
    mean = ops.avg_pool(found, [2, 2], [0, 0], [0, 0], [3, 3], True, "floor", "same_upper")
    total = layers.scaled(ops.add(peak, mean))
    both = ops.concat([ops.relu(layers.conv(total, 5, 2, 1)), total], 1)
    dense = ops.add(
        ops.matmul(means(ops.tanh(both)), layers.constant(13, 6, spread=0.5), False, False), layers.constant(1, 6)
    )
    return made(ops.sigmoid(dense), image, preprocess)


def tiny(image):
    """A Keras network with all kinds of layer that learn; 6 features."""
    from landuse.models.libraries import keras

    layers = keras.layers
    found = layers.Conv2D(8, 3, 2, name="conv1")(image)
    found = layers.Activation("silu", name="swish")(layers.BatchNormalization(name="bn1")(found))
    found = layers.DepthwiseConv2D(3, 2, "same", name="depth")(found)
    found = layers.ReLU(6.0, name="relu6")(layers.BatchNormalization(scale=False, name="bn2")(found))
    found = layers.SeparableConv2D(8, 3, padding="same", use_bias=False, name="sep")(found)
    peak, mean = layers.MaxPooling2D(3, 2, "same")(found), layers.AveragePooling2D(3, 2, "same")(found)
    total = layers.BatchNormalization(name="bn3")(layers.Add()([peak, mean]))
    found = layers.Conv2D(5, 2, padding="same", activation="relu", name="conv2")(total)
    found = layers.GlobalAveragePooling2D(name="pooled")(layers.Concatenate()([found, total]))
    return layers.Dense(6, activation="sigmoid", name="dense")(found)


def know_tiny() -> Architecture:
    """Put `tiny` among the networks that Keras builds from a name."""
    from landuse.models.keras_networks import OWN

    OWN["tiny"] = tiny
    return ARCHITECTURES.setdefault("tiny", Architecture("tiny", "tiny", PX, PREPROCESS, 6, own=True))


def forget_tiny() -> None:
    from landuse.models.keras_networks import OWN

    del ARCHITECTURES["tiny"], OWN["tiny"]


@cache
def tiny_backbone() -> Backbone:
    """The backbone of `tiny`, which must be known."""
    from landuse.models.keras_networks import arrays, build

    rng = np.random.default_rng(0)
    weights = arrays(build(ARCHITECTURES["tiny"], PX))
    return named_backbone(ARCHITECTURES["tiny"], {name: random_array(rng, name, a) for name, a in weights.items()})


def random_array(rng, name, array):
    """Values that keep activations of order one and whose batch norms are not neutral."""
    if array.ndim > 1:
        return (rng.normal(size=array.shape) * np.sqrt(2 / max(2, np.prod(array.shape[:-1])))).astype(np.float32)
    positive = name.endswith(("gamma", "moving_variance"))
    return (rng.uniform(0.8, 1.2, array.shape) if positive else rng.normal(0, 0.1, array.shape)).astype(np.float32)


def random_head(features: int, classes: int, seed: int = 0) -> DenseHead:
    rng = np.random.default_rng(seed)
    return logistic(
        weight=rng.normal(size=(features, classes)).astype(np.float32),
        bias=rng.normal(size=classes).astype(np.float32),
        mean=rng.normal(size=features).astype(np.float32),
        scale=rng.uniform(0.5, 2, features).astype(np.float32),
        temperature=1.7,
    )


def bundle(**changes) -> Bundle:
    values = {
        "name": "small",
        "backbone": backbone(),
        "head": random_head(6, 3),
        "legend": LEGEND,
        "training": {"images": 12},
        "metrics": {"accuracy": 0.5},
        "card": "# small\n",
    }
    return Bundle(**(values | changes))


def images(count: int, px: int = PX, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, px, px, 3), dtype=np.uint8)
