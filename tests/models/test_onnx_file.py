import numpy as np
import openvino as ov
import pytest

from landuse.errors import ModelFileError, UsageError
from landuse.models.foreign import Declared, read_foreign
from landuse.models.openvino_graph import build_openvino
from landuse.models.preprocess import Preprocess
from tests.models import onnx_bytes as onnx
from tests.models.small import images

PX = 24
PREPROCESS = Preprocess(mean=(124.0, 116.0, 104.0), std=(58.0, 57.0, 57.0))
DECLARED = Declared(PREPROCESS, PX)


def chain():
    """Operations as PyTorch exports them: explicit borders, a max pooling with a border, a residual, a classifier."""
    op = onnx.operation
    ops = [
        op("Sub", ["image", "shift"], "shifted"),
        op("Conv", ["shifted", "k1", "b1"], "c1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        op("BatchNormalization", ["c1", "g", "b", "m", "v"], "n1", epsilon=1e-2),
        op("Relu", ["n1"], "r1"),
        op("MaxPool", ["r1"], "p1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        op("Conv", ["p1", "kd"], "d1", kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=8),
        op("Sigmoid", ["d1"], "gate"),
        op("Mul", ["d1", "gate"], "swish"),
        op("Conv", ["swish", "k2", "b2"], "c2", kernel_shape=[1, 3], pads=[0, 1, 0, 1]),
        op("Add", ["c2", "p1"], "sum"),
        op("AveragePool", ["sum"], "p2", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=1),
        op("Concat", ["p2", "sum"], "both", axis=1),
        op("Clip", ["both", "zero", "six"], "clip"),
        op("GlobalAveragePool", ["clip"], "pool"),
        op("Flatten", ["pool"], "flat", axis=1),
        op("Gemm", ["flat", "w", "wb"], "scores", transB=1),
        op("Softmax", ["scores"], "out", axis=1),
    ]
    shapes = {"k1": (8, 3, 3, 3), "b1": (8,), "g": (8,), "b": (8,), "m": (8,), "kd": (8, 1, 3, 3), "k2": (8, 8, 1, 3)}
    arrays = onnx.weights(**shapes, b2=(8,), w=(5, 16), wb=(5,), shift=(1, 3, 1, 1))
    arrays |= {"v": np.linspace(0.5, 2, 8, dtype=np.float32), "zero": np.float32(0), "six": np.float32(6)}
    return ops, {name: np.asarray(array) for name, array in arrays.items()}


def write(path, ops, arrays, side=PX, out=("out", ["n", 5])):
    data = onnx.model(ops, list(arrays.items()), [("image", ["n", 3, side, side])], [out])
    path.write_bytes(data)
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "net.onnx", *chain())


def run_both(path, name, declared=DECLARED):
    """What the translated network gives, and what OpenVINO gives for the tensor `name` of the file itself."""
    backbone, weights = read_foreign(path, declared)
    core, batch = ov.Core(), images(3, backbone.px)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    ours = core.compile_model(build_openvino(backbone.network, weights, PREPROCESS, backbone.px), "CPU", exact)(batch)[
        0
    ]
    whole = core.read_model(path)
    whole.reshape([3, 3, backbone.px, backbone.px])
    whole.add_outputs(name)
    prepared = np.ascontiguousarray(PREPROCESS.apply(batch).transpose(0, 3, 1, 2))
    theirs = core.compile_model(whole, "CPU", exact)(prepared)
    return ours, theirs[name], backbone


def test_features_are_the_last_global_pooling_of_the_file(file):
    ours, theirs, backbone = run_both(file, "pool")
    assert backbone.name == "net"
    assert backbone.feature_count == 16
    assert ours.std(axis=0).max() > 0.01
    assert np.allclose(ours, theirs[:, :, 0, 0], atol=1e-4)


@pytest.mark.parametrize("px", [17, 32, 33])
def test_sizes_that_the_file_leaves_open(tmp_path, px):
    path = write(tmp_path / "n.onnx", *chain(), side="s")
    ours, theirs, backbone = run_both(path, "pool", Declared(PREPROCESS, px))
    assert backbone.px == px
    assert np.allclose(ours, theirs[:, :, 0, 0], atol=1e-4)


def test_a_named_layer_makes_the_features(file):
    ours, theirs, _ = run_both(file, "sum", Declared(PREPROCESS, PX, features="sum"))
    assert np.allclose(ours, theirs.mean(axis=(2, 3)), atol=1e-4)
    ours, theirs, _ = run_both(file, "scores", Declared(PREPROCESS, PX, features="scores"))
    assert np.allclose(ours, theirs, atol=1e-4)


def test_what_is_not_supported_is_named(tmp_path):
    ops, arrays = chain()
    ops[3] = onnx.operation("HardSwish", ["n1"], "r1")
    with pytest.raises(ModelFileError, match=r"HSwish of 'r1' is not supported") as caught:
        read_foreign(write(tmp_path / "n.onnx", ops, arrays), DECLARED)
    assert "\n" not in str(caught.value)
    backbone, _ = read_foreign(tmp_path / "n.onnx", Declared(PREPROCESS, PX, features="n1"))
    assert backbone.feature_count == 8
    ops, arrays = chain()
    ops[1] = onnx.operation("Conv", ["shifted", "k1", "b1"], "c1", kernel_shape=[3, 3], dilations=[2, 2])
    with pytest.raises(ModelFileError, match=r"Convolution of 'c1.*' with dilation"):
        read_foreign(write(tmp_path / "n.onnx", ops, arrays), DECLARED)


def test_what_does_not_fit_is_said(file, tmp_path):
    with pytest.raises(UsageError, match="takes images of 24 x 24 pixels"):
        read_foreign(file, Declared(PREPROCESS, 48))
    with pytest.raises(UsageError, match="declare a size"):
        read_foreign(write(tmp_path / "free.onnx", *chain(), side="s"), Declared(PREPROCESS))
    with pytest.raises(UsageError, match="no layer 'nothing'"):
        read_foreign(file, Declared(PREPROCESS, PX, "nothing"))
    with pytest.raises(UsageError, match="3 bands"):
        read_foreign(file, Declared(Preprocess(mean=(1.0, 2.0)), PX))
    with pytest.raises(UsageError, match="neither"):
        read_foreign(tmp_path / "net.pt", DECLARED)


def test_weights_in_another_file_are_not_read(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(32))
    ops, arrays = chain()
    external = onnx.field(13, onnx.field(1, "location") + onnx.field(2, str(secret))) + onnx.field(14, 1)
    constants = [*((n, a) for n, a in arrays.items() if n != "b1")]
    constants.append(onnx.field(1, 8) + onnx.field(2, 1) + onnx.field(8, "b1") + external)
    (tmp_path / "n.onnx").write_bytes(onnx.model(ops, constants, [("image", ["n", 3, PX, PX])], [("out", ["n", 5])]))
    with pytest.raises(ModelFileError, match="in other files, which are not read"):
        read_foreign(tmp_path / "n.onnx", DECLARED)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x08"])
def test_files_that_are_none_are_refused(tmp_path, data):
    (tmp_path / "n.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match=str(tmp_path)):
        read_foreign(tmp_path / "n.onnx", DECLARED)
    with pytest.raises(ModelFileError, match="no model file"):
        read_foreign(tmp_path / "absent.onnx", DECLARED)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    ops, arrays = chain()
    arrays["k2"] = np.full_like(arrays["k2"], np.nan)
    with pytest.raises(ModelFileError, match="not sound"):
        read_foreign(write(tmp_path / "n.onnx", ops, arrays), DECLARED)
