import numpy as np
import pytest

from tools.pretrain.features import Seen
from tools.pretrain.landuse_head import Part, balanced, figures, fit_class_head, fit_landuse_head


def seen(count, seed, shift=0.0, noise=0.5):
    """Features (n, 6) of three classes that can be told apart, moved by `shift`; the last fifth is held out."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = rng.normal(0, noise, (count, 6)) + 2 * np.eye(6)[labels] + shift
    return Seen(features.astype(np.float32), labels, np.arange(count) >= 0.8 * count)


@pytest.fixture(scope="module")
def fitted():
    parts = [Part(name, "plain", seen(300, seed)) for seed, name in enumerate(("one", "two", "three"))]
    return fit_landuse_head([*parts, Part("one", "far", seen(60, 9))], class_count=4)


def test_every_collection_is_held_out_once_and_judged(fitted):
    for name in ("one", "two", "three"):
        assert fitted.metrics[f"without_{name}_accuracy"] > 0.95
        assert fitted.metrics[f"without_{name}_n"] == 300
        assert fitted.metrics[f"{name}_n"] == 60


def test_a_class_without_images_gets_no_probability(fitted):
    probabilities = fitted.head.apply(seen(30, 5).features)
    assert probabilities.shape == (30, 4)
    assert probabilities[:, 3].max() < 1e-6


def test_a_collection_of_another_look_makes_the_head_less_sure():
    alike = [Part(name, "plain", seen(300, seed, noise=1.0)) for seed, name in enumerate(("one", "two", "three"))]
    odd = [*alike[:2], Part("three", "plain", seen(300, 2, shift=2 * np.eye(6)[0], noise=1.0))]
    assert fit_landuse_head(odd, 3).head.temperature > 1.2 * fit_landuse_head(alike, 3).head.temperature


def test_classes_that_a_turn_has_not_learnt_have_no_say_in_the_temperature():
    alike = [Part(name, "plain", seen(300, seed, noise=1.0)) for seed, name in enumerate(("one", "two", "three"))]
    own = seen(30, 7, shift=1.0)  # a class of one collection alone, that no head without it can name
    more = Seen(
        np.concatenate([alike[0].seen.features, own.features]),
        np.concatenate([alike[0].seen.labels, np.full(30, 3)]),
        np.concatenate([alike[0].seen.held_out, own.held_out]),
    )
    found = fit_landuse_head([Part("one", "plain", more), *alike[1:]], class_count=4)
    assert found.head.temperature == pytest.approx(fit_landuse_head(alike, 4).head.temperature, rel=0.3)


def test_classes_weigh_alike_and_collections_by_the_root_of_their_views():
    labels, sources = np.array([0] * 5 + [1]), np.array(["a"] * 4 + ["b"] * 2)
    weight = balanced(labels, sources, np.array([1.0, 1, 1, 3, 1, 1]))
    assert weight[:5].sum() == pytest.approx(weight[5:].sum())
    assert weight[:4].sum() == pytest.approx(2 * weight[4])
    assert weight[3] == pytest.approx(3 * weight[0])


def test_a_head_for_class_folders_is_judged_by_images_it_has_not_seen():
    found = fit_class_head(seen(400, 0), 3)
    assert found.metrics["images_n"] == 40
    assert found.metrics["images_accuracy"] > 0.9


def test_figures_of_certain_answers():
    found = figures("a", np.array([[1, 0], [1, 0], [0, 1]], np.float32), np.array([0, 1, 1]))
    assert found == {
        "a_accuracy": 0.6667, "a_mean_recall": 0.75, "a_ece": 0.3333, "a_n": 3.0, "a_sure": 1.0, "a_sure_right": 0.6667,
    }  # fmt: skip
