import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from landuse.errors import ModelFileError, UsageError
from landuse.models.novelty import (
    CENTRES,
    FLAG,
    LEVELS,
    Novelty,
    conformal_levels,
    find_centres,
    fit_novelty,
    neighbours_together,
    pack,
    raised,
    unit,
    unpack,
)

WIDTH = 24


def ground(count, kinds=6, seed=0, offset=0, spread=0.15):
    """Features of a few kinds of ground, each kind around a direction of its own."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(100 + offset).gamma(0.6, size=(kinds, WIDTH))
    return (means[rng.integers(0, kinds, count)] * rng.lognormal(0, spread, (count, WIDTH))).astype(np.float32)


@pytest.fixture(scope="module")
def novelty():
    return fit_novelty(ground(600))


def test_more_of_the_same_ground_is_spread_evenly_from_0_to_1(novelty):
    score = novelty.score(ground(2000, seed=1))
    assert score.dtype == np.float32
    assert score.shape == (2000,)
    assert np.quantile(score, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.12)
    assert 0.002 < (score >= FLAG).mean() < 0.03


def test_other_ground_is_beyond_the_flag(novelty):
    assert (novelty.score(ground(200, offset=1)) >= FLAG).all()
    assert novelty.score(-ground(1)).tolist() == [1.0]


def test_brightness_of_the_features_does_not_count(novelty):
    features = ground(50, seed=2)
    assert novelty.score(features * 7) == pytest.approx(novelty.score(features), abs=2e-3)


def test_features_of_zeros_are_as_far_as_can_be(novelty):
    assert novelty.distance(np.zeros((1, WIDTH), np.float32)) == [1]


def test_no_chips_have_no_scores(novelty):
    assert novelty.score(np.empty((0, WIDTH), np.float32)).shape == (0,)


def test_the_same_features_give_the_same_bytes():
    assert pack(fit_novelty(ground(300))) == pack(fit_novelty(ground(300)))
    assert pack(fit_novelty(ground(300))) != pack(fit_novelty(ground(300), seed=1))


def test_near_copies_in_one_fold_are_not_taken_for_familiar_ground():
    rng = np.random.default_rng(0)
    places = rng.gamma(0.5, size=(40, WIDTH))
    features = np.repeat(places, 8, axis=0) * rng.lognormal(0, 0.01, (320, WIDTH))
    together = fit_novelty(features.astype(np.float32), folds=np.repeat(np.arange(40) % 5, 8))
    apart = fit_novelty(features.astype(np.float32))
    other = rng.gamma(0.5, size=(200, WIDTH)).astype(np.float32)
    assert apart.score(other).mean() > 0.95
    assert together.score(other).mean() < 0.7
    assert (together.score(other) >= FLAG).mean() < 0.2


def flagged_of_more(fit, draws=40):
    """Share of more ground of the same kind that is flagged, over models of so many draws of the samples."""
    shares = [(fit(seed).score(ground(250, seed=500 + seed)) >= FLAG).mean() for seed in range(draws)]
    return np.mean(shares)


def test_a_hundredth_of_more_of_the_same_ground_is_flagged():
    assert flagged_of_more(lambda seed: fit_novelty(ground(300, seed=seed))) == pytest.approx(0.01, abs=0.006)


def test_samples_that_the_network_knows_by_heart_do_not_set_the_flag():
    def known(seed):  # the features of what was learnt lie nearer to each other than those of new ground do
        return ground(300, seed=seed, spread=0.05)

    measured = flagged_of_more(lambda seed: fit_novelty(known(seed), held=ground(199, seed=900 + seed)))
    assert measured == pytest.approx(0.01, abs=0.006)
    assert flagged_of_more(lambda seed: fit_novelty(known(seed)), draws=5) > 0.5


@pytest.mark.parametrize(
    ("count", "rank"), [(1, 1), (50, 50), (98, 98), (99, 99), (199, 198), (999, 990), (5000, 4951)]
)
def test_the_flag_lies_beyond_the_rank_of_split_conformal_prediction(count, rank):
    distances = np.arange(1, count + 1, dtype=np.float32)[::-1]
    levels = conformal_levels(distances)
    assert levels[0] == 1
    assert levels[-1] == count
    model = Novelty(np.ones((1, 1), np.float32), levels)
    at, beyond = (np.searchsorted(model.distances, rank + step, side="left") / LEVELS for step in (0, 0.5))
    assert at < FLAG <= beyond


def test_neighbours_of_a_class_are_left_out_together():
    labels = np.array([7] * 10 + [3] * 3 + [7] * 5)
    folds = neighbours_together(labels)
    assert folds[labels == 7].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert folds[labels == 3].tolist() == [0, 1, 3]


def test_a_file_from_before_the_power_scores_by_its_old_rule(novelty):
    old = Novelty(novelty.centres, novelty.distances)
    again = unpack(save({"centres": old.centres.astype(np.float16), "distances": old.distances}), WIDTH, "x")
    assert again.power == 1
    features = ground(50, seed=4)
    expected = 1 - (features / np.linalg.norm(features, axis=1, keepdims=True) @ old.centres.T).max(axis=1)
    assert again.distance(features) == pytest.approx(expected, abs=1e-6)
    assert pack(again) == pack(old)
    assert (novelty.distance(features) != again.distance(features)).all()


def test_what_many_weak_features_say_is_not_drowned_by_two_strong_ones():
    features = ground(400)
    features[:, :2] = 50 * np.random.default_rng(3).lognormal(0, 0.5, (400, 2))
    strange = features[:100].copy()
    strange[:, 2:] = features[:100, :1:-1]
    assert (fit_novelty(features).score(strange) >= FLAG).mean() > 0.5
    assert (fit_novelty(features, power=1.0).score(strange) >= FLAG).mean() < 0.1


@given(st.floats(0.01, 1), st.integers(0, 99))
def test_a_power_keeps_the_sign(power, seed):
    features = np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)
    assert raised(features, power) == pytest.approx(np.sign(features) * np.abs(features) ** power, rel=1e-4)


def test_centres_are_few_and_of_length_one():
    centres = find_centres(unit(ground(3000)), np.random.default_rng(0))
    assert centres.shape == (CENTRES, WIDTH)
    assert np.linalg.norm(centres, axis=1) == pytest.approx(np.ones(CENTRES), abs=1e-3)


@pytest.mark.parametrize(
    ("features", "more"),
    [(ground(1), {}), (ground(20), {"folds": np.zeros(20, int)}), (ground(20), {"held": ground(0)})],
)
def test_too_little_to_measure(features, more):
    with pytest.raises(UsageError):
        fit_novelty(features, **more)


@given(st.integers(2, 40), st.integers(0, 99))
def test_any_few_samples_will_do(count, seed):
    features = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    features[0] = 0
    score = fit_novelty(features, seed=seed).score(features)
    assert ((score >= 0) & (score <= 1)).all()


def test_a_farther_chip_never_scores_less(novelty):
    features = np.concatenate([ground(100, seed=3), ground(100, offset=2)])
    order = novelty.distance(features).argsort()
    assert (np.diff(novelty.score(features)[order]) >= 0).all()


def test_packed_and_unpacked(novelty):
    again = unpack(pack(novelty), WIDTH, "x")
    assert (again.centres == novelty.centres).all()
    assert (again.distances == novelty.distances).all()
    assert again.power == novelty.power == 0.5


def spoilt(**changes):
    sound = {"centres": np.full((4, WIDTH), 0.2, np.float16), "distances": np.linspace(0, 1, LEVELS, dtype=np.float32)}
    return save({name: array for name, array in (sound | changes).items() if array is not None})


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04 pickle",
        spoilt(centres=None),
        spoilt(extra=np.zeros(3, np.float32)),
        spoilt(centres=np.zeros((4, WIDTH + 1), np.float16)),
        spoilt(centres=np.zeros((4, WIDTH), np.float32)),
        spoilt(centres=np.zeros((0, WIDTH), np.float16)),
        spoilt(centres=np.zeros((2000, WIDTH), np.float16)),
        spoilt(centres=np.full((4, WIDTH), np.nan, np.float16)),
        spoilt(distances=np.zeros(LEVELS - 1, np.float32)),
        spoilt(distances=np.linspace(1, 0, LEVELS, dtype=np.float32)),
        spoilt(distances=np.full(LEVELS, np.inf, np.float32)),
        spoilt(distances=np.zeros(LEVELS, np.float64)),
        spoilt(power=np.zeros(1, np.float32)),
        spoilt(power=np.full(1, 2, np.float32)),
        spoilt(power=np.full(1, np.nan, np.float32)),
        spoilt(power=np.ones(1, np.float64)),
        spoilt(power=np.ones((1, 1), np.float32)),
    ],
)
def test_arrays_of_strangers_that_are_not_sound(data):
    with pytest.raises(ModelFileError, match="stranger"):
        unpack(data, WIDTH, "stranger")


def test_sound_arrays_of_strangers_are_taken():
    assert isinstance(unpack(spoilt(), WIDTH, "stranger"), Novelty)
