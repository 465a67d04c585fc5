import time
from dataclasses import replace

import numpy as np
import pytest

from landuse.errors import BandsError, EngineError, UsageError
from landuse.models.architectures import ARCHITECTURES, find_architecture
from landuse.models.bundle import write_bundle
from landuse.models.runtime import OpenVinoRuntime, choose_precision, open_runtime
from tests.models.small import (
    PX,
    Layers,
    bundle,
    forget_tiny,
    image_of,
    images,
    know_tiny,
    means,
    random_array,
    random_head,
    tiny_backbone,
)


@pytest.fixture(scope="module")
def small():
    return OpenVinoRuntime(bundle(), "f32")


@pytest.fixture
def tiny():
    know_tiny()
    yield bundle(backbone=tiny_backbone())
    forget_tiny()


def test_a_fork_of_a_process_that_ran_a_model_is_told_so(monkeypatch):
    open_runtime(bundle())
    monkeypatch.setattr("landuse.models.runtime.os.getpid", lambda: 1)
    with pytest.raises(EngineError, match="start it by spawn"):
        open_runtime(bundle())


def test_in_float32_an_image_is_a_request_of_its_own(small):
    assert list(small._compiled.input(0).get_shape()) == [1, PX, PX, 3]
    batch = images(11)
    together = small.predict(batch)
    alone = [small.predict(batch[i : i + 1]).features[0] for i in range(len(batch))]
    assert (together.features == np.stack(alone)).all()


def test_every_kind_of_layer_agrees_between_the_runtimes(tiny):
    from landuse.models.keras_backbone import KerasRuntime

    batch = images(5)
    ours, theirs = OpenVinoRuntime(tiny, "f32").predict(batch), KerasRuntime(tiny).predict(batch)
    assert np.abs(ours.features - theirs.features).max() < 1e-5
    assert np.abs(ours.probabilities - theirs.probabilities).max() < 1e-5
    assert ours.probabilities.std(axis=0).min() > 1e-4  # the images are told apart at all


@pytest.fixture
def families(monkeypatch):
    """The networks of three families by name, cut down to few blocks; `benchmarks.runtimes` compares whole ones."""
    from landuse.models import keras_networks
    from landuse.models.libraries import keras

    def convnext(**how):
        return keras.src.applications.convnext.ConvNeXt((1, 2, 1, 1), (8, 16, 24, 32), **how)

    def mobilenet(**how):
        theirs = keras.src.applications.mobilenet_v3

        def blocks(image, kernel, activation, squeeze):
            for number, (step, part) in enumerate([(2, None), (1, squeeze), (2, squeeze)]):
                image = theirs._inverted_res_block(image, 3, 16, kernel, step, part, activation, number)
            return image

        return theirs.MobileNetV3(blocks, 64, model_type="small", **how)

    stages = keras_networks.LITE_STAGES
    short = [(1, kernel, step, widening, width) for _, kernel, step, widening, width in stages]
    monkeypatch.setattr(keras_networks, "LITE_STAGES", short)
    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", convnext)
    monkeypatch.setattr(keras.applications, "MobileNetV3Small", mobilenet)
    ends = sum(width for stage, (*_, width) in enumerate(short) if stage in keras_networks.LITE_ENDS)
    lines = {"builtin": ends, "convnexttiny": 32, "mobilenetv3small": 96}
    for name, features in lines.items():
        monkeypatch.setitem(ARCHITECTURES, name, replace(find_architecture(name), features=features))


@pytest.mark.usefixtures("families")
@pytest.mark.parametrize("name", ["builtin", "convnexttiny", "mobilenetv3small"])
def test_every_family_agrees_between_the_runtimes(name):
    from landuse.models.keras_backbone import KerasRuntime, named_backbone
    from landuse.models.keras_networks import arrays, build

    line, px, rng = find_architecture(name), 64, np.random.default_rng(0)
    whole = arrays(build(line, px))
    weights = {name: random_array(rng, name, array) for name, array in whole.items()}
    found = named_backbone(line, weights, px)
    sizes = sum(array.size for array in weights.values())
    assert sum(array.size for array in found.variables("x").values()) == sizes
    assert len(found.weights) < 2.6 * sizes + 500 * len(weights)  # no kernel is there twice
    batch = images(2, px)
    batch[1] //= 3
    features = (
        OpenVinoRuntime(bundle(backbone=found, head=random_head(line.features, 3)), "f32").predict(batch).features
    )
    head = random_head(line.features, 3)
    spread = np.full_like(head.scale, features.std() * np.sqrt(line.features))
    model = bundle(backbone=found, head=replace(head, mean=features.mean(axis=0), scale=spread))
    ours, theirs = OpenVinoRuntime(model, "f32").predict(batch), KerasRuntime(model).predict(batch)
    assert ours.features.shape == (2, line.features)
    assert np.abs(ours.probabilities - theirs.probabilities).max() < 1e-3
    assert np.allclose(ours.features, theirs.features, rtol=1e-3, atol=1e-3 * np.abs(ours.features).max())


def test_a_network_from_a_file_runs_in_openvino_alone():
    with pytest.raises(UsageError, match=r"came from a file, .* use --runtime openvino"):
        open_runtime(bundle(), kind="tensorflow")


def test_a_graph_of_one_image_at_a_time_answers_for_any_number(small):
    import openvino as ov

    from landuse.models.architectures import Preprocess
    from landuse.models.backbone import backbone_of

    image, found = image_of(PX)
    image.set_partial_shape(ov.PartialShape([3, PX, PX, 3]))
    layers = Layers()
    graph = ov.Model([means(layers.conv(found, 6)).output(0)], [image], "fixed")
    fixed = backbone_of(graph, Preprocess())
    assert fixed.batch == 3
    runtime = OpenVinoRuntime(bundle(backbone=fixed), "f32")
    whole = runtime.predict(images(7))
    alone = np.concatenate([runtime.predict(images(7)[i : i + 1]).features for i in range(7)])
    assert np.allclose(whole.features, alone, atol=1e-4)


def test_the_head_in_the_graph_is_the_head(small):
    prediction = small.predict(images(4))
    assert prediction.probabilities.dtype == prediction.features.dtype == np.float32
    assert np.allclose(prediction.probabilities, bundle().head.apply(prediction.features), atol=1e-5)


def test_a_stream_answers_in_order_whatever_the_batch_sizes(small):
    sizes = [3, 0, 17, 8, 1, 40]
    batches = [images(size, seed=i) for i, size in enumerate(sizes)]
    streamed = list(small.predict_stream(iter(batches)))
    assert [len(p.probabilities) for p in streamed] == sizes
    alone = [small.predict(batch[i : i + 1]).features[0] for batch in batches for i in range(len(batch))]
    assert np.allclose(np.concatenate([p.features for p in streamed]), alone, atol=1e-5)


def test_a_stream_is_read_only_as_fast_as_it_is_used(small):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield images(16)

    stream = small.predict_stream(endless())
    for _ in range(3):
        next(stream)
        time.sleep(0.05)
    stream.close()
    assert taken < 40


def test_an_error_while_reading_reaches_the_caller(small):
    def broken():
        yield images(4)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(small.predict_stream(broken()))
    assert len(small.predict(images(2)).features) == 2


@pytest.mark.parametrize(
    "batch", [images(2).astype(np.float32), images(2)[..., :2], images(2)[:, :16], images(2)[0]], ids=str
)
def test_images_of_another_kind_are_refused(small, batch):
    with pytest.raises(BandsError, match="3 bands"):
        small.predict(batch)


def test_compiled_once_for_equal_models(tmp_path):
    path = write_bundle(bundle(), tmp_path / "m")
    first = open_runtime(path)
    assert open_runtime(path) is first
    assert open_runtime(bundle()) is first
    assert open_runtime(path, threads=1) is not first
    assert open_runtime(bundle(head=random_head(6, 3, seed=1))) is not first


def test_a_file_that_was_replaced_is_read_again(tmp_path):
    path = write_bundle(bundle(), tmp_path / "m")
    before = open_runtime(path)
    write_bundle(bundle(head=random_head(6, 3, seed=2), name="another one"), path)
    assert open_runtime(path) is not before


def test_bfloat16_only_where_the_processor_has_it():
    assert choose_precision("auto", ["FP32", "BF16"]) == "bf16"
    assert choose_precision("f32", ["FP32", "BF16"]) == "f32"
    assert choose_precision("auto", ["FP32", "INT8"]) == "f32"
    with pytest.raises(UsageError, match="bfloat16"):
        choose_precision("bf16", ["FP32"])


def test_unknown_runtimes_are_refused():
    with pytest.raises(UsageError, match="openvino"):
        open_runtime(bundle(), kind="torch")
    with pytest.raises(UsageError, match="float32"):
        open_runtime(bundle(), kind="tensorflow", precision="bf16")
