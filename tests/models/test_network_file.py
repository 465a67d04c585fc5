"""Networks of other programs: ONNX files, SavedModels and `.keras` files become backbones, hostile ones are refused."""

import io
import json
import zipfile

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from landuse.errors import ModelFileError, UsageError
from landuse.models.architectures import PREPROCESSING, SIGNED, Preprocess
from landuse.models.libraries import ov
from landuse.models.network_file import Declared, is_network_file, read_network
from tests.models.small import images

PX = 32
PLAIN = PREPROCESSING["none"]


class Onnx:
    """An ONNX graph from an image (n, 3, 32, 32), written with onnx.helper."""

    def __init__(self, batch="n", px=PX, seed=0):
        self.nodes, self.constants = [], []
        self.image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, px, px])
        self.rng = np.random.default_rng(seed)
        self.last = "image"

    def weight(self, *shape, spread=None):
        spread = spread or np.sqrt(2 / max(1, np.prod(shape[1:])))
        return self.constant(self.rng.normal(0, spread, shape).astype(np.float32))

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, op, *more, source=None, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [source or self.last, *more], [name], name=name, **attributes))
        self.last = name
        return name

    def model(self, output=None):
        result = helper.make_tensor_value_info(output or self.last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [self.image], [result], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    def write(self, path, output=None):
        onnx.save(self.model(output), path)
        return path


def convolutions(**more):
    """Grouped and dilated convolutions, squeeze-and-excite, GELU, a pooling and a classifier."""
    g = Onnx(**more)
    g.add("Conv", g.weight(8, 3, 3, 3), g.weight(8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    g.add("Gelu")
    g.add("Conv", g.weight(8, 2, 3, 3), kernel_shape=[3, 3], group=4, dilations=[2, 2], pads=[2, 2, 2, 2])
    before = g.last
    g.add("GlobalAveragePool")
    g.add("Conv", g.weight(8, 8, 1, 1), kernel_shape=[1, 1])
    g.add("Mul", g.add("Sigmoid"), source=before)
    g.add("Relu")
    g.add("GlobalAveragePool")
    pooled = g.add("Flatten")
    g.add("Gemm", g.weight(10, 8), g.weight(10), transB=1)
    return g, pooled


def transformer(batch="n", classify="token"):
    """A small vision transformer: patches, a class token, attention, layer norm, GELU, and a classifier."""
    g, d, count = Onnx(batch), 16, 17
    g.add("Conv", g.weight(d, 3, 8, 8), kernel_shape=[8, 8], strides=[8, 8])
    g.add("Reshape", g.constant(np.array([0, d, -1])))
    patches = g.add("Transpose", perm=[0, 2, 1])
    if isinstance(batch, int):
        token = g.constant(g.rng.normal(size=(batch, 1, d)).astype(np.float32))
    else:
        shape = g.add(
            "Concat", g.constant(np.array([1, d])), source=g.add("Shape", source="image", start=0, end=1), axis=0
        )
        token = g.add("Expand", shape, source=g.weight(1, 1, d))
    g.add("Concat", patches, source=token, axis=1)
    g.add("Add", g.weight(1, count, d, spread=0.1))
    start = g.last
    g.add("LayerNormalization", g.constant(np.ones(d, np.float32)), g.constant(np.zeros(d, np.float32)), axis=-1)
    normal = g.last
    q, k, v = (g.add("MatMul", g.weight(d, d), source=normal) for _ in range(3))
    scores = g.add("MatMul", g.add("Transpose", source=k, perm=[0, 2, 1]), source=q)
    mixed = g.add("MatMul", v, source=g.add("Softmax", source=scores, axis=-1))
    tokens = g.add("Add", mixed, source=start)
    g.add("Gelu")
    if classify == "token":
        features = g.add("Gather", g.constant(np.array(0)), axis=1)
    elif classify == "mean":
        features = g.add("ReduceMean", g.constant(np.array([1])), keepdims=0)
    else:
        return g, tokens
    g.add("Gemm", g.weight(10, d), transB=1)
    return g, features


def theirs(graph, output, batch, preprocess=PLAIN):
    """What onnxruntime makes of prepared images, one at a time where the graph takes one."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.model(output).SerializeToString(), providers=["CPUExecutionProvider"])
    prepared = preprocess.apply(batch).transpose(0, 3, 1, 2)
    step = session.get_inputs()[0].shape[0]
    step = step if isinstance(step, int) else len(batch)
    return np.concatenate([session.run(None, {"image": prepared[i : i + step]})[0] for i in range(0, len(batch), step)])


def ours(backbone, batch):
    graph = ov.Core().compile_model(backbone.graph(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    step = backbone.batch or len(batch)
    return np.concatenate([graph([batch[i : i + step]])[0].copy() for i in range(0, len(batch), step)])


def close(one, other):
    assert one.shape == other.shape
    assert np.abs(one - other).max() < 2e-3 * max(1, np.abs(other).max())  # kernels are kept in half precision


UNIT = Preprocess(scale=1 / 255, mean=(0.5,), std=(0.25,))


@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_convolutions_of_all_kinds(tmp_path, batch):
    graph, pooled = convolutions(batch=batch)
    found = read_network(graph.write(tmp_path / "g.onnx"), Declared(UNIT))
    assert (found.px, found.channels, found.features, found.batch, found.architecture) == (PX, 3, 8, None, None)
    close(ours(found, images(4)), theirs(graph, pooled, images(4), UNIT))


@pytest.mark.parametrize("classify", ["token", "mean"])
def test_a_vision_transformer_by_its_class_token_or_the_mean_of_its_tokens(tmp_path, classify):
    graph, features = transformer(classify=classify)
    found = read_network(graph.write(tmp_path / "vit.onnx"), Declared(UNIT))
    assert (found.features, found.batch) == (16, None)
    close(ours(found, images(3)), theirs(graph, features, images(3), UNIT))


def test_tokens_without_a_classifier(tmp_path):
    graph, tokens = transformer(classify="none")
    found = read_network(graph.write(tmp_path / "vit.onnx"), Declared(UNIT))
    close(ours(found, images(3)), theirs(graph, None, images(3), UNIT)[:, 0])
    named = read_network(tmp_path / "vit.onnx", Declared(UNIT, features=tokens))
    close(ours(named, images(3)), theirs(graph, tokens, images(3), UNIT)[:, 0])


def test_a_transformer_made_for_two_images_answers_for_two_at_a_time(tmp_path):
    graph, features = transformer(batch=2)
    found = read_network(graph.write(tmp_path / "vit.onnx"), Declared(UNIT))
    assert found.batch == 2
    close(ours(found, images(4)), theirs(graph, features, images(4), UNIT))


def test_an_earlier_layer_makes_the_features_when_named(tmp_path):
    graph, _ = convolutions()
    found = read_network(graph.write(tmp_path / "g.onnx"), Declared(UNIT, features="gelu_1"))
    close(ours(found, images(2)), theirs(graph, "gelu_1", images(2), UNIT).mean(axis=(2, 3)))
    with pytest.raises(UsageError, match="no layer 'nosuch'"):
        read_network(tmp_path / "g.onnx", Declared(UNIT, features="nosuch"))


def test_a_free_size_is_declared(tmp_path):
    graph, pooled = convolutions(px="s")
    path = graph.write(tmp_path / "g.onnx")
    with pytest.raises(UsageError, match="any x any pixels: declare"):
        read_network(path, Declared(UNIT))
    found = read_network(path, Declared(UNIT, px=48))
    assert found.px == 48
    close(ours(found, images(2, 48)), theirs(graph, pooled, images(2, 48), UNIT))
    fixed, _ = convolutions()
    with pytest.raises(UsageError, match="32 x 32 pixels: declare"):
        read_network(fixed.write(tmp_path / "f.onnx"), Declared(UNIT, px=48))


def external(path, **told):
    """A file whose first kernel lies elsewhere."""
    graph, pooled = convolutions()
    model = graph.model()
    tensor = model.graph.initializer[0]
    values = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in told.items():
        tensor.external_data.add(key=key, value=str(value))
    path.write_bytes(model.SerializeToString())
    return graph, pooled, values


def test_weights_beside_the_file_are_read(tmp_path):
    graph, pooled, values = external(tmp_path / "g.onnx", location="w.bin", offset=16, length=8 * 27 * 4)
    (tmp_path / "w.bin").write_bytes(bytes(16) + values + bytes(9))
    close(ours(read_network(tmp_path / "g.onnx", Declared(UNIT)), images(2)), theirs(graph, pooled, images(2), UNIT))


@pytest.mark.parametrize("location", ["/etc/passwd", "../w.bin", "sub/w.bin", "", ".", "absent.bin", "link.bin"])
def test_weights_elsewhere_are_not_read(tmp_path, location):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    _, _, values = external(folder / "g.onnx", location=location)
    for path in (tmp_path / "w.bin", folder / "sub" / "w.bin"):
        path.write_bytes(values)
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelFileError, match="not a file in its own folder"):
        read_network(folder / "g.onnx", Declared(UNIT))


@pytest.mark.parametrize("told", [{"offset": "x"}, {"offset": -9}, {"length": 3}])
def test_weights_that_are_not_where_they_should_be(tmp_path, told):
    _, _, values = external(tmp_path / "g.onnx", location="w.bin", **told)
    (tmp_path / "w.bin").write_bytes(values)
    with pytest.raises(ModelFileError):
        read_network(tmp_path / "g.onnx", Declared(UNIT))


def test_files_that_are_none(tmp_path):
    for name, content in (
        ("a.onnx", b"no"),
        ("b.onnx", b""),
        ("c.keras", b"no"),
        ("d.keras", b"PK\x03\x04" + bytes(30)),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFileError):
            read_network(tmp_path / name, Declared(UNIT))
    with pytest.raises(ModelFileError, match="no model file"):
        read_network(tmp_path / "absent.onnx", Declared(UNIT))
    with pytest.raises(UsageError, match="neither of"):
        read_network(tmp_path / "x.pt", Declared(UNIT))
    with pytest.raises(UsageError, match="3 bands it takes"):
        read_network(convolutions()[0].write(tmp_path / "g.onnx"), Declared(Preprocess(mean=(1.0, 2.0))))
    assert is_network_file("a.onnx")
    assert is_network_file("b.keras")
    assert not is_network_file("c.h5")


def test_operations_that_backbones_have_not_are_named(tmp_path):
    g = Onnx()
    g.add("Conv", g.weight(4, 3, 3, 3), kernel_shape=[3, 3])
    g.add("RandomNormalLike")
    g.add("GlobalAveragePool")
    with pytest.raises(ModelFileError, match=r"RandomNormalLike|RandomUniform|not supported|can be read"):
        read_network(g.write(tmp_path / "g.onnx"), Declared(UNIT))


def test_a_network_in_half_precision_and_one_of_whole_numbers(tmp_path):
    g = Onnx()
    g.add("Cast", to=TensorProto.FLOAT16)
    g.add("Conv", g.constant(g.rng.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float16)), kernel_shape=[3, 3])
    pooled = g.add("GlobalAveragePool")
    found = read_network(g.write(tmp_path / "half.onnx"), Declared(UNIT))
    whole = g.add("Cast", source=pooled, to=TensorProto.FLOAT)
    close(ours(found, images(3)), theirs(g, whole, images(3), UNIT)[:, :, 0, 0])
    bytes_in = Onnx()
    bytes_in.image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 3, PX, PX])
    bytes_in.add("Cast", to=TensorProto.FLOAT)
    bytes_in.add("GlobalAveragePool")
    path = bytes_in.write(tmp_path / "bytes.onnx")
    close(ours(read_network(path, Declared(PLAIN)), images(3)), np.float32(images(3)).mean(axis=(1, 2)))
    with pytest.raises(UsageError, match="give --preprocess none"):  # -1 to 1 as whole numbers is black
        read_network(path, Declared(SIGNED))


def test_an_operation_of_an_extension_is_named(tmp_path):
    g = Onnx()
    g.add("Deform", domain="com.example")
    g.add("GlobalAveragePool")
    with pytest.raises(ModelFileError, match=r"operation com\.example\.Deform is not supported"):
        read_network(g.write(tmp_path / "g.onnx"), Declared(UNIT))


# Keras


def small_keras(name="features"):
    from landuse.models.libraries import keras

    layers = keras.layers
    image = keras.Input((PX, PX, 3))
    found = layers.Conv2D(8, 3, 2, activation="gelu", name="first")(image)
    found = layers.Conv2D(8, 3, padding="same", groups=2, name="grouped")(found)
    found = layers.Conv2D(8, 3, padding="same", dilation_rate=2)(found)
    gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(found))
    found = layers.LayerNormalization()(layers.Multiply()([found, gate]))
    tokens = layers.Reshape((15 * 15, 8))(found)
    tokens = layers.Add()([tokens, layers.MultiHeadAttention(2, 4)(tokens, tokens)])
    found = layers.GlobalAveragePooling2D(name=name)(layers.Reshape((15, 15, 8))(tokens))
    return keras.Model(image, layers.Dense(5, name="scores")(found))


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    model = small_keras()
    path = tmp_path_factory.mktemp("keras") / "mine.keras"
    model.save(path)
    return path, model


def test_a_keras_file_with_attention(keras_file):
    from landuse.models.libraries import keras

    path, model = keras_file
    found = read_network(path, Declared(SIGNED))
    assert (found.px, found.features, found.batch) == (PX, 8, None)
    wanted = keras.Model(model.input, model.get_layer("features").output)(SIGNED.apply(images(3)))
    close(ours(found, images(3)), np.asarray(wanted))
    named = read_network(path, Declared(SIGNED, features="first"))
    wanted = keras.Model(model.input, model.get_layer("first").output)(SIGNED.apply(images(3)))
    close(ours(named, images(3)), np.asarray(wanted).mean(axis=(1, 2)))
    with pytest.raises(UsageError, match="no layer 'nosuch'"):
        read_network(path, Declared(SIGNED, features="nosuch"))


def test_a_network_that_was_trained_with_varied_images(tmp_path):
    from landuse.models.libraries import keras

    layers = keras.layers
    varied = [layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomContrast(0.2)]
    ends = [layers.Conv2D(4, 3, 2), layers.GlobalAveragePooling2D(name="features"), layers.Dense(2)]
    model = keras.Sequential([layers.Input((PX, PX, 3)), *varied, *ends])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((2, PX, PX, 3)), np.zeros((2, 2)), verbose=0)
    model.save(tmp_path / "trained.keras")
    found = read_network(tmp_path / "trained.keras", Declared(SIGNED, features="features"))
    wanted = keras.Model(model.inputs, model.get_layer("features").output)(SIGNED.apply(images(3)), training=False)
    close(ours(found, images(3)), np.asarray(wanted))


def test_how_a_network_was_compiled_is_not_read(keras_file, tmp_path):
    with zipfile.ZipFile(keras_file[0]) as archive:
        config = json.loads(archive.read("config.json"))
    config["compile_config"] = {"optimizer": {"module": "os", "class_name": "system", "config": {"command": "false"}}}
    path = changed(keras_file[0], tmp_path / "m.keras", **{"config__json": json.dumps(config).encode()})
    assert read_network(path, Declared(SIGNED)).features == 8


def changed(path, out, **members):
    with zipfile.ZipFile(path) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in (data | {key.replace("__", "."): value for key, value in members.items()}).items():
            archive.writestr(name, content)
    return out


HOSTILE = [
    {"module": "keras.layers", "class_name": "Lambda", "config": {"function": ["4wEAAA==", None, None]}},
    {"module": "builtins", "class_name": "Dense", "config": {}},
    {"module": "os", "class_name": "system", "config": {"command": "touch /tmp/pwned"}},
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}},
    {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "x"}},
    {"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}},
    {"module": "keras.layers", "class_name": "Dense", "registered_name": "evil>Dense", "config": {}},
    {"class_name": "function", "config": "run", "module": "subprocess"},
]


@pytest.mark.parametrize("layer", HOSTILE, ids=lambda layer: layer["class_name"])
def test_layers_that_run_code_or_read_files_are_refused(keras_file, tmp_path, layer):
    with zipfile.ZipFile(keras_file[0]) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][2]["config"]["kernel_initializer"] = layer
    path = changed(keras_file[0], tmp_path / "m.keras", **{"config__json": json.dumps(config).encode()})
    with pytest.raises(ModelFileError, match="is not supported"):
        read_network(path, Declared(SIGNED))


def hdf5(make):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        make(file)
    return stream.getvalue()


def test_weights_of_a_keras_file_lie_in_it(keras_file, tmp_path):
    layout = h5py.VirtualLayout((2,), np.float32)
    layout[:] = h5py.VirtualSource(str(tmp_path / "s.h5"), "x", (2,))
    hostile = [
        lambda f: f.__setitem__("x", h5py.ExternalLink(str(tmp_path / "s.h5"), "x")),
        lambda f: f.__setitem__("x", h5py.SoftLink("/y")),
        lambda f: f.create_dataset("x", (2,), np.float32, external=[(str(tmp_path / "raw"), 0, 8)]),
        lambda f: f.create_virtual_dataset("x", layout),
        lambda f: f.create_dataset("x", (10**6, 10**6), np.float32, chunks=(100, 100)),
    ]
    for make in hostile:
        path = changed(keras_file[0], tmp_path / "m.keras", **{"model__weights__h5": hdf5(make)})
        with pytest.raises(ModelFileError, match=r"not followed|another file|too large"):
            read_network(path, Declared(SIGNED))
    path = changed(keras_file[0], tmp_path / "m.keras", **{"model__weights__h5": b"none"})
    with pytest.raises(ModelFileError, match="damaged"):
        read_network(path, Declared(SIGNED))
    path = changed(keras_file[0], tmp_path / "m.keras", **{"config__json": b"[" * 99_999})
    with pytest.raises(ModelFileError, match="does not describe"):
        read_network(path, Declared(SIGNED))
    path = changed(keras_file[0], tmp_path / "m.keras", **{"evil__py": b"x"})
    with pytest.raises(ModelFileError, match="does not hold"):
        read_network(path, Declared(SIGNED))


# SavedModels


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = small_keras("pooled")
    path = tmp_path_factory.mktemp("saved") / "mine"
    model.export(path, format="tf_saved_model", verbose=False)
    return path, model


def test_a_saved_model(saved):
    from landuse.models.libraries import keras

    path, model = saved
    assert is_network_file(str(path))
    found = read_network(path, Declared(SIGNED))
    assert (found.px, found.features, found.batch) == (PX, 8, None)
    wanted = keras.Model(model.input, model.get_layer("pooled").output)(SIGNED.apply(images(3)))
    close(ours(found, images(3)), np.asarray(wanted))


def test_a_saved_model_holds_no_links_and_is_whole(saved, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(saved[0], folder)
    (folder / "assets_x").symlink_to("/etc/passwd")
    with pytest.raises(ModelFileError, match="holds links"):
        read_network(folder, Declared(SIGNED))
    (folder / "assets_x").unlink()
    (folder / "saved_model.pb").write_bytes(b"no network")
    with pytest.raises(ModelFileError, match=r"can be read|not supported"):
        read_network(folder, Declared(SIGNED))
