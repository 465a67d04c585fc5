import json
import zipfile

import numpy as np
import openvino as ov
import pytest

from landuse.errors import ModelFileError
from landuse.models.foreign import Declared, read_foreign
from landuse.models.openvino_graph import build_openvino
from landuse.models.preprocess import SIGNED
from tests.models.small import images

PX = 20
DECLARED = Declared(SIGNED)


@pytest.fixture(scope="module")
def model():
    """A Keras model of every supported layer, a classifier at its end."""
    import keras

    layers = keras.layers
    image = keras.Input((PX, PX, 3))
    x = layers.Conv2D(6, (3, 1), strides=2, padding="same", activation="silu", name="a b")(image)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.ZeroPadding2D(((1, 0), (0, 2)))(x)
    x = layers.SeparableConv2D(8, 3, activation="relu", padding="same")(x)
    x = layers.Dropout(0.5)(layers.ReLU(6.0)(layers.DepthwiseConv2D(3)(x)))
    y = layers.Activation("tanh")(layers.AveragePooling2D(3, 1, padding="same")(x))
    x = layers.Concatenate()([layers.Add()([x, y]), layers.MaxPooling2D(3, 1, padding="same")(x)])
    x = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D(name="pool")(x))
    model = keras.Model(image, x)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape) * (-1) ** rng.integers(0, 2, variable.shape) ** 2)
        if "variance" in variable.name:
            variable.assign(np.abs(np.asarray(variable)))
    return model


def test_the_features_of_a_saved_model(model, tmp_path):
    import keras

    model.save(tmp_path / "mine.keras")
    backbone, weights = read_foreign(tmp_path / "mine.keras", DECLARED)
    batch = images(3, PX)
    ours = ov.Core().compile_model(
        build_openvino(backbone.network, weights, SIGNED, PX), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )(batch)[0]
    theirs = np.asarray(keras.Model(model.input, model.get_layer("pool").output)(SIGNED.apply(batch), training=False))
    assert (backbone.name, backbone.px, backbone.feature_count) == ("mine", PX, 16)
    assert ours.std(axis=0).max() > 1e-3
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def rewrite(source, target, change):
    """The file with its description changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                data = json.dumps(change(config) or config).encode()
            new.writestr(name, data)
    return target


def set_class(config, index, kind):
    config["config"]["layers"][index]["class_name"] = kind


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: set_class(c, 2, "Lambda"), r"'batch_normalization\w*' \(Lambda\) .* not supported"),
        (lambda c: c["config"]["layers"][1]["config"].update(dilation_rate=[2, 2]), r"'a b' \(Conv2D\)"),
        (lambda c: c["config"]["layers"][1]["config"].update(filters=9), "does not fit the network: its layer a_b"),
        (lambda c: c["config"]["layers"][1]["config"].update(filters="9"), "not sound"),
        (lambda c: c["config"]["layers"][1]["config"].update(activation={"class_name": "x"}), "not supported"),
        (lambda c: c["config"]["layers"].pop(0), "does not describe"),
        (lambda c: [1, 2], "does not describe"),
    ],
)
def test_unsound_and_unsupported_files_are_refused(model, tmp_path, change, match):
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=match) as caught:
        read_foreign(rewrite(tmp_path / "m.keras", tmp_path / "bad.keras", change), DECLARED)
    assert "\n" not in str(caught.value)
