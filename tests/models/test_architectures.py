"""Networks by name: what the registry says of them is what Keras builds."""

from contextlib import contextmanager

import numpy as np
import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import ARCHITECTURES, CAFFE, HALVED, SIGNED, TORCH, find_architecture

PUBLISHED = {"builtin": 2_939_120, "resnet50": 23_587_712, "squeezenet": 722_496}
"""How many weights the papers give their networks."""
FAMILIES = (
    *PUBLISHED, "alexnet", "resnet50v2", "vgg16", "xception", "efficientnetb0", "convnexttiny", "mobilenet",
    "mobilenetv3small",
)  # fmt: skip


@contextmanager
def without_values():
    """Networks get their shapes here, and no weights, which take Keras most of the time."""
    from landuse.models.libraries import keras

    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session(free_memory=False)  # else the next scope of Keras draws them all


@pytest.mark.parametrize("name", FAMILIES)
def test_the_networks_are_what_the_registry_and_their_papers_say(name):
    from landuse.models.keras_networks import build

    line = find_architecture(name)
    with without_values():
        model = build(line)
    assert model.output_shape == (None, line.features)
    assert type(model.layers[1]).__name__ not in ("Rescaling", "Normalization")
    assert model.count_params() == PUBLISHED.get(name, model.count_params())


def test_every_application_of_keras_is_there():
    from landuse.models.libraries import keras

    names = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {line.builder for line in ARCHITECTURES.values() if not line.own} == names


@pytest.mark.parametrize(
    ("name", "module", "line"),
    [
        ("resnet50", "resnet", CAFFE),
        ("resnet50v2", "resnet_v2", SIGNED),
        ("vgg16", "vgg16", CAFFE),
        ("xception", "xception", SIGNED),
        ("densenet121", "densenet", TORCH),
        ("mobilenet", "mobilenet", SIGNED),
        ("nasnetmobile", "nasnet", SIGNED),
    ],
)
def test_images_are_prepared_as_keras_prepares_them(name, module, line):
    from landuse.models.libraries import keras

    image = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8)
    theirs = getattr(keras.applications, module).preprocess_input(image.astype(np.float32).copy())
    assert find_architecture(name).preprocess == line
    assert np.allclose(line.apply(image), theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "line"), [("efficientnetv2b0", TORCH), ("efficientnetv2s", HALVED), ("convnexttiny", TORCH)]
)
def test_preparation_within_a_network_becomes_ours(monkeypatch, name, line):
    from landuse.models.libraries import keras

    blocks = keras.src.applications.efficientnet_v2.DEFAULT_BLOCKS_ARGS
    monkeypatch.setitem(blocks, "efficientnetv2-s", blocks["efficientnetv2-s"][:1])  # it prepares images before them
    architecture = find_architecture(name)
    whole = getattr(keras.applications, architecture.builder)(
        include_top=False, weights=None, input_shape=(64, 64, 3), include_preprocessing=True
    )
    first = next(x for x in whole.layers if type(x).__name__ not in ("InputLayer", "Rescaling", "Normalization"))
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    theirs = np.asarray(keras.Model(whole.input, first.input)(image.astype(np.float32)))
    assert architecture.preprocess == line
    assert np.allclose(line.apply(image), theirs, atol=1e-3)


def test_names_are_the_same_in_every_process():
    from landuse.models.keras_networks import build, variables

    line = find_architecture("xception")  # Keras numbers some of its layers
    with without_values():
        first, second = (list(variables(build(line))) for _ in range(2))
    assert first == second
    assert "conv2d_0/kernel" in first


def test_initial_weights_are_seeded_and_of_sensible_size():
    from landuse.models.keras_backbone import initial_weights

    line = find_architecture("squeezenet")
    first, again, other = (initial_weights(line, seed) for seed in (3, 3, 4))
    assert all((first[name] == again[name]).all() for name in first)
    kernel = first["fire9_expand3x3/kernel"]
    assert (kernel != other["fire9_expand3x3/kernel"]).any()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)
    assert not first["fire9_expand3x3/bias"].any()
    depthwise = initial_weights(find_architecture("mobilenet"))[
        "conv_dw_3/kernel"
    ]  # whose name does not say what it is
    assert depthwise.std() == pytest.approx(np.sqrt(2 / 9), rel=0.1)


def test_what_is_not_there_is_refused():
    from landuse.models.keras_networks import assign, build

    with pytest.raises(UsageError, match="choose one of builtin, alexnet"):
        find_architecture("resnet5000")
    model = build(find_architecture("squeezenet"))
    with pytest.raises(ModelFileError, match="does not fit its network: see the array 'conv1/bias'"):
        assign(model, {}, "w")
