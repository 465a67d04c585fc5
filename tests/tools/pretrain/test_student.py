import numpy as np
import pytest

from landuse.models.architectures import Architecture
from landuse.models.preprocess import SIGNED
from tools.pretrain.batches import Drawer
from tools.pretrain.images import ImageSet
from tools.pretrain.wise import between


def narrow(image):
    from landuse.models.keras_library import keras

    found = keras.layers.ReLU(6.0)(keras.layers.Conv2D(8, 3, 2, "same", name="conv1")(image))
    found = keras.layers.ReLU(6.0)(keras.layers.DepthwiseConv2D(3, 2, "same", name="deep")(found))
    return keras.layers.GlobalAveragePooling2D(name="features")(found)


@pytest.fixture(scope="module", autouse=True)
def _known():
    """The network is one that Keras builds from a name."""
    from landuse.models import own_networks

    own_networks.narrow = narrow
    yield
    del own_networks.narrow


def tiny() -> Architecture:
    return Architecture("narrow", "narrow", 64, SIGNED, 8, own=True)


@pytest.fixture(scope="module")
def drawer():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    labels = np.array([*np.repeat(np.arange(4), 4), *[-1] * 8])
    places = (*("x",) * 16, *(f"town_{i // 2}" for i in range(8)))
    source = ImageSet(images, labels, np.zeros(24, bool), ("a", "b", "c", "d"), places)
    return Drawer(source, rng.normal(size=(24, 8)).astype(np.float32), pairs=2, labelled=4)


def student_of(drawer, plan):
    from landuse.models.keras_networks import initial_weights
    from tools.pretrain.run import first_head
    from tools.pretrain.student import Student

    return Student(tiny(), initial_weights(tiny()), first_head(drawer.source, drawer.features), plan)


def test_a_broken_off_run_ends_as_an_unbroken_one_and_trains_every_layer(drawer, tmp_path):
    from landuse.models.keras_networks import initial_weights
    from tools.pretrain.student import Phase, Plan, train_student

    class BrokenOffError(Exception):
        pass

    class Breaking(Plan):
        def rate_at(self, step):
            if step == 5:
                raise BrokenOffError
            return super().rate_at(step)

    phases = (Phase(32, 4), Phase(64, 2))
    plan = Plan(phases, save_every=3)
    whole = train_student(student_of(drawer, plan), drawer, plan, tmp_path / "whole.npz")
    breaking = Breaking(phases, save_every=3)
    with pytest.raises(BrokenOffError):
        train_student(student_of(drawer, breaking), drawer, breaking, tmp_path / "broken.npz")
    resumed = train_student(student_of(drawer, plan), drawer, plan, tmp_path / "broken.npz")
    start = initial_weights(tiny())
    assert resumed.keys() == whole.keys() == start.keys()
    assert all(np.allclose(resumed[name], whole[name], atol=1e-5) for name in whole)
    assert not any((whole[name] == start[name]).all() for name in whole)


def test_the_rate_rises_then_falls():
    from tools.pretrain.student import Phase, Plan

    plan = Plan((Phase(56, 300), Phase(112, 700)), rate=1e-3)
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert np.argmax(rates) in range(20, 60)
    assert rates[-1] < 0.03 * plan.rate
    assert [plan.px_at(step) for step in (0, 299, 300, 999)] == [56, 56, 112, 112]


def test_pairs_that_look_alike_cost_less():
    from tools.pretrain.student import pairing_loss

    rng = np.random.default_rng(0)
    places, others = rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
    shares = np.array([[0.0]] * 6 + [[1.0]] * 4, np.float32)
    alike = np.concatenate([places, places + 0.01, others]).astype(np.float32)
    crossed = np.concatenate([places, places[[1, 2, 0]], others]).astype(np.float32)
    assert float(pairing_loss(alike, shares)) < 0.1 < float(pairing_loss(crossed, shares))


def test_between_ends_at_both_ends():
    start, tuned = ({"a": np.array([value], np.float32)} for value in (1.0, 3.0))
    assert [float(between(start, tuned, share)["a"][0]) for share in (0, 0.25, 1)] == [1.0, 1.5, 3.0]
