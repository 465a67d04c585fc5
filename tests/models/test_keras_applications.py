"""Our networks against Keras applications with random weights, which also go through Keras' weights files."""

import numpy as np
import openvino as ov
import pytest

from landuse.models.backbones import load_backbone
from landuse.models.keras_order import weight_layers
from landuse.models.keras_weights import load_keras_weights
from landuse.models.openvino_graph import build_openvino
from tests.models.small import images

SIDES = {"resnet50": 64, "vgg16": 32, "inceptionv3": 75, "xception": 71}
"""The smallest that Keras takes, or near it."""


def keras_model(name, px):
    """Keras' model with weights that keep activations of order one and batch norms that are not neutral."""
    import keras

    make = {"resnet50": "ResNet50", "vgg16": "VGG16", "inceptionv3": "InceptionV3", "xception": "Xception"}[name]
    model = getattr(keras.applications, make)(weights=None, include_top=False, pooling="avg", input_shape=(px, px, 3))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.8, 1.2, variable.shape))
        elif variable.name in ("bias", "beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
        else:
            fan_in = np.prod(variable.shape[:2] if variable.shape[-1] == 1 else variable.shape[:-1])
            variable.assign(rng.standard_normal(variable.shape, np.float32) * np.sqrt(2 / fan_in))
    return model


@pytest.mark.parametrize("name", SIDES)
def test_the_same_network_as_in_keras_applications(name, tmp_path):
    from landuse.models.keras_graph import build_keras, load_weights

    px, backbone = SIDES[name], load_backbone(name)
    model = keras_model(name, px)
    model.save_weights(tmp_path / "w.weights.h5")
    weights = load_keras_weights(tmp_path / "w.weights.h5", backbone.network, px)
    batch = images(2, px)
    batch[1] //= 3
    prepared = backbone.preprocess.apply(batch)
    expected = np.asarray(model(prepared, training=False))
    compiled = ov.Core().compile_model(
        build_openvino(backbone.network, weights, backbone.preprocess, px), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    ours = build_keras(backbone.network, px)
    load_weights(ours, weights)
    tolerance = 1e-3 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 10 * tolerance  # the images are told apart
    assert np.abs(compiled(batch)[0] - expected).max() < tolerance
    assert np.abs(np.asarray(ours(prepared, training=False)) - expected).max() < tolerance
    assert_order(model, backbone.network, px)


def assert_order(model, network, px):
    """The n-th layer with weights is the same in both: what files without names rely on."""
    kinds = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "SeparableConv2D": "separable_conv2d"}
    theirs = [
        (kinds[type(layer).__name__], [w.shape for w in layer.weights]) for layer in model.layers if layer.weights
    ]
    assert [(layer.kind, list(layer.shapes.values())) for layer in weight_layers(network, px)] == theirs
