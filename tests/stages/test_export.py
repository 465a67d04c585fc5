"""The whole classifier in other programs' forms says what it says here."""

import json
from dataclasses import replace

import numpy as np
import openvino as ov
import pytest

import landuse as lu
from landuse.cli.main import run
from landuse.errors import OutputExistsError, UsageError
from landuse.legend import LandClass, Legend
from landuse.models.bundle import write_bundle
from landuse.models.export import described, onnx_classifier
from landuse.models.runtime import OpenVinoRuntime
from landuse.models.statistics import with_statistics
from tests.models.small import (
    LEGEND,
    PX,
    Layers,
    bundle,
    forget_tiny,
    image_of,
    images,
    know_tiny,
    made,
    random_head,
    tiny_backbone,
)

CLOSE = 1e-4


def in_onnx(path, batch):
    """Probabilities (n, K) by onnxruntime, and by OpenVINO's reader of the same file."""
    import onnxruntime

    values = np.float32(batch * (1.0 / 255)).transpose(0, 3, 1, 2)  # as Deepness prepares tiles
    found = onnxruntime.InferenceSession(str(path)).run(None, {"image": values})[0]
    other = ov.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([values])[0]
    assert found.shape == other.shape == (len(batch), found.shape[1], *batch.shape[1:3])
    assert np.ptp(found, axis=(2, 3)).max() == 0
    assert np.abs(found - other).max() < CLOSE
    return found[:, :, 0, 0]


def metadata(path):
    import onnxruntime

    read = onnxruntime.InferenceSession(str(path)).get_modelmeta().custom_metadata_map
    return {key: json.loads(value) for key, value in read.items()}


def as_deepness_reads(path):
    """What the QGIS plugin Deepness makes of a file, by the keys and the conversions of its model_base.py and segmentor.py."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    (image,), (answer,) = session.get_inputs(), session.get_outputs()
    said = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    names = sorted(said["class_names"].items(), key=lambda item: int(item[0]))
    assert [int(key) for key, _ in names] == list(range(answer.shape[-3])), "it refuses numbers that leave a gap"
    assert isinstance(image.shape[0], str), "which it takes for a batch of any size"
    assert image.shape[-2] == image.shape[-1] == answer.shape[-2] == answer.shape[-1]
    assert len(said["standardization_mean"]) == len(said["standardization_std"]) == image.shape[-3]
    return {
        "type": str(said["model_type"]).capitalize(),
        "names": [name for _, name in names],
        "centimetres": float(said["resolution"]),
        "px": int(said["tile_size"]),
        "overlap": int(said["tiles_overlap"]),
        "threshold": float(said["seg_thresh"]),
        "smallest": int(said["seg_small_segment"]),
    }


def test_deepness_reads_the_file_as_tiles_that_are_chips(tmp_path):
    model = write_bundle(bundle(), tmp_path / "m")
    assert as_deepness_reads(lu.export(model, tmp_path / "m.onnx", chip_m=PX * 0.6)) == {
        "type": "Segmentor",
        "names": list(LEGEND.names),
        "centimetres": pytest.approx(60),
        "px": PX,
        "overlap": 0,
        "threshold": 0,
        "smallest": 0,
    }


def answers(model, batch):
    return OpenVinoRuntime(model, "f32").predict(batch).probabilities


def test_the_model_that_ships_in_onnx_and_in_openvino(tmp_path):
    from landuse.models.bundle import find_bundle, read_bundle

    model, batch = read_bundle(find_bundle("builtin")), images(2, 224)
    wanted = answers(model, batch)
    assert np.abs(in_onnx(lu.export("builtin", tmp_path / "b.onnx"), batch) - wanted).max() < CLOSE
    said = metadata(tmp_path / "b.onnx")
    assert said["model_type"] == "Segmentor"
    assert said["class_names"] == {str(i): name for i, name in enumerate(model.legend.names)}
    assert (said["resolution"], said["tile_size"], said["tiles_size"], said["tiles_overlap"]) == (100, 224, 224, 0)
    assert (said["standardization_mean"], said["standardization_std"]) == ([0, 0, 0], [1, 1, 1])
    assert (said["bands"], said["metres_per_pixel"]) == (["red", "green", "blue"], 1)

    path = lu.export("builtin", tmp_path / "b.xml", format="openvino")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.bin", "b.onnx", "b.xml"]
    graph = ov.Core().read_model(path)
    assert json.loads(graph.get_rt_info(["landuse", "bands"]).value) == ["red", "green", "blue"]
    found = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([batch])["probabilities"]
    assert np.abs(found - wanted).max() < CLOSE


@pytest.fixture
def tiny():
    know_tiny()
    yield bundle(backbone=tiny_backbone())
    forget_tiny()


def test_a_network_of_keras_in_all_forms(tiny, tmp_path):
    import tensorflow as tf

    batch, wanted = images(3), answers(tiny, images(3))
    model = write_bundle(tiny, tmp_path / "m")
    assert np.abs(in_onnx(lu.export(model, tmp_path / "m.onnx"), batch) - wanted).max() < CLOSE
    folder = lu.export(model, tmp_path / "saved", format="savedmodel", chip_m=64)
    found = tf.saved_model.load(str(folder)).signatures["serving_default"](tf.constant(batch))["probabilities"]
    assert np.abs(found.numpy() - wanted).max() < CLOSE
    said = json.loads((folder / "assets.extra" / "landuse.json").read_text())
    assert (said["metres_per_pixel"], said["class_codes"]) == (2, [2, 5, 9])


def test_a_network_from_a_file_has_all_its_operations(tmp_path):
    model = bundle()
    path = lu.export(write_bundle(model, tmp_path / "m"), tmp_path / "m.onnx")
    assert np.abs(in_onnx(path, images(3)) - answers(model, images(3))).max() < CLOSE


def test_statistics_of_further_bands_are_part_of_it(tmp_path):
    wide = with_statistics(bundle().backbone, ("red", "green", "blue", "nir"))
    model = bundle(backbone=wide, bands=("red", "green", "blue", "nir"), head=random_head(wide.features, 3))
    batch = np.random.default_rng(0).integers(0, 256, (2, PX, PX, 4), dtype=np.uint8)
    calm = replace(model.head, scale=np.full(wide.features, 500, np.float32))
    model = replace(model, head=calm)
    path = lu.export(write_bundle(model, tmp_path / "m"), tmp_path / "m.onnx")
    assert np.abs(in_onnx(path, batch) - answers(model, batch)).max() < CLOSE
    assert metadata(path)["bands"][3] == "nir"


def test_operations_of_transformers_and_of_shapes_that_are_computed(tmp_path):
    from openvino import opset13 as ops

    layers, (image, found) = Layers(), image_of(PX)
    found = ops.pad(layers.conv(found, 8, stride=8), [0, 0, 0, 0], [0, 0, 1, 1], "constant")
    found = ops.multiply(ops.hswish(found), ops.hsigmoid(found))
    shape = ops.shape_of(found, "i32")
    batch = ops.strided_slice(shape, [0], [1], [1], [0], [0], [], [], [])
    rows = ops.unsqueeze(ops.strided_slice(shape, [-1], [0], [1], [0], [0], [], [1], []), [0])
    size = ops.concat([batch, ops.constant(np.array([8], np.int32)), ops.multiply(rows, rows)], 0)
    tokens = ops.transpose(ops.reshape(found, size, False), np.array([0, 2, 1]))
    begun = ops.broadcast(ops.constant(np.ones((1, 1, 8), np.float32)), ops.concat([batch, np.int32([1, 8])], 0))
    tokens = ops.concat([begun, tokens], 1)  # a class token for every image
    tokens = ops.mvn(tokens, np.array([2]), True, 1e-5, "inside_sqrt")
    one, two = ops.split(tokens, 2, 2).outputs()
    weights = ops.softmax(ops.matmul(one, two, False, True), 2)
    tokens = ops.gelu(ops.matmul(weights, tokens, False, False), "tanh")
    token = ops.squeeze(ops.strided_slice(tokens, [0, 3, 0], [0, 4, 0], [1, 1, 1], [1, 0, 1], [1, 0, 1]), [1])
    other = ops.strided_slice(tokens, [0, -1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1], [1, 0, 1], [], [0, 1, 0])
    features = ops.swish(ops.add(token, other), np.float32(1.5))
    wide = made(features, image)
    model = bundle(backbone=wide, head=random_head(wide.features, 3))
    path = lu.export(write_bundle(model, tmp_path / "m"), tmp_path / "m.onnx")
    assert np.abs(in_onnx(path, images(3)) - answers(model, images(3))).max() < CLOSE


def dense_head(classes):
    from landuse.models.heads import DenseHead

    rng = np.random.default_rng(3)
    kernels = rng.normal(size=(6, 5)).astype(np.float32), rng.normal(size=(5, classes)).astype(np.float32)
    biases = rng.normal(size=5).astype(np.float32), rng.normal(size=classes).astype(np.float32)
    return DenseHead(kernels, biases, rng.normal(size=6).astype(np.float32), np.full(6, 0.5, np.float32), 1.3)


@pytest.mark.parametrize("kind", ["dense", "several"])
def test_other_heads(kind, tmp_path):
    body = dense_head(3)
    head = body if kind == "dense" else replace(body, thresholds=np.array([0.5, 0.25, 0.75], np.float32))
    model = bundle(head=head)
    path = lu.export(write_bundle(model, tmp_path / "m"), tmp_path / "m.onnx")
    assert np.abs(in_onnx(path, images(4)) - answers(model, images(4))).max() < CLOSE
    assert metadata(path)["thresholds"] == ([] if kind == "dense" else [0.5, 0.25, 0.75])


def test_a_forest_is_refused(tmp_path):
    from tests.models.test_heads_kinds import forest

    model = write_bundle(bundle(head=forest()), tmp_path / "m")
    with pytest.raises(UsageError, match=r"forest.*--head logistic"):
        lu.export(model, tmp_path / "m.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.landuse"]


def test_a_savedmodel_of_a_network_from_a_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="came from a file"):
        lu.export(write_bundle(bundle(), tmp_path / "m"), tmp_path / "saved", format="savedmodel")


def test_an_operation_that_onnx_writing_does_not_know_is_named(tmp_path):
    from openvino import opset13 as ops

    image, found = image_of(PX)
    odd = ops.lrn(Layers().conv(found, 6), np.array([1]), 1e-4, 0.75, 1.0, 5)
    model = bundle(backbone=made(ops.reduce_mean(odd, np.array([2, 3]), False), image))
    with pytest.raises(UsageError, match="operation LRN, which cannot be written as ONNX"):
        onnx_classifier(model, described(model, 224))


def test_names_that_html_would_read_stay_text(tmp_path):
    odd = Legend(name="x", classes=(LandClass(code=1, name='</script>"é', color="#000000"), *LEGEND.classes[1:]))
    path = lu.export(write_bundle(bundle(legend=odd), tmp_path / "m"), tmp_path / "m.onnx")
    assert metadata(path)["class_names"]["0"] == '</script>"é'


def test_what_is_there_stays_unless_asked_for(tmp_path):
    model = write_bundle(bundle(), tmp_path / "m")
    lu.export(model, tmp_path / "m.onnx")
    with pytest.raises(OutputExistsError, match="--fresh"):
        lu.export(model, tmp_path / "m.onnx")
    lu.export(model, tmp_path / "m.onnx", fresh=True)
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputExistsError, match="did not write"):
        lu.export(model, tmp_path / "mine", format="savedmodel", fresh=True)
    with pytest.raises(UsageError, match=r"ends in \.xml"):
        lu.export(model, tmp_path / "m.onnx", format="openvino")


def test_the_command(tmp_path, capsys):
    model = write_bundle(bundle(), tmp_path / "m")
    assert run(["export", str(model), "--out", str(tmp_path / "m.onnx"), "--chip-size", "16"]) == 0
    assert f"wrote {tmp_path / 'm.onnx'}" in capsys.readouterr().out
    assert metadata(tmp_path / "m.onnx")["resolution"] == 50
