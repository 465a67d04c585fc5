import numpy as np
import pytest

from landuse.errors import UsageError
from landuse.models.backbones import BACKBONES, initial_weights, load_backbone
from landuse.models.network import parameter_count
from landuse.models.nodes import Conv

FEATURES = {
    "builtin": 2560,
    "alexnet": 256,
    "squeezenet": 512,
    "resnet50": 2048,
    "inceptionv3": 2048,
    "xception": 2048,
    "vgg16": 512,
    "vgg19": 512,
}
# Keras' own counts of these without their top: docs of keras.applications and `model.count_params()`.
PARAMETERS = {
    "squeezenet": 722_496,  # of the file that its authors' port publishes
    "resnet50": 23_587_712,
    "inceptionv3": 21_802_784,
    "xception": 20_861_480,
    "vgg16": 14_714_688,
    "vgg19": 20_024_384,
}


@pytest.mark.parametrize("name", BACKBONES)
def test_feature_counts_and_sizes(name):
    backbone = load_backbone(name)
    count = parameter_count(backbone.network.weight_shapes(backbone.px).values())
    assert backbone.feature_count == FEATURES[name]
    assert count == PARAMETERS.get(name, count)


def test_the_built_in_backbone_fits_its_file():
    backbone = load_backbone("builtin")
    count = parameter_count(backbone.network.weight_shapes(224).values())
    assert 2 * count < 12e6


@pytest.mark.parametrize("name", BACKBONES)
def test_convolutional_up_to_the_global_pooling(name):
    nodes = load_backbone(name).network.nodes
    ops = [node.op for node in nodes]
    after = ops[ops.index("global_average_pool") :]
    assert set(after) <= {"global_average_pool", "concat"}
    assert "dense" not in ops


def test_initial_weights_are_seeded_and_of_sensible_size():
    backbone = load_backbone("builtin")
    first, again, other = (initial_weights(backbone, seed) for seed in (3, 3, 4))
    assert first.keys() == backbone.network.weight_shapes(224).keys()
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
    conv = next(node for node in backbone.network.nodes if isinstance(node, Conv) and node.filters == 1024)
    kernel = first[f"{conv.name}/kernel"]
    assert np.isclose(kernel.std(), np.sqrt(2 / np.prod(kernel.shape[:3])), rtol=0.02)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="resnet50"):
        load_backbone("resnet5000")
