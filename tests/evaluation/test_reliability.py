"""Bins of confidence: every row in one of them, and the error that follows from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.evaluation.scores import BINS, bin_of, expected_error, reliability


@st.composite
def statements(draw):
    n = draw(st.integers(1, 80))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return rng.random(n), rng.random(n) < 0.6


@settings(max_examples=60)
@given(statements(), st.integers(1, 20))
def test_the_error_is_that_of_the_bins(said, bins):
    confidence, right = said
    found = reliability(confidence, right, bins)
    assert sum(b.count for b in found) == len(confidence)
    assert [b.low for b in found[1:]] == [b.high for b in found[:-1]]
    for b in found:
        inside = (confidence > b.low) & (confidence <= b.high)
        assert b.count == inside.sum()
        assert (b.accuracy is None) == (b.count == 0)
        if b.count:
            assert b.low <= b.confidence <= b.high + 1e-12
            assert b.accuracy == pytest.approx(right[inside].mean())
    gaps = sum(b.count * abs(b.accuracy - b.confidence) for b in found if b.count)
    assert expected_error(confidence, right, bins=bins) == pytest.approx(gaps / len(confidence))


@settings(max_examples=40)
@given(statements(), st.integers(0, 1000))
def test_a_weight_is_a_number_of_copies(said, seed):
    confidence, right = said
    times = np.random.default_rng(seed).integers(0, 4, len(confidence))
    found = expected_error(confidence, right, times)
    if times.any():
        assert found == pytest.approx(expected_error(np.repeat(confidence, times), np.repeat(right, times)))
    else:
        assert found is None


def test_edges_belong_to_the_bin_below_and_nothing_falls_out():
    assert bin_of(np.array([0.0, 1e-9, 0.2, 0.2 + 1e-9, 1.0]), 5).tolist() == [0, 0, 0, 1, 4]
    assert len(reliability(np.array([0.5]), np.array([True]))) == BINS == 15


def test_a_class_that_always_says_seven_in_ten_and_is_right_so_often_has_no_error():
    confidence, right = np.full(100, 0.7), np.arange(100) < 70
    assert expected_error(confidence, right) == pytest.approx(0)
    assert expected_error(confidence, ~right) == pytest.approx(0.4)
