from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.change.classwise import BORNE_OUT, DOUBTED, SCORES, ClassView, Classwise, as_named
from landuse.change.methods import METHODS
from landuse.change.pair import UNNAMED
from tests.change.simulation import pair_of
from tests.change.test_joint import pairs


def inferred(before, after):
    """What is fitted to all cells and said of all of them."""
    pair = pair_of(before, after)
    fitted = Classwise().fit(pair)
    return fitted, fitted.apply(pair)


@pytest.mark.parametrize("method", METHODS)
def test_a_block_without_a_cell_is_no_trouble(method):
    """Maps of places far apart have many."""
    looks = np.random.default_rng(0).dirichlet(np.ones(3), (2, 40))
    nothing = METHODS[method].fit(pair_of(*looks)).apply(pair_of(np.empty((0, 3)), np.empty((0, 3))))
    assert len(nothing.change) == 0
    assert nothing.move.shape == (0, 2)


def look(rng, truth, sureness, classes=3):
    """Probabilities of one survey: evidence for the true class, with noise."""
    score = rng.normal(size=(len(truth), classes))
    score[np.arange(len(truth)), truth] += sureness
    raised = np.exp(sureness * score)
    return raised / raised.sum(axis=1, keepdims=True)


def seasonal(seed=0, cells=4000, water=40):
    """Water, green, dry: `water` cells turn to water, and half of all fields look like the other kind in the second survey."""
    rng = np.random.default_rng(seed)
    before = rng.choice(3, cells, p=[0.2, 0.4, 0.4])
    turned = rng.choice(np.flatnonzero(before > 0), water, replace=False)
    after = before.copy()
    after[turned] = 0
    seen = after.copy()
    flips = (after > 0) & (rng.random(cells) < 0.5)
    seen[flips] = 3 - seen[flips]
    changed = before != after
    return look(rng, before, 4.0), look(rng, seen, 3.0), changed


def test_classes_that_flip_with_the_season_take_no_evidence_from_water():
    before, after, changed = seasonal()
    fitted, cells = inferred(before, after)
    differ = before.argmax(axis=1) != after.argmax(axis=1)
    confirmed = differ & (cells.named >= 0.5)
    assert changed[differ].mean() < 0.1
    assert changed[confirmed].mean() > 0.7
    assert confirmed[changed].mean() > 0.5
    assert fitted.views.views[0].place == 0
    assert fitted.views.views[0].told_apart > 0.95 > 0.8 > fitted.views.views[1].told_apart


def test_a_clear_change_to_water_is_as_likely_whatever_fields_do():
    rng = np.random.default_rng(3)
    truth = rng.choice(3, 3000, p=[0.2, 0.4, 0.4])
    before, after = look(rng, truth, 4.0), look(rng, truth, 3.0)
    field = int(np.flatnonzero(truth == 2)[0])
    before[field], after[field] = [0.001, 0.001, 0.998], [0.998, 0.001, 0.001]
    shuffled = after.copy()
    fields = (truth > 0) & (rng.random(len(truth)) < 0.5)
    fields[field] = False
    shuffled[fields] = after[fields][:, [0, 2, 1]]
    _, calm = inferred(before, after)
    _, turned = inferred(before, shuffled)
    assert calm.named[field] > 0.2
    assert turned.named[field] > calm.named[field] - 0.05


@pytest.mark.parametrize("seed", range(2))
def test_what_a_tier_states_holds(seed):
    before, after, changed = seasonal(seed, cells=6000, water=120)
    _, cells = inferred(before, after)
    to_water = (cells.move[:, 1] == 0) & (cells.moved >= 0.5)
    assert to_water.sum() > 50
    assert changed[to_water].mean() > cells.moved[to_water].mean() - 0.05
    assert cells.moved[cells.move[:, 1] == 0].sum() == pytest.approx(changed.sum(), rel=0.4)


@settings(max_examples=15)
@given(pairs())
def test_swapping_the_surveys_transposes_the_transition(pair):
    (forward, said), (backward, back) = inferred(*pair), inferred(*pair[::-1])
    np.testing.assert_allclose(forward.transition, backward.transition.T, atol=1e-9)
    np.testing.assert_allclose(said.change, back.change, atol=1e-9)


@settings(max_examples=15)
@given(pairs())
def test_results_are_probabilities(pair):
    fitted, said = inferred(*pair)
    assert fitted.transition.sum() == pytest.approx(1.0)
    assert (fitted.transition >= 0).all()
    assert ((said.change >= 0) & (said.change <= 1)).all()
    assert (said.moved <= said.change + 1e-9).all()


@settings(max_examples=15)
@given(pairs(), st.integers(1, 3))
def test_identical_surveys_hold_no_change_and_blocks_say_what_the_whole_says(pair, parts):
    fitted, said = inferred(pair[0], pair[0])
    assert said.change.max() < 1e-12
    assert np.trace(fitted.transition) == pytest.approx(1.0)
    fitted, said = inferred(*pair)
    blocks = [pair_of(p, q) for p, q in zip(*(np.array_split(side, parts) for side in pair), strict=True) if len(p)]
    np.testing.assert_allclose(
        np.concatenate([fitted.apply(block).change for block in blocks]), said.change, atol=1e-12
    )


def test_a_class_never_counts_for_more_than_its_score_says():
    """Where water scores low all over the second survey, a low score still is none for water."""
    rng = np.random.default_rng(1)
    water = rng.random(2000) < 0.3
    p = np.where(water, 0.99, 0.01)
    q = 1 / (1 + np.exp(-(np.where(water, -3.0, -8.0) + rng.normal(size=2000))))
    view = ClassView.fitted(np.stack([p, 1 - p], axis=1), np.stack([q, 1 - q], axis=1), 0)
    said = SCORES - np.log(q.clip(1e-3).mean() / (1 - q.clip(1e-3).mean()))
    assert view.told_apart > 0.95
    assert (view.evidence[said < 0, 1] <= 0).all()
    assert (np.diff(view.evidence[:, 1]) >= 0).all()


def test_golden_values_of_a_small_pair():
    before = np.tile([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.01, 0.01, 0.98]], (100, 1))
    after = before @ np.array([[0.9, 0.05, 0.05], [0.05, 0.6, 0.35], [0.05, 0.35, 0.6]])
    after[1] = [0.9, 0.05, 0.05]
    _, cells = inferred(before, after)
    assert cells.move[1].tolist() == [1, 0]
    assert cells.moved[1] == pytest.approx(0.22121, abs=1e-4)
    assert np.delete(cells.change, 1).max() < 0.05


def test_one_class_cannot_change():
    _, said = inferred([[1.0]] * 3, [[0.999]] * 3)
    assert (said.change == 0).all()


@settings(max_examples=15)
@given(pairs(), st.integers(0, 5))
def test_changes_shared_out_anew_are_as_many_and_the_rest_is_left(pair, seed):
    before, after = pair
    joint = np.random.default_rng(seed).dirichlet(np.ones(before.shape[1] ** 2), len(before))
    joint = joint.reshape(len(before), before.shape[1], -1)
    found = as_named(joint, before, after)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1.0)
    np.testing.assert_allclose(found.diagonal(axis1=1, axis2=2), joint.diagonal(axis1=1, axis2=2), atol=1e-12)
    assert (found >= -1e-12).all()


def test_a_cell_that_changed_did_what_its_looks_say():
    joint = np.array([[[0.1, 0.45, 0.45], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    found = as_named(joint, np.array([[0.98, 0.01, 0.01]]), np.array([[0.02, 0.9, 0.08]]))
    odds = np.sqrt(0.9 / 0.08)
    np.testing.assert_allclose(found[0, 0], [0.1, 0.9 * odds / (1 + odds), 0.9 / (1 + odds)])


def test_a_cell_that_did_not_change_is_left_as_it_is():
    unchanged = np.eye(3)[None] / 3
    np.testing.assert_array_equal(as_named(unchanged, np.full((1, 3), 1 / 3), np.full((1, 3), 1 / 3)), unchanged)


def test_a_change_that_the_labels_do_not_name_is_never_more_likely_than_not():
    before, after, _ = seasonal()
    pair = pair_of(before, after)
    fitted = Classwise().fit(pair)
    named, silent = (fitted.apply(replace(pair, labels=labels)) for labels in (pair.labels, pair.labels[:, [0, 0]]))
    assert named.moved.max() > 0.9
    assert silent.moved.max() == UNNAMED < 0.5
    np.testing.assert_allclose(silent.change, named.change)


class Says:
    """Components that say the same of every cell."""

    def __init__(self, odds):
        self.odds = odds

    def log_odds(self, block):
        return np.full(len(block), self.odds)


def test_no_change_is_certain_that_the_components_do_not_bear_out():
    before, after, _ = seasonal()
    pair = pair_of(before, after)
    fitted = Classwise().fit(pair)
    doubted, borne_out = (replace(fitted, places=Says(odds)).apply(pair) for odds in (BORNE_OUT - 0.1, BORNE_OUT))
    assert borne_out.moved.max() > 0.9 > doubted.moved.max() == DOUBTED
    sure = (doubted.moved == DOUBTED) & (doubted.move == pair.labels).all(axis=1)
    assert sure.any()
    np.testing.assert_array_equal(doubted.named[sure], DOUBTED)
