import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import UsageError
from tests.change.simulation import infer_change, surveys


@st.composite
def pairs(draw):
    cells, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.sampled_from([0.1, 1.0, 10.0]))
    return rng.dirichlet(np.full(classes, sharpness), cells), rng.dirichlet(np.full(classes, sharpness), cells)


def test_section_7_labels_flag_a_third_and_the_joint_model_finds_the_true_share():
    made = surveys(seed=1)
    right = (made.before.argmax(axis=1) == made.truth_before).mean()
    assert right == pytest.approx(0.82, abs=0.01)
    assert 0.28 < made.differ.mean() < 0.36
    assert made.changed[made.differ].mean() < 0.035

    found = infer_change(made.before, made.after)
    confirmed = made.differ & (found.change >= 0.5)

    assert found.converged
    assert found.change_share == pytest.approx(made.changed.mean(), abs=0.003)
    assert found.change.mean() == pytest.approx(found.change_share, abs=1e-3)
    assert confirmed.sum() > 50
    assert made.changed[confirmed].mean() > 0.6


def test_p_change_means_what_it_says():
    made = surveys(cells=60_000, change=0.05, seed=2)
    found = infer_change(made.before, made.after)
    for low, high in ((0.0, 0.1), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        inside = (found.change >= low) & (found.change < high)
        assert made.changed[inside].mean() == pytest.approx(found.change[inside].mean(), abs=0.06)


@settings(max_examples=60)
@given(pairs())
def test_swapping_the_surveys_transposes_the_transition(pair):
    forward, backward = infer_change(*pair), infer_change(*pair[::-1])
    np.testing.assert_allclose(forward.transition, backward.transition.T, atol=1e-9)
    np.testing.assert_allclose(forward.change, backward.change, atol=1e-6)


@settings(max_examples=60)
@given(pairs(), st.randoms(use_true_random=False))
def test_a_permutation_of_the_classes_permutes_the_result(pair, random):
    order = list(range(pair[0].shape[1]))
    random.shuffle(order)
    plain, mixed = infer_change(*pair), infer_change(pair[0][:, order], pair[1][:, order])
    np.testing.assert_allclose(plain.transition[np.ix_(order, order)], mixed.transition, atol=1e-9)
    np.testing.assert_allclose(plain.change, mixed.change, atol=1e-6)


@settings(max_examples=60)
@given(pairs())
def test_results_are_probabilities(pair):
    found = infer_change(*pair)
    assert found.transition.sum() == pytest.approx(1.0)
    assert (found.transition >= 0).all()
    assert ((found.change >= 0) & (found.change <= 1)).all()


@settings(max_examples=40)
@given(pairs())
def test_identical_surveys_hold_no_change(pair):
    found = infer_change(pair[0], pair[0])
    assert (found.change == 0).all()
    assert found.change_share < 0.011


def test_a_lone_clear_transition_is_found_and_a_doubtful_one_is_not():
    before = np.tile([[0.9995, 0.0004, 0.0001], [0.0004, 0.9995, 0.0001]], (450, 1))
    after = before + np.tile([[1e-5, -1e-5, 0]], (900, 1))
    after[10] = [0.0001, 0.9998, 0.0001]
    after[20] = [0.45, 0.5499, 0.0001]
    found = infer_change(before, after)
    assert found.change[10] > 0.75
    assert np.delete(found.change, 10).max() < 0.05


def test_zeros_and_a_class_that_nobody_has_are_no_trouble():
    found = infer_change([[1.0, 0.0, 0.0]] * 3, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.9, 0.1, 0.0]])
    assert np.isfinite(found.transition).all()
    assert np.isfinite(found.change).all()


def test_one_class_cannot_change():
    found = infer_change([[1.0]] * 3, [[0.999]] * 3)
    assert (found.change == 0).all()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ([[0.5, 0.6]], [[0.5, 0.5]], "sum to 1"),
        ([[np.nan, 1.0]], [[0.5, 0.5]], "sum to 1"),
        ([[-0.5, 1.5]], [[0.5, 0.5]], "sum to 1"),
        ([0.5, 0.5], [[0.5, 0.5]], "shape"),
        (np.empty((0, 3)), np.empty((0, 3)), "shape"),
    ],
)
def test_what_is_no_probability_is_refused_in_one_sentence(before, after, says):
    with pytest.raises(UsageError, match=says):
        infer_change(before, after)
