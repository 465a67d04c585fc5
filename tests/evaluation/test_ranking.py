import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from landuse.evaluation.extra import top_k
from landuse.evaluation.predictions import MultiPredictions, Predictions
from landuse.evaluation.scores import Ranking, expected_error, reliability


@st.composite
def scored(draw):
    rows = draw(st.integers(2, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random(rows).round(draw(st.integers(1, 6)))  # ties on purpose
    members = rng.random(rows) < 0.4
    members[:2] = True, False
    return members, scores, rng.integers(0, 4, rows) + np.eye(1, rows, 0, int)[0] + np.eye(1, rows, 1, int)[0]


@settings(max_examples=100)
@given(scored())
def test_areas_and_curves_agree_with_scikit_learn(drawn):
    members, scores, weights = drawn
    ranking = Ranking.of(members, scores)
    assert ranking.auc() == pytest.approx(theirs.roc_auc_score(members, scores))
    assert ranking.auc(weights) == pytest.approx(theirs.roc_auc_score(members, scores, sample_weight=weights))
    assert ranking.average_precision() == pytest.approx(theirs.average_precision_score(members, scores))
    false, true, thresholds = theirs.roc_curve(members, scores, drop_intermediate=False)
    points = ranking.points()
    np.testing.assert_allclose(points.recall, true[1:])
    np.testing.assert_allclose(points.false_rate, false[1:])
    np.testing.assert_allclose(points.threshold, thresholds[1:])


@pytest.mark.parametrize("members", [[], [True, True], [False, False]])
def test_one_side_alone_has_no_area(members):
    ranking = Ranking.of(np.array(members, bool), np.linspace(0, 1, len(members)))
    assert ranking.auc() is None
    assert (ranking.average_precision() is None) == (True not in members)
    assert len(ranking.points().threshold) == len(members)


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(3, 7), st.integers(0, 2**32 - 1))
def test_top_k_agrees_with_scikit_learn_and_top_1_is_accuracy(rows, classes, seed):
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows)
    predictions = Predictions(tuple("abcdefg"[:classes]), truth, scores.argmax(axis=1), scores)
    found = top_k(predictions)
    assert found["1"] == pytest.approx(predictions.figures().accuracy)
    for k, value in found.items():
        assert value == pytest.approx(theirs.top_k_accuracy_score(truth, scores, k=int(k), labels=range(classes)))
    assert max(map(int, found)) < classes


def test_of_equal_probabilities_the_first_ranks_higher():
    truth = np.array([0, 1, 2, 3])
    found = top_k(Predictions(tuple("abcd"), truth, np.zeros(4, np.int64), np.full((4, 4), 0.25)))
    assert found == {"1": 0.25, "2": 0.5, "3": 0.75}


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_figures_under_weights_are_those_of_repeated_rows(rows, classes, seed):
    rng = np.random.default_rng(seed)
    times, names = rng.integers(0, 3, rows), tuple("abcdef"[:classes])
    repeated = np.repeat(np.arange(rows), times)
    truth, scores = rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows)
    single = Predictions(names, truth, scores.argmax(axis=1), scores)
    truths = rng.random((rows, classes)) < 0.4
    several = MultiPredictions(names, truths, scores > 0.3, scores)
    for one in (single, several):
        again = type(one)(names, one.truth[repeated], one.prediction[repeated], scores[repeated])
        weighted, plain = one.figures(times).as_dict(), again.figures().as_dict()
        assert weighted.pop("per_class") == plain.pop("per_class")
        assert weighted == pytest.approx(plain)


@settings(max_examples=60)
@given(st.integers(1, 80), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_several_labels_agree_with_scikit_learn(rows, classes, seed):
    rng = np.random.default_rng(seed)
    truth, said = rng.random((rows, classes)) < 0.4, rng.random((rows, classes)) < 0.4
    rows_of = MultiPredictions(tuple("abcde"[:classes]), truth, said)
    counts = rows_of.binary()
    found = np.stack([counts.tn, counts.fp, counts.fn, counts.tp], axis=1).reshape(-1, 2, 2)
    if classes > 1:
        np.testing.assert_array_equal(found, theirs.multilabel_confusion_matrix(truth, said))
        for name, value in (("f1", rows_of.figures().f1), ("precision", rows_of.figures().precision)):
            expected = getattr(theirs, f"{name}_score")(truth, said, average="weighted", zero_division=0)
            assert (value or 0.0) == pytest.approx(expected)
    assert rows_of.figures().accuracy == pytest.approx((truth == said).all(axis=1).mean())


def test_the_bins_of_reliability_hold_every_row_and_give_the_error():
    rng = np.random.default_rng(1)
    confidence = np.concatenate([rng.random(200), [0.0, 1.0]])
    right = rng.random(202) < confidence
    bins = reliability(confidence, right)
    assert len(bins) == 15
    assert sum(b.count for b in bins) == 202
    error = sum(b.count * abs(b.accuracy - b.confidence) for b in bins if b.count) / 202
    assert expected_error(confidence, right) == pytest.approx(error)
    assert all(b.low <= b.confidence <= b.high for b in bins if b.count)
    assert expected_error(np.empty(0), np.empty(0, bool)) is None
