"""The pieces of fine-tuning: layers, options, schedule, augmentation, streams, sides, history."""

import threading
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from landuse.errors import UsageError
from landuse.models.architectures import find_architecture
from landuse.options.training import FineTuneOptions, HoldoutOptions, parse_layers
from landuse.training.epochs import Schedule
from landuse.training.pictures import FilePictures
from landuse.training.report import Epoch, best_of, plot_history, validated, write_history
from landuse.training.samples import fine_tune_split
from landuse.training.split import Places
from tests.training.made import samples


def test_what_may_be_asked_for():
    assert [parse_layers(t) for t in ("last-block", "all", "3", "12-layers", "1-layer")] == [
        "last-block",
        "all",
        3,
        12,
        1,
    ]
    for text in ("", "0", "-1", "some", "1.5", "²"):
        with pytest.raises(UsageError, match="last-block, all or a number"):
            parse_layers(text)
    with pytest.raises(UsageError):
        FineTuneOptions(learning_rate=2.0)


def layers_to_train(*given, **more):
    from landuse.training import network  # which imports TensorFlow

    return network.layers_to_train(*given, **more)


@cache
def network(name):
    from landuse.models.keras_networks import build

    return build(find_architecture(name), 224)


@pytest.mark.parametrize(
    ("name", "count", "norms", "first"),
    [
        ("builtin", 14, 0, "block11_depthwise"),
        ("resnet50", 10, 10, "conv5_block1_1_conv"),
        ("alexnet", 3, 3, "conv3_conv"),
    ],
)
def test_the_last_block_is_what_works_at_the_coarsest_resolution(name, count, norms, first):
    model = network(name)
    chosen = layers_to_train(model, "last-block")
    assert first in chosen
    assert len(chosen) == count
    with_norms = layers_to_train(model, "last-block", batch_norm=True)
    assert len(with_norms) == count + norms
    assert layers_to_train(model, "all") > chosen


def test_layers_are_counted_from_the_top():
    model = network("resnet50")
    assert layers_to_train(model, 2) == {"conv5_block3_2_conv", "conv5_block3_3_conv"}
    assert layers_to_train(model, 53) == layers_to_train(model, "all")
    with pytest.raises(UsageError, match="53 layers, not 54"):
        layers_to_train(model, 54)


def test_the_rate_warms_up_and_falls():
    rates = [Schedule(1e-3, 100).rate(i) for i in range(100)]
    assert max(rates) == pytest.approx(1e-3)
    assert rates[0] == pytest.approx(1e-4)
    assert (np.diff(rates[:10]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
    assert 0 <= rates[-1] < 1e-5
    assert Schedule(1.0, 1).rate(0) == 1.0


def test_images_are_changed_but_stay_what_they_show():
    import tensorflow as tf

    from landuse.training import network as module

    image = np.zeros((24, 24, 3), np.float32)
    image[:6, :12, 0] = 200.0
    batch = tf.constant(np.stack([image] * 64))
    changed = module.augment(batch, tf.constant([1, 2])).numpy()
    again = module.augment(batch, tf.constant([1, 2])).numpy()
    assert np.array_equal(changed, again)
    assert changed.shape == batch.shape
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert len({c.tobytes() for c in changed}) == 64
    turned = module._turn(batch, tf.constant([3, 4])).numpy()
    assert len({t.tobytes() for t in turned}) == 8
    scaled = module._scale(batch, tf.constant([5, 6])).numpy()
    shares = (scaled[..., 0] > 100).mean(axis=(1, 2))
    assert shares.min() < 0.125 < shares.max()
    module_scale = module.SCALE
    try:
        module.SCALE = 0.0
        assert np.allclose(module._scale(batch[:, :, :, :], tf.constant([5, 6])).numpy().max(), 200, atol=1e-2)
    finally:
        module.SCALE = module_scale


def test_a_stream_keeps_the_order_and_leaves_out_what_cannot_be_read(tmp_path):
    from landuse.training.pictures import PictureStream

    for i in range(10):
        Image.fromarray(np.full((8, 8, 3), 10 * i, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    with FilePictures(tuple(tmp_path / f"{i}.png" for i in range(10))).reader(8) as reader:
        stream = PictureStream(reader, (8, 8, 3), 4)
        found = list(stream.batches(np.array([9, 3, 0, 5, 7])))
    assert [positions.tolist() for _, positions in found] == [[9, 0, 5], [7]]
    assert [int(value) for images, _ in found for value in images.numpy()[:, 0, 0, 0]] == [90, 0, 50, 70]
    assert stream.lost == {3}


def test_a_stream_reads_on_threads_that_outlive_a_picture():
    """PROJ keeps what belongs to a thread; it crashes on those of tf.data, which Python forgets after each call."""
    from landuse.training.pictures import PictureStream

    class Reader:
        """Notes what thread reads."""

        kinds: ClassVar[set[type]] = set()

        def read(self, position):
            """A picture."""
            self.kinds.add(type(threading.current_thread()))
            return np.zeros((8, 8, 3), np.uint8)

    assert len(list(PictureStream(Reader().read, (8, 8, 3), 4).batches(np.arange(8)))) == 2
    assert Reader.kinds == {threading.Thread}


def test_each_sample_serves_one_purpose():
    labels = np.arange(400) % 3
    sides = fine_tune_split(samples(labels), HoldoutOptions())
    together = np.concatenate([sides.train, sides.validation, sides.calibration])
    assert sorted(together.tolist()) == list(range(400))
    assert len(sides.calibration) == 80
    assert len(sides.validation) == 64
    assert set(labels[sides.validation]) == {0, 1, 2}
    given = fine_tune_split(samples(labels, sides=np.arange(400) < 50), HoldoutOptions())
    assert given.test.tolist() == list(range(50))
    assert not set(range(50)) & set(np.concatenate([given.train, given.validation, given.calibration]).tolist())
    with pytest.raises(UsageError, match="one class a sample"):
        fine_tune_split(samples(targets=[[1, 1, 0]] * 4, multi=True), HoldoutOptions())


def test_places_are_not_shared_by_two_purposes():
    rows, cols = (a.ravel() for a in np.indices((40, 40)))
    made = samples(np.random.default_rng(0).integers(0, 3, 1600), places=Places(rows, cols, 224.0))
    sides = fine_tune_split(made, HoldoutOptions())
    blocks = made.layout.places.blocks()
    groups = [set(blocks[part].tolist()) for part in (sides.train, sides.validation, sides.calibration)]
    assert all(not a & b for i, a in enumerate(groups) for b in groups[:i])


def test_the_history_is_a_table_and_a_picture(tmp_path):
    labels = np.array([0, 0, 1, 2])
    figures = validated(labels, np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], ("a", "b", "c"))
    assert figures["val_accuracy"] == 0.75
    assert figures["val_recall"] == 0.75
    assert figures["val_precision"] == pytest.approx(0.875)
    assert figures["val_f1"] == pytest.approx((2 * 2 / 3 + 2 / 3 + 1) / 4)
    losses = [(None, 1.0), (1.0, 0.5), (1.0, 0.5)]
    epochs = [Epoch(i, 0.1, fit, **figures | {"val_loss": watch}, seconds=1.0) for i, (fit, watch) in enumerate(losses)]
    assert best_of(epochs).epoch == 1
    write_history(tmp_path / "h.csv", epochs)
    assert (tmp_path / "h.csv").read_text().splitlines()[1].startswith("0,0.1,,1,0.75,")
    plot_history(tmp_path / "h.png", epochs, "m")
    assert (tmp_path / "h.png").stat().st_size > 10_000
