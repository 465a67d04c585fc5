"""The chain of three and more surveys: what is in the end counts, what comes and goes does not."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.change.chain import Chain, flickers

YEARS = np.array([2010.0, 2012.0, 2016.0])


def looks(labels, sure=0.9, classes=3):
    """Looks (T, n, K) at the labels (n, T), -1 for a missing one."""
    labels = np.asarray(labels).T
    vectors = np.full((*labels.shape, classes), (1 - sure) / (classes - 1))
    np.put_along_axis(vectors, np.maximum(labels, 0)[..., None], sure, axis=2)
    return np.where((labels < 0)[..., None], 1.0, vectors)


def chain_of(labels, sure, years=YEARS, weights=None, odds=None):
    """The chain of labels (n, T), each look against the share of the class in its survey."""
    odds = np.ones((len(years) - 1, len(labels))) if odds is None else odds
    surveys = looks(labels, sure)
    seen = (np.asarray(labels).T >= 0)[..., None]
    shares = surveys.mean(axis=1, keepdims=True, where=seen)
    return Chain.fitted(np.where(seen, surveys / shares, 1.0), odds, shares.mean(axis=(0, 1)), years, weights)


def stories(count=300):
    """Steady cells of three classes, and after them twenty A-B-A and twenty A-B-B."""
    steady = np.repeat(np.arange(count)[:, None] % 3, 3, axis=1)
    return np.concatenate([steady, np.tile([0, 1, 0], (20, 1)), np.tile([0, 1, 1], (20, 1))])


def test_what_comes_and_goes_vanishes_and_what_stays_is_dated():
    labels = stories()
    chain = chain_of(labels, 0.97)
    path = chain.path()
    there_and_back, kept = slice(300, 320), slice(320, 340)
    assert (path[:300] == labels[:300]).all()
    assert (path[there_and_back] == 0).all()
    assert (path[kept] == [0, 1, 1]).all()
    first, second = (1 - np.trace(step, axis1=1, axis2=2) for step in chain.steps())
    assert first[kept].min() > 0.5 > first[there_and_back].max()
    assert second[kept].max() < 0.1
    assert flickers(path, labels)[there_and_back].all()
    assert not flickers(path, labels)[kept].any()
    assert not flickers(path, labels)[:300].any()


def test_a_place_that_looks_another_is_sooner_thought_to_have_changed():
    labels = stories()
    odds = np.ones((2, len(labels)))
    odds[0, 320:330], odds[0, 330:340] = 20.0, 0.05
    plain, told = (chain_of(labels, 0.8, odds=some).ends()[320:, 0, 1] for some in (None, odds))
    assert (told[:10] > plain[:10]).all()
    assert (told[10:] < plain[10:]).all()


def test_a_missing_look_breaks_nothing_and_the_others_bridge_it():
    labels = stories()
    labels[0, 1] = labels[325, 1] = labels[1, 2] = -1
    chain = chain_of(labels, 0.97)
    path = chain.path()
    assert (path[[0, 1]] == [[0], [1]]).all()
    assert path[325, 0] == 0
    assert path[325, 2] == 1
    ends = chain.ends()[325]
    assert 1 - np.trace(ends) > 0.5


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(3, 5))
def test_passes_agree_with_the_sum_over_all_stories(seed, count):
    rng = np.random.default_rng(seed)
    chain = Chain(
        rng.uniform(0.1, 2, (count, 4, 2)),
        rng.dirichlet([1, 1]),
        rng.dirichlet([1, 1], (count - 1, 2)),
        rng.uniform(0.2, 5, (count - 1, 4)),
    )
    total, ends, step = np.zeros(4), np.zeros((4, 2, 2)), np.zeros((4, 2, 2))
    best, most = np.zeros((4, count), int), np.zeros(4)
    for story in itertools.product(range(2), repeat=count):
        weight = chain.start[story[0]] * chain.looks[0][:, story[0]]
        for t in range(1, count):
            weight = weight * chain.moves[t - 1][story[t - 1], story[t]] * chain.looks[t][:, story[t]]
            weight = weight * (chain.odds[t - 1] if story[t - 1] != story[t] else 1)
        total += weight
        ends[:, story[0], story[-1]] += weight
        step[:, story[1], story[2]] += weight
        best[weight > most], most = story, np.maximum(weight, most)
    np.testing.assert_allclose(chain.ends(), ends / total[:, None, None], atol=1e-9)
    np.testing.assert_allclose(chain.steps()[1], step / total[:, None, None], atol=1e-9)
    assert np.array_equal(chain.path(), best)


def test_a_longer_gap_gives_change_more_room():
    short, long = (chain_of(stories(), 0.8, np.array([0.0, gap, gap + 1])) for gap in (1.0, 20.0))
    assert (long.moves[0].diagonal() < short.moves[0].diagonal()).all()


def test_a_discouraged_move_needs_more_evidence_and_is_not_forbidden():
    labels, weights = stories(), np.ones((3, 3))
    weights[0, 1] = 0.001
    free, held = (chain_of(labels, 0.9, weights=w) for w in (None, weights))
    assert held.ends()[330, 0, 1] < free.ends()[330, 0, 1]
    sure = chain_of(labels, 0.9999, weights=weights)
    assert sure.ends()[330, 0, 1] > 0.9
    assert sure.moves.sum(axis=2) == pytest.approx(np.ones((2, 3)))
