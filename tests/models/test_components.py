"""Principal components of features: what they are, as bytes, and in a model file."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landuse.errors import ModelFileError
from landuse.models.bundle import read_bundle, write_bundle
from landuse.models.learnt_features import MOST_COMPONENTS, Components, from_bytes, to_bytes
from tests.models import small


def features(count=200, width=40, rank=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, rank)) @ rng.normal(size=(rank, width)) * 10 + 3).astype(np.float32)


def test_they_are_uncorrelated_and_have_a_deviation_of_one():
    values = features()
    found = Components.of(values)
    assert found.count == 5
    np.testing.assert_allclose(np.cov(found.apply(values).T, ddof=0), np.eye(5), atol=1e-4)


def test_as_many_as_chips_allow_and_no_more_than_are_kept():
    rng = np.random.default_rng(0)
    assert Components.of(rng.normal(size=(4, 40)).astype(np.float32)).count == 3
    assert Components.of(rng.normal(size=(300, 80)).astype(np.float32)).count == MOST_COMPONENTS


def test_chips_that_are_all_alike_have_none():
    assert Components.of(np.ones((9, 4), np.float32)) is None
    assert Components.of(np.ones((1, 4), np.float32)) is None


def test_a_feature_that_never_varies_is_no_trouble():
    values = features()
    values[:, 3] = 7
    assert np.isfinite(Components.of(values).apply(values + 1)).all()


@given(arrays(np.float32, (4, 3), elements=st.floats(-7.5, 7.5, width=32)))
def test_bytes_are_within_half_a_step(values):
    assert np.abs(from_bytes(to_bytes(values)) - values).max() <= 1 / 32 + 1e-6


def test_what_is_far_out_is_clipped_and_what_is_missing_stays_missing():
    found = from_bytes(to_bytes(np.array([-99.0, 99.0, np.nan], np.float32)))
    assert found[:2] == pytest.approx([-127 / 16, 127 / 16])
    assert np.isnan(found[2])


def test_a_model_file_keeps_them(tmp_path):
    bundle = small.bundle()
    known = Components.of(features(width=bundle.head.feature_count))
    kept = read_bundle(write_bundle(dataclasses.replace(bundle, components=known), tmp_path / "m"))
    assert np.array_equal(kept.components.axes, known.axes)
    assert kept.digest != bundle.digest


@pytest.mark.parametrize("axes", [np.ones((3, 2)), np.ones(4), np.full((0, 2), 1.0)])
def test_those_that_do_not_fit_are_refused(tmp_path, axes):
    bundle = small.bundle()
    odd = Components(np.zeros(bundle.head.feature_count, np.float32), axes.astype(np.float32))
    path = write_bundle(dataclasses.replace(bundle, components=odd), tmp_path / "m")
    with pytest.raises(ModelFileError, match=r"components\.safetensors"):
        read_bundle(path)
