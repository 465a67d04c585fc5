import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from landuse.evaluation.metrics import disagreement, kappa
from landuse.evaluation.predictions import Predictions

# Golden G1: rows true 0-9, columns predicted 0-9.
G1 = np.array(
    [
        [12, 0, 0, 0, 1, 0, 0, 0, 0, 0],
        [0, 8, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 7, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 7, 0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 9, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 10, 1, 0, 0, 1],
        [0, 1, 0, 1, 0, 1, 5, 0, 0, 0],
        [0, 0, 0, 0, 0, 2, 0, 8, 0, 0],
        [0, 1, 2, 0, 0, 0, 0, 0, 16, 1],
        [0, 3, 2, 0, 0, 1, 0, 0, 0, 7],
    ]
)
KEYS = [
    "accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "kappa",
    "per_class",
    "quantity_disagreement",
    "allocation_disagreement",
    "ece",
    "n",
]


def metrics(truth, prediction, names, probabilities=None):
    """The figures of rows, their classes given as names or as positions in `names`."""
    truth, prediction = (
        [list(names).index(v) if isinstance(v, str) else v for v in row] for row in (truth, prediction)
    )
    scores = None if probabilities is None else np.asarray(probabilities, float)
    return Predictions(tuple(names), np.array(truth, np.int64), np.array(prediction, np.int64), scores).figures()


def rows_of(matrix):
    truth, prediction = np.nonzero(matrix)
    times = matrix[truth, prediction]
    return np.repeat(truth, times), np.repeat(prediction, times)


def test_golden_g1():
    truth, prediction = rows_of(G1)
    found = metrics(truth, prediction, [str(k) for k in range(10)], np.eye(10)[prediction])
    assert found.n == 110
    assert found.accuracy == pytest.approx(0.8090909090909091, abs=1e-12)
    assert found.f1 == pytest.approx(0.8111782234361806, abs=1e-12)
    assert found.precision == pytest.approx(0.8422058244785516, abs=1e-12)
    assert found.recall == pytest.approx(found.accuracy, abs=1e-12)
    assert found.roc_auc == pytest.approx(0.9005280079560635, abs=1e-12)
    assert found.kappa == pytest.approx(0.7866444998614575, abs=1e-12)


def test_without_probabilities_there_is_no_auc_and_no_calibration_error():
    found = metrics(*rows_of(G1), [str(k) for k in range(10)])
    assert found.roc_auc is None
    assert found.ece is None


@pytest.mark.parametrize(("matrix", "percent"), [([[10, 2], [1, 11]], 87.5), ([[12, 0], [1, 11]], 95.83)])
def test_golden_g2(matrix, percent):
    found = metrics(*rows_of(np.array(matrix)), ["no", "yes"])
    assert 100 * found.accuracy == pytest.approx(percent, abs=0.005)


def test_keys_are_those_of_the_contract_and_fit_json():
    found = metrics(["a", "b"], ["a", "a"], ["a", "b", "c"], [[0.9, 0.1, 0], [0.6, 0.3, 0.1]]).as_dict()
    assert list(found) == KEYS
    assert list(found["per_class"]["a"]) == ["precision", "recall", "f1", "support"]
    json.dumps(found, allow_nan=False)


def test_what_is_undefined_is_none_and_not_0():
    found = metrics(["a", "b"], ["a", "a"], ["a", "b", "c"])
    assert found.per_class["b"].precision is None
    assert found.per_class["b"].f1 == 0.0
    assert found.per_class["c"].recall is None
    assert found.per_class["c"].f1 is None
    assert found.per_class["c"].support == 0


def test_nothing_at_all_and_one_class_alone():
    empty = metrics([], [], ["a", "b"], np.empty((0, 2)))
    assert (empty.n, empty.accuracy, empty.f1, empty.kappa, empty.ece, empty.roc_auc) == (0, *[None] * 5)
    assert empty.quantity_disagreement is None
    alone = metrics(["a", "a"], ["a", "a"], ["a"], [[1.0], [1.0]])
    assert alone.accuracy == 1.0
    assert alone.kappa is None
    assert alone.roc_auc is None


@st.composite
def labellings(draw):
    classes, rows = draw(st.integers(1, 6)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows)


@settings(max_examples=80)
@given(labellings())
def test_figures_agree_with_scikit_learn_and_with_one_another(drawn):
    truth, probabilities = drawn
    prediction, names = probabilities.argmax(axis=1), [f"c{k}" for k in range(probabilities.shape[1])]
    found = metrics(truth, prediction, names, probabilities)
    for name, value in (("f1", found.f1), ("precision", found.precision), ("recall", found.recall)):
        score = getattr(theirs, f"{name}_score")
        assert value == pytest.approx(score(truth, prediction, average="weighted", zero_division=0))
    assert found.quantity_disagreement + found.allocation_disagreement == pytest.approx(1 - found.accuracy)
    assert 0 <= found.ece <= 1
    if found.kappa is not None:
        assert found.kappa == pytest.approx(theirs.cohen_kappa_score(truth, prediction))


def test_calibration_error_of_a_hand_worked_case():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    found = metrics(["a", "b", "a", "a"], ["a"] * 4, ["a", "b"], probabilities).ece
    assert found == pytest.approx(0.5 * abs(0.5 - 0.9) + 0.5 * abs(1.0 - 0.6))


def test_disagreement_and_kappa_of_hand_worked_cases():
    assert disagreement(np.array([[5, 5], [0, 10]])) == (0.25, 0.0)
    assert disagreement(np.array([[5, 5], [5, 5]])) == (0.0, 0.5)
    assert kappa(np.array([[5, 5], [5, 5]])) == 0.0
    assert disagreement(np.zeros((2, 2))) == (None, None)
