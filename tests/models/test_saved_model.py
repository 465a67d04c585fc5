"""SavedModels, as Keras exports them, against Keras itself."""

import shutil

import numpy as np
import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models.foreign import Declared, is_foreign, read_foreign
from landuse.models.openvino_graph import build_openvino
from landuse.models.preprocess import PREPROCESSING, Preprocess
from landuse.training.backbone import backbone_bundle
from tests.models.small import images

PX = 32
PREPROCESS = PREPROCESSING["tf"]


def randomise(model):
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("bias", "beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.3, variable.shape))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network of many kinds of layer, its folder, and its part up to the pooled features."""
    from landuse.models.keras_graph import keras

    layers = keras.layers
    image = keras.Input((PX, PX, 3))
    x = layers.ZeroPadding2D(((1, 2), (0, 3)))(image)
    x = layers.Conv2D(8, 3, strides=2)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", strides=2)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(scale=False)(x))
    x = layers.Add()([x, layers.Conv2D(8, 1, use_bias=False)(x)])
    both = [
        layers.MaxPooling2D(3, strides=2, padding="same")(x),
        layers.AveragePooling2D(3, strides=2, padding="same")(x),
    ]
    x = layers.Activation("swish")(layers.Concatenate()(both))
    x = layers.SeparableConv2D(12, 3, padding="same", activation="tanh")(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(5, activation="softmax", name="named")(pooled), name="whole")
    randomise(model)
    folder = tmp_path_factory.mktemp("export") / "small"
    model.export(folder, verbose=False)
    return folder, keras.Model(image, pooled)


def features(folder, batch):
    """What the translated network gives in OpenVINO."""
    import openvino as ov

    backbone, weights = read_foreign(folder, Declared(PREPROCESS))
    model = build_openvino(backbone.network, weights, PREPROCESS, backbone.px)
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batch)[0]


def test_a_small_network_gives_what_keras_gives(small):
    folder, keras_features = small
    batch = images(3, PX)
    theirs = np.asarray(keras_features(PREPROCESS.apply(batch)))
    assert theirs.std(axis=0).max() > 0.003
    assert np.allclose(features(folder, batch), theirs, atol=1e-5)


def test_the_first_blocks_of_mobilenet_give_what_keras_gives(tmp_path):
    from landuse.models.keras_graph import keras

    whole = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.35)
    model = keras.Model(whole.input, whole.get_layer("block_3_project_BN").output)  # a whole one takes 20 s to export
    randomise(model)
    model.export(tmp_path / "mobile", verbose=False)
    batch = images(2, 64)
    theirs = np.asarray(model(PREPROCESS.apply(batch))).mean(axis=(1, 2))
    assert theirs.std() > 0.01
    assert np.abs(features(tmp_path / "mobile", batch) - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_it_reads_the_same_each_time(small):
    first, second = (backbone_bundle(str(small[0]), None, 0, Declared(PREPROCESS)) for _ in range(2))
    assert first.digest == second.digest
    assert first.name == "small"
    assert first.chip_px == PX


def test_a_layer_may_make_the_features(small):
    backbone, _ = read_foreign(small[0], Declared(PREPROCESS, features="whole_1/named_1/BiasAdd"))
    assert backbone.feature_count == 5


def test_an_operation_that_is_not_supported_is_named(tmp_path):
    from landuse.models.keras_graph import keras

    image = keras.Input((PX, PX, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.ops.erf(keras.layers.Conv2D(4, 3)(image)))
    keras.Model(image, features).export(tmp_path / "odd", verbose=False)
    with pytest.raises(ModelFileError, match="the operation Erf is not supported") as caught:
        read_foreign(tmp_path / "odd", Declared(PREPROCESS))
    assert "\n" not in str(caught.value)


def test_folders_that_are_damaged_are_refused(small, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(small[0], copy)
    assert is_foreign(str(copy))
    variables = copy / "variables" / "variables.data-00000-of-00001"
    variables.write_bytes(variables.read_bytes()[:100])
    with pytest.raises(ModelFileError, match=r"copy .*export it again"):
        read_foreign(copy, Declared(PREPROCESS))
    (copy / "saved_model.pb").write_bytes(b"hello")
    with pytest.raises(ModelFileError, match=r"copy .*export it again"):
        read_foreign(copy, Declared(PREPROCESS))
    variables.unlink()
    variables.symlink_to("/etc/hostname")
    with pytest.raises(ModelFileError, match="links"):
        read_foreign(copy, Declared(PREPROCESS))
    assert not is_foreign(str(tmp_path))


def test_what_does_not_fit_is_said(small):
    with pytest.raises(UsageError, match="32 x 32 pixels"):
        read_foreign(small[0], Declared(PREPROCESS, 48))
    with pytest.raises(UsageError, match="no layer 'nothing'"):
        read_foreign(small[0], Declared(PREPROCESS, features="nothing"))
    with pytest.raises(UsageError, match="3 bands"):
        read_foreign(small[0], Declared(Preprocess(mean=(1.0, 2.0))))
    with pytest.raises(UsageError, match="--preprocess"):
        backbone_bundle(str(small[0]), None, 0)
