"""Weights from files in Keras' layouts, hostile ones among them."""

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from landuse.errors import ModelFileError
from landuse.models.architectures import SIGNED, Architecture, find_architecture
from landuse.models.keras_files import load_keras_weights, weight_layers
from tests.models.small import random_array

PX = 16
REAL = Path(__file__).parents[2] / "../shared/data/weights/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"


def parted(image):
    """A separable convolution beside a strided one, as in Xception."""
    from landuse.models.libraries import keras

    layers = keras.layers
    first = layers.Conv2D(4, 3, padding="same", name="first")(image)
    way = layers.BatchNormalization(name="way_bn")(layers.Conv2D(6, 1, 2, use_bias=False, name="way")(first))
    found = layers.SeparableConv2D(6, 3, 2, "same", use_bias=False, name="sep")(first)
    found = layers.Activation("relu", name="sep_act")(layers.BatchNormalization(scale=False, name="sep_bn")(found))
    return layers.GlobalAveragePooling2D(name="pooled")(layers.Add(name="sum")([found, way]))


@pytest.fixture(scope="module")
def network():
    from landuse.models.keras_networks import OWN

    OWN["parted"] = parted
    yield Architecture("parted", "parted", PX, SIGNED, 6, own=True)
    del OWN["parted"]


@pytest.fixture(scope="module")
def weights(network):
    return random_weights(network)


def random_weights(architecture):
    rng = np.random.default_rng(0)
    shapes = {name: shape for layer in weight_layers(architecture) for name, shape in layer.shapes.items()}
    return {name: random_array(rng, name, np.empty(shape, np.float32)) for name, shape in shapes.items()}


def write_old(path, layers, names=None, root=""):
    """Keras 2's layout: `layer_names` and `weight_names` say what lies where."""
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        named = [(name, arrays) for name, (_, arrays) in zip(names or layers, layers.values(), strict=False)]
        top.attrs["layer_names"] = np.array([n for n, _ in [("input_1", []), *named, ("drop9", [])]], "S")
        for name in ("input_1", "drop9"):
            top.create_group(name).attrs["weight_names"] = np.zeros(0)
        for name, arrays in named:
            group = top.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/w{i}:0" for i in range(len(arrays))], "S")
            for i, array in enumerate(arrays):
                group[f"{name}/w{i}:0"] = array
    return path


def write_new(path, layers, names=None):
    """Keras 3's layout: `layers/conv2d_1/vars/0`, with the layer's own name beside."""
    with h5py.File(path, "w") as file:
        counts = {}
        for name, (kind, arrays) in layers.items():
            number = counts[kind] = counts.get(kind, -1) + 1
            group = file.create_group(f"layers/{kind}_{number}/vars" if number else f"layers/{kind}/vars")
            if names is not None:
                group.attrs["name"] = names.get(name, name)
            for i, array in enumerate(arrays):
                group[str(i)] = array
    return path


@pytest.fixture
def layers(network, weights):
    """Kind and arrays of each layer, in Keras' order."""
    return {layer.name: (layer.kind, [weights[key] for key in layer.shapes]) for layer in weight_layers(network)}


def same(found, weights):
    return found.keys() == weights.keys() and all((found[name] == weights[name]).all() for name in weights)


def test_keras_order_is_by_depth(network):
    layers = weight_layers(network)
    assert [layer.name for layer in layers] == ["first", "sep", "sep_bn", "way", "way_bn"]
    assert list(layers[1].shapes) == ["sep/depthwise_kernel", "sep/pointwise_kernel"]
    assert list(layers[4].shapes) == [f"way_bn/{p}" for p in ("gamma", "beta", "moving_mean", "moving_variance")]


@pytest.mark.parametrize("root", ["", "model_weights"])
@pytest.mark.parametrize("renamed", [False, True])
def test_the_old_layout_by_name_and_by_order(tmp_path, network, weights, layers, root, renamed):
    names = [f"layer_{i}" for i in range(len(layers))] if renamed else None
    assert same(load_keras_weights(write_old(tmp_path / "w.h5", layers, names, root), network), weights)


def test_names_win_over_order(tmp_path, network, weights, layers):
    turned = dict(reversed(layers.items()))
    assert same(load_keras_weights(write_old(tmp_path / "w.h5", turned), network), weights)


@pytest.mark.parametrize("names", [None, {}, {"way": "conv2d_7"}])
def test_the_new_layout_by_name_and_by_class(tmp_path, network, weights, layers, names):
    assert same(load_keras_weights(write_new(tmp_path / "w.weights.h5", layers, names), network), weights)


def test_a_classifier_at_the_end_is_left_out(tmp_path, network, weights, layers):
    more = layers | {"predictions": ("dense", [np.ones((6, 10)), np.ones(10)])}
    names = [f"n{i}" for i in range(len(more))]
    assert same(load_keras_weights(write_old(tmp_path / "w.h5", more, names), network), weights)
    assert same(load_keras_weights(write_new(tmp_path / "w.weights.h5", more), network), weights)


def test_a_list_of_layers_dealt_out_to_several_attributes(tmp_path, network, weights, layers):
    path = write_old(tmp_path / "w.h5", layers)
    with h5py.File(path, "r+") as file:
        names = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:3], names[3:]
    assert same(load_keras_weights(path, network), weights)


def squeezenet_file(path):
    """A file of the layout of the published one: slashes in the names, kernels with names of their own."""
    network = find_architecture("squeezenet")
    weights = random_weights(network)
    layers = {}
    for layer in weight_layers(network):
        name = layer.name.replace("_", "/", 1) if layer.name.startswith("fire") else layer.name
        layers[name] = (layer.kind, [weights[key] for key in layer.shapes])
    return write_old(path, layers), weights


def test_squeezenet_reads_a_file_of_the_published_layout(tmp_path):
    path, weights = squeezenet_file(tmp_path / "w.h5")
    assert same(load_keras_weights(path, find_architecture("squeezenet")), weights)


@pytest.mark.skipif(not REAL.exists(), reason="the published weights are not here")
def test_squeezenet_reads_the_published_file():
    weights = load_keras_weights(REAL, find_architecture("squeezenet"))
    assert sum(array.size for array in weights.values()) == 722_496
    with h5py.File(REAL) as file:
        assert (weights["fire2_expand1x1/bias"] == file["fire2/expand1x1/fire2/expand1x1_b"][()]).all()


def refused(path, network, match):
    with pytest.raises(ModelFileError, match=match) as caught:
        load_keras_weights(path, network)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_weights_of_another_network_are_refused_by_layer(tmp_path, network, layers):
    wrong = layers | {"way": ("conv2d", [np.ones((1, 1, 5, 6), np.float32)])}
    refused(write_old(tmp_path / "a.h5", wrong), network, "layer way has weights 1 x 1 x 5 x 6, and .* 1 x 1 x 4 x 6")
    few = {name: layers[name] for name in list(layers)[:3]}
    refused(
        write_old(tmp_path / "b.h5", few), network, "holds 3 layers with weights, the network has 5, among them way"
    )
    refused(write_new(tmp_path / "c.h5", few, {}), network, "holds 3 layers .* among them way")


def test_files_that_are_none_are_refused(tmp_path, network, layers):
    refused(tmp_path / "absent.h5", network, "no weights file")
    (tmp_path / "text.h5").write_text("hello")
    refused(tmp_path / "text.h5", network, "not an HDF5 file")
    h5py.File(tmp_path / "empty.h5", "w").close()
    refused(tmp_path / "empty.h5", network, "no weights in Keras' layout")
    refused(tmp_path, network, "not an HDF5 file")
    whole = write_old(tmp_path / "whole.h5", layers).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.h5", network, "cut short|damaged")


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes_never_crash(tmp_path, network, layers, seed):
    data = bytearray(write_old(tmp_path / "whole.h5", layers).read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(data), 60):
        data[place] = rng.integers(256)
    (tmp_path / "w.h5").write_bytes(data)
    with suppress(ModelFileError):
        load_keras_weights(tmp_path / "w.h5", network)


def replace_first(path, make):
    with h5py.File(path, "r+") as file:
        del file["first/first/w0:0"]
        make(file["first/first"])
    return path


def test_nothing_is_read_from_other_files(tmp_path, network, layers):
    shape, secret = (3, 3, 3, 4), tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.ones(shape, np.float32)
    raw = tmp_path / "secret.bin"
    raw.write_bytes(bytes(4 * 108))
    layout = h5py.VirtualLayout(shape, np.float32)
    layout[:] = h5py.VirtualSource(secret, "x", shape)
    hostile = {
        "link elsewhere": lambda g: g.__setitem__("w0:0", h5py.ExternalLink(secret, "x")),
        "link else": lambda g: g.__setitem__("w0:0", h5py.SoftLink("/first/first/w1:0")),
        "another file": lambda g: g.create_virtual_dataset("w0:0", layout),
        "in another file": lambda g: g.create_dataset("w0:0", shape, np.float32, external=[(raw, 0, 4 * 108)]),
        "not an array of floats": lambda g: g.create_dataset("w0:0", shape, h5py.string_dtype()),
        "not finite": lambda g: g.create_dataset("w0:0", data=np.full(shape, np.nan, np.float32)),
        "too large": lambda g: g.create_dataset("w0:0", (60_000, 60_000), np.float32, compression="gzip"),
    }
    for match, make in hostile.items():
        refused(replace_first(write_old(tmp_path / "w.h5", layers), make), network, match)
