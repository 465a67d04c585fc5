"""Intervals: of seeded resamples, around the figure, wider where fewer units speak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.evaluation.bootstrap import CONFIDENCE, FIGURES, bootstrap
from landuse.evaluation.predictions import MultiPredictions, Predictions

NAMES = ("Field", "Water", "Town")


def rows(seed=0, n=120, groups=None, right=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    prediction = np.where(rng.random(n) < right, truth, rng.integers(0, 3, n))
    scores = rng.dirichlet(np.ones(3), n) * 0.5 + np.eye(3)[prediction] * 0.5
    return Predictions(NAMES, truth, prediction, scores, groups)


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(20, 80), st.floats(0.3, 0.9))
def test_an_interval_lies_around_its_figure(seed, n, right):
    found = bootstrap(rows(seed, n, right=right), 60, seed)
    assert found.units == n
    for name in FIGURES:
        interval = found.figures[name]
        assert interval.low <= interval.high
        assert interval.defined <= 60
    accuracy = found.figures["accuracy"]
    assert accuracy.low <= accuracy.value <= accuracy.high


def test_the_same_seed_gives_the_same_intervals_and_another_gives_others():
    assert bootstrap(rows(), 40, 3) == bootstrap(rows(), 40, 3)
    assert bootstrap(rows(), 40, 3).figures != bootstrap(rows(), 40, 4).figures


def test_the_width_of_an_accuracy_is_that_of_the_binomial():
    n, share = 400, 0.75
    truth, prediction = np.zeros(n, np.int64), (np.arange(n) >= share * n).astype(np.int64)
    interval = bootstrap(Predictions(NAMES, truth, prediction), 800, 0).figures["accuracy"]
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.15)


def test_rows_that_say_the_same_are_one_unit():
    """Sixteen copies of each row are no more evidence than one, and only groups can tell."""
    few = rows(n=30)
    many = Predictions(
        NAMES, np.repeat(few.truth, 16), np.repeat(few.prediction, 16), np.repeat(few.probabilities, 16, 0)
    )
    names = np.repeat(np.arange(30), 16).astype(object)
    grouped = Predictions(NAMES, many.truth, many.prediction, many.probabilities, names)
    width = {
        name: interval.high - interval.low
        for name, interval in (
            ("few", bootstrap(few, 300, 1).figures["accuracy"]),
            ("alone", bootstrap(many, 300, 1).figures["accuracy"]),
            ("grouped", bootstrap(grouped, 300, 1, "county").figures["accuracy"]),
        )
    }
    assert width["grouped"] == pytest.approx(width["few"], rel=0.25)
    assert width["alone"] < 0.4 * width["few"]


def test_one_unit_or_none_has_a_figure_and_no_interval():
    one = bootstrap(rows(n=10, groups=np.full(10, "Kent", object)), 50, 0)
    assert (one.units, one.figures["accuracy"].defined) == (1, 0)
    assert one.figures["accuracy"].value is not None
    assert one.figures["accuracy"].low is None
    nothing = bootstrap(Predictions(NAMES, *(np.empty(0, np.int64) for _ in range(2))), 50, 0)
    assert nothing.units == 0
    assert nothing.figures["accuracy"].value is None


def test_a_class_that_some_resamples_miss_says_in_how_many_it_was_there():
    truth = np.array([0] * 29 + [1])
    found = bootstrap(Predictions(NAMES, truth, truth), 200, 0).per_class
    assert 200 * (1 - 1 / np.e) == pytest.approx(found["Water"]["recall"].defined, abs=30)
    assert found["Field"]["recall"].defined == 200
    assert found["Town"]["recall"].defined == 0


def test_several_labels_have_intervals_too():
    rng = np.random.default_rng(0)
    truth = rng.random((60, 3)) < 0.4
    found = bootstrap(MultiPredictions(NAMES, truth, truth ^ (rng.random((60, 3)) < 0.1)), 50, 0)
    assert found.figures["kappa"].value is None
    assert found.figures["f1"].low < found.figures["f1"].value < found.figures["f1"].high
    assert found.as_dict()["confidence"] == CONFIDENCE
