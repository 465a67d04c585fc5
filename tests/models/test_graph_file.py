"""Graphs of strangers: what they may hold, and what is refused before OpenVINO sees it."""

import re
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load

from landuse.errors import ModelFileError
from landuse.models.graph_file import check_graph, half, open_graph
from tests.models.small import PX, backbone

SOUND = backbone()
XML = SOUND.xml.decode()
ROOM = len(SOUND.weights)
LAYER = '<layer id="900" name="x" type="{}" version="{}"><output><port id="0"><dim>1</dim></port></output>{}</layer>'


def with_layer(kind, version="opset1", more=""):
    return XML.replace("</layers>", LAYER.format(kind, version, more) + "</layers>")


def refused(xml, match, room=ROOM):
    with pytest.raises(ModelFileError, match=match) as caught:
        check_graph(xml.encode() if isinstance(xml, str) else xml, room, "graph.xml in m.landuse")
    assert "\n" not in str(caught.value)
    assert "graph.xml in m.landuse" in str(caught.value)


def test_a_sound_graph_is_let_through():
    check_graph(SOUND.xml, ROOM, "it")
    assert str(SOUND.graph().output().get_partial_shape()) == "[?,6]"


@pytest.mark.parametrize(
    "kind",
    ["Loop", "If", "TensorIterator", "ReadValue", "Assign", "FrameworkNode", "RandomUniform", "NonMaxSuppression", "x"],
)
def test_operations_that_do_more_than_compute_are_refused(kind):
    refused(with_layer(kind), f"operation '{kind}' .* only computes")


def test_operations_of_extensions_are_refused():
    refused(with_layer("ReLU", "extension"), "only computes")
    refused(with_layer("ReLU", "org.openvinotoolkit"), "only computes")
    refused(with_layer("ReLU", "opset1", "<body><layers/></body>"), "more than its data and its ports")
    refused(XML.replace("<edges>", "<statistics/><edges>"), "not a graph")


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"not XML",
        b"\xff\xfe\x00",
        b"<net/>",
        b'<!DOCTYPE net [<!ENTITY a "aaaa">]><net name="&a;"/>',
        b'<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]><net name="&a;"><layers/><edges/></net>',
    ],
)
def test_what_is_no_graph_is_refused(xml):
    refused(xml, "not sound XML|not a graph")


def change_constant(**values):
    """The graph, the first constant of which says other things of itself."""

    def changed(match):
        text = match[0]
        for name, value in values.items():
            text = re.sub(rf'\b{name}="[^"]*"', f'{name}="{value}"', text)
        return text

    return re.sub(r'<data element_type="f32"[^>]*/>', changed, XML, count=1)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"offset": 10**12}, "outside the file"),
        ({"offset": -8}, "outside the file"),
        ({"offset": "nan"}, "operation 'Const'"),
        ({"size": 10**15}, "outside the file"),
        ({"size": -4}, "outside the file"),
        ({"shape": "100000,100000,1000"}, "not that of its values"),
        ({"shape": "-1,-3"}, "outside the file|not that"),
        ({"element_type": "f64"}, "f64"),
        ({"element_type": "string"}, "string"),
    ],
)
def test_constants_lie_in_the_file(values, match):
    refused(change_constant(**values), match)


def test_sizes_are_bounded_before_anything_is_made_of_them(monkeypatch):
    refused(re.sub(r"<dim>32</dim>", "<dim>99999999</dim>", XML), "too large")
    refused(re.sub(r"<dim>32</dim>", "<dim>-7</dim>" * 3 + "<dim>x</dim>", XML), "invalid literal")
    monkeypatch.setattr("landuse.models.graph_file.MAX_NODES", 20)
    refused(XML, "at most 20 operations")


def test_one_input_and_one_output():
    refused(with_layer("Parameter"), "one input")
    refused(with_layer("Result"), "one output")


def test_shapes_are_bounded_again_as_openvino_finds_them(monkeypatch):
    """What the description says of its shapes need not be so: OpenVINO finds them by itself."""
    monkeypatch.setattr("landuse.models.graph_file.MAX_TENSOR", 500)
    with pytest.raises(ModelFileError, match="tensor of the shape"):
        open_graph(SOUND.xml, SOUND.weights, (None, PX, PX, 3), "it")


def test_a_tensor_that_grows_from_a_small_file_is_refused():
    """Broadcasting a number to a huge shape that only a constant says."""
    from landuse.models.architectures import Preprocess
    from landuse.models.backbone import backbone_of
    from landuse.models.libraries import ops, ov
    from tests.models.small import image_of, means

    image, found = image_of(PX)
    huge = ops.reduce_max(
        ops.broadcast(means(found, keep=True), np.array([1, 3, 2**20, 2**12])), np.array([2, 3]), False
    )
    made = backbone_of(ov.Model([huge.output(0)], [image], "huge"), Preprocess())
    text = re.sub(rb"<dim>(1048576|4096)</dim>", b"<dim>8</dim>", made.xml)
    check_graph(text, len(made.weights), "it")
    with pytest.raises(ModelFileError, match=r"tensor of the shape|cannot be read"):
        open_graph(text, made.weights, (None, PX, PX, 3), "it")


def test_a_graph_of_other_images_or_features_than_said_is_refused():
    for other in (replace(SOUND, features=7),):
        with pytest.raises(ModelFileError, match=r"not what the model file says|cannot be read"):
            other.graph("Model x")


@pytest.mark.parametrize("seed", range(8))
def test_damaged_bytes_never_crash(seed):
    rng = np.random.default_rng(seed)
    data = bytearray(SOUND.xml)
    for place in rng.integers(0, len(data), 12):
        data[place] = rng.integers(32, 127)
    with suppress(ModelFileError):
        check_graph(bytes(data), ROOM, "it")
        open_graph(bytes(data), SOUND.weights, (None, PX, PX, 3), "it")


def test_large_arrays_are_kept_in_half_precision_where_they_fit():
    kernel = np.full((3, 3, 16, 16), 0.1, np.float32)
    assert half(kernel).dtype == np.float16
    assert half(kernel * 1e6).dtype == np.float32
    assert half(np.ones(5000, np.float32)).dtype == np.float32  # a bias
    assert half(np.ones((1, 5000, 1, 1), np.float32)).dtype == np.float32  # what a batch norm scales maps by
    assert half(np.ones((4, 4), np.float32)).dtype == np.float32


def test_the_same_graph_makes_the_same_bytes():
    again = backbone.__wrapped__()
    assert (again.xml, again.weights) == (SOUND.xml, SOUND.weights)
    assert again.digest == SOUND.digest != backbone(1).digest
    assert all(name.startswith("constant/") for name in load(SOUND.weights))
