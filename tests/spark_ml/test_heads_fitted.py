"""Spark MLlib and the driver fit the same head; a forest of MLlib answers in numpy as it does in Spark."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.models.heads_linear import Penalty, fit_logistic

pytestmark = pytest.mark.spark


def clouds(classes=4, count=300, seed=0):
    """Features, labels of which one class of five is missing, and weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    features = (rng.normal(size=(classes, 6))[labels] + rng.normal(0, 1.5, (count, 6))) * [1, 5, 0.2, 1, 9, 1] + 3
    return features.astype(np.float32), np.where(labels >= 2, labels + 1, labels), rng.uniform(0.5, 2, count)


@pytest.fixture(scope="module")
def frame(spark):
    from landuse.spark_ml.heads import fitting_frame

    data, present = fitting_frame(spark, *clouds(), class_count=5)
    assert present.tolist() == [0, 1, 3, 4]
    return data.cache(), present


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_spark_and_the_driver_fit_the_same_elastic_net(frame, share):
    from landuse.spark_ml.heads import fit_logistic_spark

    features, labels, weights = clouds()
    penalty = Penalty(0.1, share, 500)
    there = fit_logistic_spark(*frame, 5, penalty)
    here = fit_logistic(features, labels, class_count=5, sample_weight=weights, penalty=penalty)
    assert np.abs(there.apply(features) - here.apply(features)).max() < 1e-3
    known = frame[1]
    for ours, theirs in zip(here.layers()[0], there.layers()[0], strict=True):
        apart = (ours - theirs)[..., known]
        free = apart.mean(axis=-1, keepdims=True)  # a softmax leaves it open, and so may L1
        assert np.abs(apart - free).max() < 1e-3
    assert (np.abs(here.weight[:, known]) < 1e-6).any() == (share > 0), "L1 alone makes weights vanish"


def test_two_classes_are_one_sigmoid_for_both(spark):
    from landuse.spark_ml.heads import fit_logistic_spark, fitting_frame

    features, labels, weights = clouds(classes=2)
    penalty = Penalty(0.1, 0.5, 500)
    data, present = fitting_frame(spark, features, labels, weights, 2)
    there = fit_logistic_spark(data, present, 2, penalty)
    here = fit_logistic(features, labels, class_count=2, sample_weight=weights, penalty=penalty)
    assert np.abs(there.apply(features) - here.apply(features)).max() < 1e-3


def test_a_forest_in_numpy_answers_as_in_spark(frame, spark):
    from pyspark.ml.classification import RandomForestClassifier

    from landuse.spark_ml.heads import forest_of

    data, present = frame
    model = RandomForestClassifier(numTrees=8, maxDepth=6, seed=3, weightCol="weight").fit(data)
    theirs = np.array([row[0].toArray() for row in model.transform(data).select("probability").collect()])
    head = forest_of(model, present, 5)
    head.check()
    ours = head.apply(clouds()[0])
    assert np.abs(ours[:, present] - theirs).max() < 1e-6
    assert not ours[:, 2].any()
    assert len(head.left) == model.totalNumNodes
    assert (ours.argmax(axis=1) == clouds()[1]).mean() > 0.8


@given(st.floats(-(2.0**99), 2.0**99, width=32), st.floats(-1e30, 1e30))
def test_a_floored_threshold_parts_the_same_values(value, threshold):
    from landuse.spark_ml.heads import _floored

    (floored,) = _floored(np.array([threshold]))
    assert (np.float32(value) <= floored) == (float(value) <= threshold)
