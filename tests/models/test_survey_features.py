"""A head for a survey whose features are others than those it learnt from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landuse.errors import ModelFileError
from landuse.models.heads_linear import fit_logistic
from landuse.models.learnt_features import FEWEST, SurveyFeatures, head_for, shapes_of

WIDTH = 12
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(3, WIDTH)).astype(np.float32)


def survey(counts, seed):
    """Chips of three classes: features (n, D) and classes (n,)."""
    labels = np.repeat(np.arange(3), counts)
    noise = np.random.default_rng(seed).normal(scale=0.7, size=(len(labels), WIDTH))
    return (CENTRES[labels] + noise).astype(np.float32), labels


FEATURES, LABELS = survey((120, 100, 80), 1)
LEARNT = SurveyFeatures.of(FEATURES, LABELS, 3)
HEAD = fit_logistic(FEATURES, LABELS, class_count=3, C=0.1)


def right(head, features, labels):
    return float((head.apply(features).argmax(axis=1) == labels).mean())


def moved(features, seed=11):
    """The same land in another light: every feature stretched and shifted."""
    rng = np.random.default_rng(seed)
    return (features * rng.uniform(0.6, 1.4, WIDTH) + rng.normal(size=WIDTH)).astype(np.float32)


def test_moved_features_are_told_apart_again():
    features, labels = survey((90, 110, 60), 2)
    other = moved(features)
    found = head_for(HEAD, LEARNT, other)
    assert right(HEAD, other, labels) < 0.9
    assert right(found, other, labels) > 0.99 * right(HEAD, features, labels)


def test_the_training_survey_keeps_its_answers():
    found = head_for(HEAD, LEARNT, FEATURES)
    assert np.allclose(found.apply(FEATURES), HEAD.apply(FEATURES), atol=0.03)


def test_another_mix_is_not_taken_for_another_light():
    assert head_for(HEAD, LEARNT, survey((10, 10, 200), 3)[0]) is None
    near, truth = survey((90, 130, 70), 4)
    found = head_for(HEAD, LEARNT, near)
    assert right(found, near, truth) >= right(HEAD, near, truth) - 0.02


def test_few_chips_say_nothing():
    assert head_for(HEAD, LEARNT, FEATURES[: FEWEST - 1]) is None


@given(st.integers(0, WIDTH - 1), st.floats(-3, 3))
def test_a_feature_that_never_varies_does_no_harm(column, value):
    constant = FEATURES.copy()
    constant[:, column] = value
    found = head_for(HEAD, LEARNT, constant)
    assert found is None or np.isfinite(found.apply(constant)).all()


def test_expected_statistics_are_those_of_the_whole_at_its_own_mix():
    mean, deviation = LEARNT.expected(np.bincount(LABELS) / len(LABELS))
    np.testing.assert_allclose(mean, FEATURES.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation, FEATURES.std(axis=0), atol=1e-5)


def test_arrays_of_unknown_origin_are_checked():
    again = SurveyFeatures.unpack(LEARNT.pack(), shapes_of(WIDTH, 3), "here")
    assert (again.means == LEARNT.means).all()
    with pytest.raises(ModelFileError, match="here"):
        SurveyFeatures.unpack(LEARNT.pack(), shapes_of(WIDTH, 4), "here")
