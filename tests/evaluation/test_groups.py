"""Coarser classes: nothing is lost on the way, and nothing gets worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import ConfigError
from landuse.evaluation.predictions import MultiPredictions, Predictions, group_positions, members_of, regrouped
from landuse.legend import load_legend

SIX, THREE = load_legend("nlcd6"), load_legend("groups3")
GROUP = group_positions(SIX.names, SIX, THREE)


@st.composite
def judged(draw):
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.dirichlet(np.ones(6), n) if draw(st.booleans()) else None
    prediction = rng.integers(0, 6, n) if scores is None else scores.argmax(axis=1)
    return Predictions(SIX.names, rng.integers(0, 6, n), prediction, scores)


@settings(max_examples=50)
@given(judged())
def test_regrouping_adds_up_the_confusion_matrix(rows):
    coarse = regrouped(rows, SIX, THREE)
    member = (GROUP[:, None] == np.arange(3)).astype(int)
    assert np.array_equal(coarse.matrix(), member.T @ rows.matrix() @ member)
    assert coarse.figures().accuracy >= rows.figures().accuracy
    if rows.probabilities is not None:
        np.testing.assert_allclose(coarse.probabilities, rows.probabilities @ member)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_row_of_several_labels_is_of_every_group_of_them(seed):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random((2, 40, 6)) < 0.3
    coarse = regrouped(MultiPredictions(SIX.names, truth, prediction, groups=np.arange(40).astype(object)), SIX, THREE)
    for k in range(3):
        assert np.array_equal(coarse.truth[:, k], truth[:, k == GROUP].any(axis=1))
        assert np.array_equal(coarse.prediction[:, k], prediction[:, k == GROUP].any(axis=1))
    assert coarse.probabilities is None
    assert len(coarse.groups) == 40


def test_every_class_stands_in_one_group():
    found = members_of(SIX.names, SIX, THREE)
    assert list(found) == list(THREE.names)
    assert sorted(name for own in found.values() for name in own) == sorted(SIX.names)


def test_a_class_that_the_legend_lacks_is_named():
    with pytest.raises(ConfigError, match=r"'Lake'.*--legend"):
        group_positions(("Forest", "Lake"), SIX, THREE)
