"""Calibration: what each method mends, and which is chosen."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.special import softmax

from landuse.errors import UsageError
from landuse.evaluation.scores import expected_error, reliability
from landuse.models.heads import DenseHead, halves, logistic
from landuse.training.calibration import (
    PRIOR,
    Scaling,
    best_thresholds,
    choose_calibration,
    fit_temperature,
    fit_vector,
    log_loss,
    statements,
)

RNG = np.random.default_rng(3)


def identity_head(classes=3) -> DenseHead:
    """A head whose scores are the features."""
    zeros, ones = np.zeros(classes, np.float32), np.ones(classes, np.float32)
    return logistic(np.eye(classes, dtype=np.float32), zeros, zeros, ones)


def drawn(n, scale=1.0, offset=0.0, seed=0):
    """Scores that are off by a scale and an offset for each class, and labels drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 2, (n, 3))
    labels = np.array([rng.choice(3, p=p) for p in softmax(true, axis=1)])
    return ((true - offset) / scale).astype(np.float32), labels.astype(np.int64)


def test_vector_scaling_finds_scales_and_offsets():
    scale, offset = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0])
    features, labels = drawn(20_000, scale, offset)
    found = fit_vector(identity_head(), features, labels)
    assert found.scale == pytest.approx(scale, rel=0.1)
    assert found.offset - found.offset[1] == pytest.approx(offset, abs=0.1)


def test_the_gradient_leads_below_the_temperature():
    features, labels = drawn(3000, np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0]))
    vector = fit_vector(identity_head(), features, labels).of(identity_head())
    chosen = choose_calibration(identity_head(), features, labels, np.arange(3000) % 5)
    assert chosen.method == "vector"
    assert chosen.report["log_loss"]["vector"] < chosen.report["log_loss"]["temperature"]
    assert log_loss(labels, vector.apply(features)) < chosen.report["log_loss"]["temperature"]
    assert chosen.report["ece_after"] < chosen.report["ece_before"] / 2
    assert np.allclose(chosen.scaling.of(identity_head()).apply(features), vector.apply(features))


def test_scores_off_by_one_factor_get_a_temperature():
    features, labels = drawn(300, 0.25, seed=5)
    chosen = choose_calibration(identity_head(), features, labels, np.arange(300) % 5)
    assert chosen.method == "temperature"
    assert chosen.scaling.temperature == pytest.approx(4, rel=0.3)


def test_a_class_that_was_never_held_back_stays_likely():
    features, labels = drawn(400)
    kept = labels != 2
    before = identity_head().apply(features[kept])[:, 2].mean()
    scaling = fit_vector(identity_head(), features[kept], labels[kept])
    after = scaling.of(identity_head()).apply(features[kept])[:, 2]
    assert np.isfinite(after).all()
    assert 0 < after.mean() < before


def test_judged_by_a_fit_that_has_not_seen_the_sample():
    features, labels = drawn(60, seed=8)
    chosen = choose_calibration(identity_head(), features, labels, np.arange(60) % 3)
    there = np.arange(60) % 3 != 0
    other = choose_calibration(identity_head(), features[there], labels[there], np.zeros(40, np.int64))
    if chosen.method == "temperature":
        expected = other.scaling.of(identity_head()).apply(features[~there])
        assert np.allclose(chosen.probabilities[~there], expected)
    assert other.method == "temperature"
    assert other.report["folds"] == 1


def test_scaling_replaces_the_temperature():
    head = identity_head()
    scaled = Scaling(2.0, np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0])).of(head)
    features = RNG.normal(size=(5, 3)).astype(np.float32)
    assert np.allclose(scaled.scores(features), (features * [1, 2, 3] + [0, 0.5, 1]) / 2, atol=1e-6)


def test_the_bins_of_a_reliability_diagram_give_the_calibration_error():
    features, labels = drawn(500, 0.3)
    probabilities = identity_head().apply(features)
    said = statements(labels, probabilities)
    bins = [asdict(found) for found in reliability(*said)]
    assert sum(b["count"] for b in bins) == 500
    assert all(b["low"] < b["confidence"] <= b["high"] + 1e-6 for b in bins if b["count"])
    error = sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in bins if b["count"]) / 500
    assert error == pytest.approx(expected_error(*said))
    assert bins[0] == {"low": 0, "high": pytest.approx(1 / 15), "count": 0, "confidence": None, "accuracy": None}


def several(n, seed=0, factor=2.0):
    """A head of several labels whose scores are the features, scores that are `factor` times too large, and targets."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1.5, (n, 3)) + np.array([-1.0, 0.0, 1.0])
    targets = (rng.random((n, 3)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return replace(identity_head(), thresholds=halves(3)), (factor * true).astype(np.float32), targets


@pytest.mark.parametrize("multi", [False, True])
def test_vector_scaling_is_at_the_least_penalised_loss(multi):
    """A step in any direction from what was found makes loss and prior together larger."""
    if multi:
        head, features, labels = several(300)
    else:
        head, (features, labels) = identity_head(), drawn(300, 0.5, np.array([0.5, 0.0, -0.5]))
    centre, found = -np.log(fit_temperature(head, features, labels).temperature), fit_vector(head, features, labels)
    best = np.concatenate([np.log(found.scale) - centre, found.offset])

    def total(values):
        said = Scaling(1.0, np.exp(centre + values[:3]), values[3:]).of(head).apply(features)
        terms = labels.size if multi else len(labels)
        return terms * log_loss(labels, said) + PRIOR / 2 * values @ values

    for step in np.vstack([np.eye(6), -np.eye(6)]) * 0.02:
        assert total(best + step) > total(best)


def test_labels_that_are_twice_too_sure_get_their_temperature_and_thresholds():
    head, features, targets = several(600)
    found = choose_calibration(head, features, targets, np.arange(600) % 4)
    made = found.of(head)
    assert fit_temperature(head, features, targets).temperature == pytest.approx(2, rel=0.2)
    assert found.report["log_loss"][found.method] < found.report["log_loss"]["none"]
    assert found.report["ece_after"] < found.report["ece_before"] / 2
    assert sum(b["count"] for b in found.report["bins_after"]) == 1800
    np.testing.assert_array_equal(made.thresholds, found.thresholds)
    assert np.allclose(found.thresholds, best_thresholds(targets, made.apply(features)))
    assert found.given.shape == targets.shape
    assert 0.6 < (found.given == (targets > 0)).mean() < 1


def test_the_labels_of_a_fold_come_from_the_other_folds_alone():
    head, features, targets = several(200, seed=2)
    folds = np.arange(200) % 2
    found = choose_calibration(head, features, targets, folds)
    flipped = np.where(folds[:, None] == 0, 1 - targets, targets)
    other = choose_calibration(head, features, flipped.astype(np.float32), folds)
    assert found.method == other.method
    np.testing.assert_array_equal(found.probabilities[folds == 0], other.probabilities[folds == 0])
    np.testing.assert_array_equal(found.given[folds == 0], other.given[folds == 0])
    assert not np.array_equal(found.probabilities[folds == 1], other.probabilities[folds == 1])


def test_log_loss_of_hand_worked_cases():
    one = np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)
    assert log_loss(np.array([0, 1]), one) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)
    assert log_loss(np.array([[1, 0], [0, 1]]), one) == pytest.approx(-(2 * np.log(0.5) + 2 * np.log(0.8)) / 4)
    assert log_loss(np.array([0]), np.array([[0.0, 1.0]], np.float32)) == pytest.approx(-np.log(1e-12))


def test_without_samples_there_is_nothing_to_calibrate():
    with pytest.raises(UsageError, match="there are none"):
        choose_calibration(identity_head(), np.empty((0, 3), np.float32), np.empty(0, np.int64), np.empty(0, np.int64))
