"""Heads that are not in the graph: what they answer, how they are stored, and files of them that mean harm."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax

from landuse.errors import ModelFileError, UsageError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.heads import DenseHead, ForestHead, halves
from landuse.models.heads_linear import Penalty, fit_multi_logistic
from landuse.models.runtime import open_runtime
from landuse.training.calibration import best_thresholds, choose_calibration, log_loss
from tests.models import small


def dense(seed=0) -> DenseHead:
    rng = np.random.default_rng(seed)
    kernels = tuple(rng.normal(size=shape).astype(np.float32) for shape in ((6, 5), (5, 4), (4, 3)))
    biases = tuple(rng.normal(size=len(k.T)).astype(np.float32) for k in kernels)
    return DenseHead(kernels, biases, np.full(6, 0.5, np.float32), np.full(6, 2, np.float32), 1.5)


def forest(**changes) -> ForestHead:
    """Two trees over six features: feature 1 at 0.5 and then 2 at 0.25; feature 0 at 0."""
    head = ForestHead(
        roots=np.array([0, 5], np.int32),
        feature=np.array([1, 0, 2, 0, 0, 0, 0, 0], np.int32),
        threshold=np.array([0.5, 0, 0.25, 0, 0, 0, 0, 0], np.float32),
        left=np.array([1, -1, 3, -1, -1, 6, -1, -1], np.int32),
        right=np.array([2, -1, 4, -1, -1, 7, -1, -1], np.int32),
        shares=np.array([[0.4, 0.3, 0.3], *np.eye(3), [0, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
        factor=np.ones(3, np.float32),
        offset=np.zeros(3, np.float32),
        width=6,
    )
    return replace(head, **changes)


def several() -> DenseHead:
    return replace(small.random_head(6, 3), thresholds=np.array([0.2, 0.5, 0.9], np.float32))


HEADS = {
    "dense": dense(),
    "forest": forest(),
    "scaled forest": forest().scaled(np.array([2.0, 1, 0.5]), np.array([0.1, 0, 0]), 1.3),
    "several": several(),
    "several dense": replace(dense(), thresholds=halves(3)),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_model_file_holds_any_head(name, tmp_path):
    bundle = small.bundle(head=HEADS[name])
    again = read_bundle(write_bundle(bundle, tmp_path / "m.landuse"))
    features = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    assert type(again.head) is type(HEADS[name])
    assert again.digest == bundle.digest
    assert np.array_equal(again.head.apply(features), HEADS[name].apply(features))
    prediction = open_runtime(bundle).predict(small.images(11))
    assert np.allclose(prediction.probabilities, bundle.head.apply(prediction.features), atol=1e-6)


def test_layers_have_relu_between_them():
    head, features = dense(), np.random.default_rng(2).normal(size=(20, 6)).astype(np.float32)
    values = (features - 0.5) / 2
    for kernel, bias in zip(head.kernels[:2], head.biases[:2], strict=True):
        values = np.maximum(values @ kernel + bias, 0)
    assert np.allclose(
        head.apply(features), softmax((values @ head.kernels[2] + head.biases[2]) / 1.5, axis=1), atol=1e-5
    )


def test_a_forest_averages_the_leaves_that_rows_fall_into():
    features = np.zeros((3, 6), np.float32)
    features[:, 0], features[:, 1], features[:, 2] = [-1, 0, 1], [0.5, 0.6, 0.6], [9, 0.25, 0.26]
    assert forest().leaves(features).tolist() == [[1, 6], [3, 6], [4, 7]]
    expected = [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0.25, 0.75]]
    shares = forest().shares.copy()
    shares[[1, 3, 4]] = [[1, 0, 0], [0, 0, 1], [0, 0.5, 0.5]]
    assert np.allclose(forest(shares=shares).apply(features), expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"left": [1, -1, 0, -1, -1, 6, -1, -1]}, "nowhere"),
        ({"left": [1, -1, 3, -1, -1, 99, -1, -1]}, "nowhere"),
        ({"left": [-1, -1, 3, -1, -1, 6, -1, -1]}, "nowhere"),
        ({"feature": [6, 0, 2, 0, 0, 0, 0, 0]}, "nowhere"),
        ({"roots": [0, 8]}, "nowhere"),
        ({"shares": -np.ones((8, 3))}, "nowhere"),
    ],
)
def test_a_forest_that_leads_nowhere_is_refused(changes, words, tmp_path):
    kinds = {"shares": np.float32}
    bad = forest(**{name: np.array(values, kinds.get(name, np.int32)) for name, values in changes.items()})
    path = write_bundle(small.bundle(head=bad), tmp_path / "m.landuse")
    with pytest.raises(ModelFileError, match=words):
        read_bundle(path)


def test_a_forest_too_deep_is_refused():
    nodes = 2 * 32 + 1
    own = np.arange(nodes, dtype=np.int32)
    inner = (own % 2 == 0) & (own < nodes - 1)
    chain = forest(
        roots=np.zeros(1, np.int32),
        feature=np.zeros(nodes, np.int32),
        threshold=np.zeros(nodes, np.float32),
        left=np.where(inner, own + 1, -1).astype(np.int32),
        right=np.where(inner, own + 2, -1).astype(np.int32),
        shares=np.tile(np.array([[1, 0, 0]], np.float32), (nodes, 1)),
    )
    with pytest.raises(UsageError, match="deeper"):
        chain.check()


def test_a_head_that_claims_to_be_vast_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("landuse.models.bundle.MOST_HEAD_NUMBERS", 50)
    path = write_bundle(small.bundle(head=dense()), tmp_path / "m.landuse")
    with pytest.raises(ModelFileError, match="more than 50 numbers"):
        read_bundle(path)


def test_several_labels_are_questions_of_their_own():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 4)).astype(np.float32)
    targets = (features[:, :3] + rng.normal(0, 0.3, (500, 3)) > [0, 0.5, 1]).astype(np.float32)
    head = fit_multi_logistic(features, targets, np.ones((500, 3)), Penalty(0.001))
    found = head.apply(features)
    assert np.allclose(found, expit(head.scores(features)), atol=1e-6)
    assert ((found > 0.5) == (targets > 0)).mean() > 0.9
    with_all = np.concatenate([targets, np.ones((500, 1)), np.zeros((500, 1))], axis=1).astype(np.float32)
    more = fit_multi_logistic(features, with_all, np.ones((500, 5)), Penalty(0.001)).apply(features)
    assert np.allclose(more[:, :3], found, atol=1e-4)
    assert more[:, 3].min() > 0.999
    assert more[:, 4].max() < 1e-9
    with pytest.raises(UsageError, match="in all samples or in none"):
        fit_multi_logistic(features, with_all[:, 3:], np.ones((500, 2)), Penalty(0.001))


def test_a_multi_label_fit_is_scikit_learns_for_each_class():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(4)
    features = rng.normal(size=(300, 4))
    features = (features - features.mean(axis=0)) / features.std(axis=0, ddof=1)
    targets = (features[:, :2] + rng.normal(0, 1, (300, 2)) > 0).astype(np.float32)
    ours = fit_multi_logistic(features.astype(np.float32), targets, np.ones((300, 2)), Penalty(0.02)).apply(
        features.astype(np.float32)
    )
    for k in range(2):
        theirs = LogisticRegression(C=1 / (0.02 * 300), tol=1e-8).fit(features, targets[:, k]).predict_proba(features)
        assert np.abs(ours[:, k] - theirs[:, 1]).max() < 1e-3


def test_thresholds_are_those_of_the_best_f1():
    targets = np.array([0] * 6 + [1] * 6)[:, None]
    scores = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.8, 0.4, 0.5, 0.6, 0.6, 0.7, 0.9], np.float32)[:, None]
    assert best_thresholds(targets, scores) == pytest.approx([0.35])
    assert best_thresholds(targets[:8], scores[:8]) == pytest.approx([0.5]), "two members say nothing"


def test_calibration_of_several_labels_mends_what_is_too_sure():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, (3000, 3))
    targets = (rng.random((3000, 3)) < expit(true)).astype(np.float32)
    eye, zeros = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    body = replace(
        small.random_head(3, 3), kernels=(eye,), biases=(zeros,), mean=zeros, scale=zeros + 1, temperature=1.0
    )
    head, features = replace(body, thresholds=halves(3)), (true * [3, 1, 0.5] + [1, 0, 0]).astype(np.float32)
    found = choose_calibration(head, features, targets, np.arange(3000) % 5)
    assert found.method == "vector"
    after = found.of(head)
    assert np.abs(after.apply(features) - expit(true)).max() < 0.1
    assert log_loss(targets, found.probabilities) < log_loss(targets, head.apply(features)) - 0.02
    assert found.report["ece_after"] < found.report["ece_before"] / 2
    assert np.array_equal(after.thresholds, found.thresholds)
    assert (after.thresholds != 0.5).all()
    assert (found.given == (targets > 0)).mean() > 0.6


def test_keras_fits_a_dense_head_that_numpy_applies():
    from landuse.options.training import HeadOptions
    from landuse.training.fitting import DenseData, fit_dense

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 2)).astype(np.float32)
    labels = (features[:, 0] * features[:, 1] > 0).astype(int)  # which no straight line parts
    data = DenseData(features, np.eye(2, dtype=np.float32)[labels], np.ones(300), np.arange(300) % 5 == 0)
    found = fit_dense(data, HeadOptions(head="dense", hidden=(32,), dropout=0.0, max_iter=30, seed=1))
    head, history = found.head, found.history
    assert (head.apply(features).argmax(axis=1) == labels).mean() > 0.85
    assert head.hidden == (32,)
    assert set(history[0]) == {"loss", "held_out_loss"}
    assert history[-1]["held_out_loss"] < history[0]["held_out_loss"]
