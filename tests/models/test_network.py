import copy
import json

import pytest

from landuse.errors import ModelFileError
from landuse.models.network import Network, parse_network
from tests.models.small import PX, description, network, node


def test_json_out_and_in_gives_the_same_network():
    first = network()
    text = json.dumps(first.model_dump(mode="json"))
    assert parse_network(json.loads(text), PX) == first


def test_shapes_follow_the_padding_of_tensorflow():
    shapes = network().shapes(PX)
    assert shapes["pad"] == (35, 35, 3)
    assert shapes["conv1"] == (17, 17, 8)
    assert shapes["depth"] == (9, 9, 8)
    assert shapes["max"] == shapes["mean"] == (5, 5, 8)
    assert shapes["both"] == (5, 5, 13)
    assert network().feature_count(PX) == 6


def test_weight_shapes_have_keras_layouts():
    shapes = network().weight_shapes(PX)
    assert shapes["conv1/kernel"] == (3, 3, 3, 8)
    assert shapes["depth/kernel"] == (3, 3, 8, 1)
    assert shapes["dense/kernel"] == (13, 6)
    assert "bn1/gamma" in shapes
    assert "bn2/gamma" not in shapes
    assert "conv2/bias" not in shapes


def spoilt(change):
    data = copy.deepcopy(description())
    change(data)
    return data


BAD = {
    "not an object": lambda: [1, 2],
    "no nodes": lambda: {"channels": 3, "output": "a", "nodes": []},
    "an unknown op": lambda: spoilt(lambda d: d["nodes"][0].update(op="eval")),
    "an extra attribute": lambda: spoilt(lambda d: d["nodes"][0].update(code="import os")),
    "a path as a name": lambda: spoilt(lambda d: d["nodes"][0].update(name="../../etc")),
    "a name that stands twice": lambda: spoilt(lambda d: d["nodes"][1].update(name="pad")),
    "a loop": lambda: spoilt(lambda d: d["nodes"][0].update(inputs=["vector"])),
    "an output that is no node": lambda: spoilt(lambda d: d.update(output="nothing")),
    "an output that is a map": lambda: spoilt(lambda d: d.update(output="both")),
    "two inputs of a convolution": lambda: spoilt(lambda d: d["nodes"][1].update(inputs=["pad", "image"])),
    "one input of a sum": lambda: spoilt(lambda d: d["nodes"][9].update(inputs=["max"])),
    "a sum of unlike shapes": lambda: spoilt(lambda d: d["nodes"][9].update(inputs=["max", "relu6"])),
    "maps of unlike sizes joined": lambda: spoilt(lambda d: d["nodes"][13].update(inputs=["relu", "relu6"])),
    "a kernel of no size": lambda: spoilt(lambda d: d["nodes"][1].update(kernel=0)),
    "text for a number": lambda: spoilt(lambda d: d["nodes"][1].update(kernel="3")),
    "a float for a whole number": lambda: spoilt(lambda d: d["nodes"][1].update(filters=8.5)),
    "an absurd width": lambda: spoilt(lambda d: d["nodes"][1].update(filters=10**9)),
    "not a number": lambda: spoilt(lambda d: d["nodes"][2].update(epsilon=float("nan"))),
    "a kernel larger than the image": lambda: spoilt(lambda d: d["nodes"][11].update(kernel=31, padding="valid")),
    "a dense layer on a map": lambda: spoilt(lambda d: d["nodes"][16].update(inputs=["tanh"])),
    "a convolution of a vector": lambda: (
        spoilt(lambda d: d["nodes"][11].update(inputs=["image"])) | {"output": "conv2"}
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_an_unsound_description_is_refused_in_one_sentence(what):
    with pytest.raises(ModelFileError, match="not sound") as caught:
        parse_network(BAD[what](), PX)
    assert "\n" not in str(caught.value)


def test_a_network_too_large_to_read_is_refused():
    wide = [
        node("conv", f"c{i}", "image" if i == 0 else f"c{i - 1}", filters=16_384, kernel=1 if i == 0 else 31)
        for i in range(3)
    ]
    data = {"channels": 3, "output": "p", "nodes": [*wide, node("global_average_pool", "p", "c2")]}
    with pytest.raises(ModelFileError, match="parameters"):
        parse_network(data, PX)


def test_a_network_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        network().output = "other"
    assert isinstance(network(), Network)
