"""The links agree with scipy's, at the ends of the range too."""

import numpy as np
import pytest
from scipy import special

from landuse.models import heads

SCORES = np.concatenate([np.random.default_rng(0).normal(0, 5, (20, 4)), [[1e4, 0, -1e4, 3], [0, 0, 0, 0]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["softmax"])
def test_softmax_is_scipys(name, dtype):
    scores = SCORES.astype(dtype)
    ours, theirs = getattr(heads, name)(scores, axis=1), getattr(special, name)(scores, axis=1)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5 if dtype is np.float32 else 1e-12, atol=1e-30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_expit_is_scipys(dtype):
    ours = heads.expit(SCORES.astype(dtype))
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, special.expit(SCORES.astype(dtype)), rtol=1e-5, atol=1e-30)
