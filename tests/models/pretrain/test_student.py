import numpy as np
import pytest

from landuse.models.backbones import Backbone
from landuse.models.builder import Builder
from landuse.models.preprocess import SIGNED
from landuse.models.pretrain.store import MAP_DEPTH, ViewStore


def tiny() -> Backbone:
    b = Builder()
    for stage in range(5):
        b.conv_norm(f"stage{stage}", 8, 3, stride=2)
    b.global_average("features")
    return Backbone("tiny", b.network(), SIGNED)


@pytest.fixture
def store():
    rng = np.random.default_rng(0)
    return ViewStore(
        rng.integers(0, 256, (16, 224, 224, 3), dtype=np.uint8),
        np.eye(4, dtype=np.float32)[rng.integers(0, 4, 16)],
        rng.normal(size=(16, 10)).astype(np.float16),
        rng.normal(size=(16, 7, 7, MAP_DEPTH)).astype(np.float16),
    )


def test_a_broken_off_run_ends_as_an_unbroken_one(store, tmp_path):
    from landuse.models.pretrain.student import Phase, Plan, train_student

    class BrokenOffError(Exception):
        pass

    plan = Plan((Phase(56, 4, 8), Phase(112, 2, 4)), rate=1e-3, save_every=3)
    whole = train_student(tiny(), store, plan, tmp_path / "whole")

    class Breaking(Plan):
        def rate_at(self, step):
            if step == 4:
                raise BrokenOffError
            return super().rate_at(step)

    with pytest.raises(BrokenOffError):
        train_student(tiny(), store, Breaking(plan.phases, rate=1e-3, save_every=3), tmp_path / "broken")
    resumed = train_student(tiny(), store, plan, tmp_path / "broken")
    assert resumed.keys() == whole.keys() == tiny().network.weight_shapes(224).keys()
    assert all(np.allclose(resumed[name], whole[name], atol=1e-4) for name in whole)


def test_the_rate_rises_then_falls():
    from landuse.models.pretrain.student import Phase, Plan

    plan = Plan((Phase(56, 300, 8), Phase(112, 700, 4)), rate=1e-3)
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert np.argmax(rates) in range(100, 200)
    assert rates[-1] < 0.02 * plan.rate
    assert [plan.at(step).px for step in (0, 299, 300, 999)] == [56, 56, 112, 112]


def test_maps_turn_with_their_images():
    import tensorflow as tf

    from landuse.models.pretrain.augment import _turn

    cells = np.random.default_rng(0).normal(size=(64, 7, 7, 1)).astype(np.float32)
    images = np.repeat(np.repeat(cells, 32, axis=1), 32, axis=2)
    turned, maps = _turn(tf.constant(images), tf.constant(cells), tf.constant([1, 2]))
    assert np.allclose(turned[:, 16::32, 16::32], maps)
    assert not np.allclose(maps, cells)
