import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import UsageError
from landuse.models.heads import logistic
from landuse.models.heads_linear import fit_logistic
from landuse.training.calibration import calibrate
from tests.models.small import random_head


def clouds(classes=3, each=80, spread=0.5, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 5)) * 2
    labels = np.repeat(np.arange(classes), each)
    return (centres[labels] + rng.normal(size=(len(labels), 5)) * spread).astype(np.float32), labels


def test_a_fitted_head_tells_clouds_apart():
    features, labels = clouds()
    probabilities = fit_logistic(features, labels, class_count=3).apply(features)
    assert (probabilities.argmax(1) == labels).mean() > 0.97
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)


def test_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    features, labels = clouds(spread=2)
    exact = features.astype(np.float64)
    standard = (exact - exact.mean(axis=0)) / exact.std(axis=0, ddof=1)
    theirs = LogisticRegression(C=0.3, max_iter=1000, tol=1e-8).fit(standard, labels).predict_proba(standard)
    ours = fit_logistic(features, labels, class_count=3, C=0.3).apply(features)
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_a_class_without_a_sample_gets_no_probability(missing):
    features, labels = clouds(classes=4)
    keep = labels != missing
    probabilities = fit_logistic(features[keep], labels[keep], class_count=4).apply(features)
    assert probabilities[:, missing].max() < 1e-9
    assert (probabilities[keep].argmax(1) == labels[keep]).mean() > 0.95


def test_two_of_many_classes_keep_their_order():
    features, labels = clouds(classes=2)
    probabilities = fit_logistic(features, labels + 1, class_count=4).apply(features)
    assert (probabilities.argmax(1) == labels + 1).mean() > 0.97


def test_sample_weights_move_the_border():
    features, labels = clouds(classes=2, spread=4)
    heavy = np.where(labels == 1, 20.0, 1.0)
    plain = fit_logistic(features, labels, class_count=2).apply(features)
    moved = fit_logistic(features, labels, class_count=2, sample_weight=heavy).apply(features)
    assert moved[:, 1].mean() > plain[:, 1].mean() + 0.1


def test_constant_features_do_no_harm():
    features, labels = clouds()
    features[:, 2] = 7
    assert np.isfinite(fit_logistic(features, labels, class_count=3).apply(features)).all()


@pytest.mark.parametrize(
    ("labels", "sentence"), [([], "some"), ([0, 5], "class indices"), ([-1, 0], "class indices"), ([1, 1], "one class")]
)
def test_labels_that_cannot_be_fitted(labels, sentence):
    features = np.zeros((len(labels), 4), np.float32)
    with pytest.raises(UsageError, match=sentence):
        fit_logistic(features, np.array(labels, int), class_count=3)


@given(st.floats(0.3, 4.0))
def test_calibration_finds_the_temperature_that_made_the_labels(true):
    rng = np.random.default_rng(7)
    features = rng.normal(size=(4000, 6)).astype(np.float32)
    head = random_head(6, 3)
    scores = logistic(head.weight, head.bias, head.mean, head.scale, true).scores(features)
    labels = (scores + rng.gumbel(size=scores.shape)).argmax(1)  # draws from the softmax of the scores
    assert calibrate(head, features, labels).temperature == pytest.approx(true, rel=0.15)


def test_calibration_keeps_the_order_of_classes():
    features, labels = clouds(spread=3)
    head = fit_logistic(features, labels, class_count=3, C=100)
    cooler = calibrate(head, features[::2], labels[::2])
    assert (cooler.apply(features).argmax(1) == head.apply(features).argmax(1)).all()


def test_calibration_needs_samples():
    with pytest.raises(UsageError, match="held-back"):
        calibrate(random_head(4, 2), np.zeros((0, 4), np.float32), np.zeros(0, int))


def test_the_affine_form_is_the_same_head():
    head, features = random_head(6, 3), np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    ((matrix, offset),) = head.layers()
    assert np.allclose(features @ matrix + offset, head.scores(features), atol=1e-4)
