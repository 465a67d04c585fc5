import numpy as np
from scipy.optimize import check_grad

from landuse.change.calibration import Calibration, _Fit, _logs, calibrate_pair
from tests.change.simulation import infer_change, surveys


def test_gradient_is_that_of_the_loss():
    made = surveys(cells=300, shared=0.5)
    fit = _Fit(_logs(made.before), _logs(made.after))
    point = fit.start() + np.random.default_rng(0).normal(size=len(fit.start())) * 0.2
    assert check_grad(lambda v: fit.loss(v)[0], lambda v: fit.loss(v)[1], point) < 1e-5


def test_calibrated_independent_surveys_stay_as_they_are():
    made = surveys(cells=20_000, seed=4)
    learnt = calibrate_pair(made.before, made.after)
    np.testing.assert_allclose(learnt.mixing, np.stack([np.eye(6)] * 2), atol=0.2)
    assert np.abs(learnt.bias).max() < 0.2


def test_a_hazy_later_survey_no_longer_looks_like_change():
    made = surveys(cells=20_000, haze=0.6, seed=5)
    plain = infer_change(made.before, made.after)
    mended = infer_change(*calibrate_pair(made.before, made.after).apply(made.before, made.after))
    truth = made.changed.mean()
    assert plain.change_share > 3 * truth
    assert mended.change_share < 2 * truth


def test_shared_nuisances_no_longer_hide_change():
    made = surveys(cells=20_000, shared=0.8, seed=6)
    plain = infer_change(made.before, made.after)
    mended = infer_change(*calibrate_pair(made.before, made.after).apply(made.before, made.after))
    assert plain.change_share < 0.1 * made.changed.mean()
    assert mended.change_share > 0.4 * made.changed.mean()
    confirmed = made.differ & (mended.change >= 0.5)
    assert made.changed[confirmed].mean() > 0.9
    assert confirmed.sum() > 0.3 * made.changed.sum()


def test_classes_that_a_season_confuses_are_sorted_out():
    """In the later survey the evidence for class 1 counts for class 0, that for 2 for 3: labels differ, the land does not."""
    made = surveys(cells=3_000, seed=8)
    season = np.eye(6)
    season[1, :2] = [0.8, 0.3]
    season[2, 2:4] = [0.3, 0.8]
    logs = np.log(made.after + 1e-9)
    after = np.exp(logs @ season)
    after /= after.sum(axis=1, keepdims=True)
    differ = made.before.argmax(axis=1) != after.argmax(axis=1)
    plain = infer_change(made.before, after)
    mended = infer_change(*calibrate_pair(made.before, after).apply(made.before, after))
    assert differ.mean() > 0.4
    assert (differ & (plain.change >= 0.5)).mean() > 0.1
    assert (differ & (mended.change >= 0.5)).mean() < 0.02


def test_a_few_clear_changes_are_not_explained_away():
    rng = np.random.default_rng(9)
    classes = np.arange(1200) % 6
    later = classes.copy()
    later[[2, 8, 3, 9]] = 0
    before, after = (0.999 * np.eye(6)[c] + 0.001 * rng.dirichlet(np.ones(6), 1200) for c in (classes, later))
    found = infer_change(*calibrate_pair(before, after).apply(before, after))
    assert (found.change[[2, 8, 3, 9]] > 0.9).all()
    assert (found.change > 0.5).sum() == 4


def test_swapping_the_surveys_swaps_the_calibration():
    made = surveys(cells=2_000, shared=0.5, haze=0.3, seed=7)
    forward, backward = calibrate_pair(made.before, made.after), calibrate_pair(made.after, made.before)
    np.testing.assert_allclose(forward.mixing, backward.mixing[::-1], atol=1e-6)
    np.testing.assert_allclose(forward.bias, backward.bias[::-1], atol=1e-6)


def test_too_few_cells_leave_everything_as_it_is():
    made = surveys(cells=50)
    learnt = calibrate_pair(made.before, made.after)
    assert learnt.cells == 0
    before, after = learnt.apply(made.before, made.after)
    assert before is made.before
    assert after is made.after


def test_apply_gives_probabilities_even_of_zeros():
    learnt = Calibration(np.stack([2 * np.eye(2), 0.5 * np.eye(2)]), np.zeros((2, 2)), 300)
    before, after = learnt.apply(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(before.sum(axis=1), 1.0)
    assert np.isfinite(after).all()
