"""The rules that novelty is compared by: each tells other ground, and keeps to its flag on more of the same."""

import numpy as np
import pytest

from benchmarks.novelty import roc_area
from benchmarks.novelty_rules import axes_of, measure
from tests.models.test_novelty import ground


@pytest.fixture(scope="module")
def measured():
    known = ground(500)
    means = np.random.default_rng(100).gamma(0.6, size=(6, known.shape[1]))
    labels = np.linalg.norm(known[:, None] - means, axis=2).argmin(axis=1)
    return measure(known, labels, np.arange(500) % 5, [ground(1000, seed=1), ground(100, offset=1)])


@pytest.mark.parametrize(
    "rule",
    [
        "bank",
        "centres",
        "Mahalanobis",
        "of classes",
        "relative",
        "residual",
        "root centres",
        "root residual",
        "larger of both",
    ],
)
def test_each_rule_tells_other_ground_and_flags_a_hundredth_of_the_same(measured, rule):
    found = measured[rule]
    if "residual" not in rule:  # 64 axes leave nothing of 24 features
        assert roc_area(*found.sets) > 0.95
    assert (found.sets[0] > found.flag).mean() < 0.05


@pytest.mark.parametrize("shape", [(12, 30), (40, 8)])
def test_axes_are_those_of_the_covariance(shape):
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    rows -= rows.mean(axis=0)
    axes, variances = axes_of(rows)
    assert axes @ axes.T == pytest.approx(np.eye(len(axes)), abs=1e-4)
    assert (rows @ axes.T).var(axis=0) == pytest.approx(variances, rel=1e-3)
    assert variances.sum() == pytest.approx((rows**2).sum() / len(rows), rel=1e-3)
