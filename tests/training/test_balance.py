"""What samples count, by class name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import UsageError
from landuse.options.training import WeightOptions
from landuse.training.balance import fitting_rows
from tests.training.made import samples


def totals(rows, classes=3):
    return np.bincount(rows.labels, rows.weights, minlength=classes)


def test_weights_are_those_of_balanced_classes():
    data = samples([0] * 70 + [1] * 20 + [2] * 10)
    rows = fitting_rows(data, WeightOptions())
    assert np.array_equal(rows.samples, np.arange(100))
    assert rows.weights == pytest.approx(100 / 3 / np.array([70, 20, 10])[data.positions])


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(0, 9))
def test_downsampling_is_exact(labels, seed):
    rows = fitting_rows(samples(labels), WeightOptions(balance="downsample", seed=seed))
    counts = np.bincount(labels, minlength=3)
    assert np.bincount(rows.labels, minlength=3).tolist() == np.where(counts, counts[counts > 0].min(), 0).tolist()
    assert len(set(rows.samples.tolist())) == len(rows.samples)
    assert (rows.weights == 1).all()
    assert np.array_equal(rows.labels, np.array(labels)[rows.samples])


def test_a_class_weight_is_a_factor_by_name():
    data = samples([0] * 30 + [1] * 20 + [2] * 10)
    got = totals(fitting_rows(data, WeightOptions(class_weights={"water": 3.0})))
    assert got / got[0] == pytest.approx([1, 3, 1])
    got = totals(fitting_rows(data, WeightOptions(balance="none", class_weights={"Water": 3.0, "Town": 0.0})))
    assert got / got[0] == pytest.approx([1, 2, 0])
    with pytest.raises(UsageError, match=r"'Lake'.*Field, Water, Town"):
        fitting_rows(data, WeightOptions(class_weights={"Lake": 1.0}))
    for odd in (float("nan"), float("inf"), -1.0):
        with pytest.raises(UsageError, match="--class-weight cannot be"):
            WeightOptions(class_weights={"Town": odd})
    with pytest.raises(UsageError, match="weight 0"):
        fitting_rows(data, WeightOptions(balance="none", class_weights=dict.fromkeys(("Field", "Water", "Town"), 0.0)))


def test_sample_weights_count():
    data = samples([0, 0, 1, 2], weights=[1.0, 3.0, 2.0, 0.0])
    rows = fitting_rows(data, WeightOptions(balance="none"))
    assert rows.samples.tolist() == [0, 1, 2]
    assert rows.weights == pytest.approx([0.5, 1.5, 1.0])


def test_soft_labels_are_rows_with_shares():
    data = samples(targets=[[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]])
    rows = fitting_rows(data, WeightOptions(balance="none"))
    assert rows.samples.tolist() == [0, 1, 1, 2, 2]
    assert rows.labels.tolist() == [0, 0, 1, 1, 2]
    assert rows.weights == pytest.approx([1, 0.25, 0.75, 0.5, 0.5])
    assert totals(fitting_rows(data, WeightOptions())) == pytest.approx([1, 1, 1])


def test_a_balance_that_is_none_is_refused():
    with pytest.raises(UsageError, match="'weights', 'downsample' or 'none'"):
        WeightOptions(balance="weight")


def test_lists_of_labels_are_not_for_this_head():
    with pytest.raises(UsageError, match="lists"):
        fitting_rows(samples(targets=[[1, 1, 0]], multi=True), WeightOptions())
