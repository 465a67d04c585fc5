"""An audit: what people answer makes the list better, and what is claimed of it holds as often as it says."""

import numpy as np
import pytest

from landuse.evaluation.audit import LOOK, AuditSites, claimed, drawn, refitted


def made(rng, count=300):
    """Sites of two kinds with probabilities that say nothing, of which one kind is mostly false; and whether each is real."""
    kinds = rng.choice(2, count, p=[0.75, 0.25])
    stated = np.sort(rng.uniform(0.5, 0.95, count))[::-1]
    sites = AuditSites(stated, rng.lognormal(1, 1, count), kinds)
    return sites, rng.random(count) < np.where(kinds == 1, 0.3, 0.96)


def audit(sites, real, random, chosen, seed):
    """The list re-ranked by the chosen answers, and what the random ones claim of it."""
    looked, lot = drawn(sites, random, chosen, seed)
    score = refitted(sites, looked[~lot], real[looked[~lot]])
    order = np.argsort(-score, kind="stable")
    return order, claimed(order, looked[lot], real[looked[lot]], random, (0.8, 0.9))


def test_the_claim_holds_in_nine_of_ten_audits_and_is_made_in_most():
    wrong = made_claims = 0
    for seed in range(100):
        sites, real = made(np.random.default_rng(seed))
        order, claim = audit(sites, real, 100, 60, seed)
        made_claims += claim.sites > 0
        wrong += claim.sites > 0 and real[order[: claim.sites]].mean() < 0.8
    assert wrong <= 10
    assert made_claims >= 50


def test_looking_at_every_stage_and_stopping_at_the_first_claim_is_as_safe():
    """Half of the list is only 78 % real at best, so that every claim is wrong."""
    wrong = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        sites = AuditSites(np.linspace(0.99, 0.5, 400), np.ones(400), np.zeros(400, np.int64))
        real = rng.random(400) < 0.78
        looked, lot = drawn(sites, 100, 0, seed)
        random = looked[lot]
        stages = (*range(LOOK, 100, LOOK), 100)  # between two looks nothing new counts
        claims = [claimed(np.arange(400), random[:n], real[random[:n]], 100, (0.8, 0.9)) for n in stages]
        wrong += any(c.sites and real[: c.sites].mean() < 0.8 for c in claims)
    assert wrong <= 10


def test_answers_between_two_looks_do_not_count_yet():
    order, real = np.arange(60), np.ones(60, bool)
    claims = [claimed(order, order[:n], real[:n], 60, (0.8, 0.9)) for n in range(1, 61)]
    assert {c.answers for c in claims[LOOK : 2 * LOOK - 1] if not c.sites} <= {LOOK}
    assert (claims[-1].sites, claims[-1].answers) == (60, 60)


def test_more_answers_make_the_first_fifty_better():
    gains = []
    for seed in range(30):
        sites, real = made(np.random.default_rng(1000 + seed))
        order, _ = audit(sites, real, 20, 80, seed)
        gains.append(real[order[:50]].mean() - real[:50].mean())
    assert np.mean(gains) > 0.1


def test_without_answers_the_list_stays_as_it_was():
    sites, _ = made(np.random.default_rng(0))
    none = np.empty(0, np.int64)
    np.testing.assert_allclose(refitted(sites, none, none.astype(bool)), np.clip(sites.probability, 0.001, 0.999))
    assert claimed(np.arange(300), none, none.astype(bool), 40, (0.8, 0.9)).sites == 0


def test_no_site_is_looked_at_twice_and_random_ones_are_spread_over_the_whole_work():
    sites, _ = made(np.random.default_rng(1))
    looked, lot = drawn(sites, 30, 60, 4)
    assert len(set(looked.tolist())) == len(looked) == 90
    assert lot.sum() == 30
    assert all(8 <= lot[first : first + 30].sum() <= 12 for first in (0, 30, 60))
    assert np.array_equal(drawn(sites, 30, 60, 4)[0], looked)
    everything, lot = drawn(sites, 500, 500, 4)
    assert (len(everything), lot.sum()) == (300, 300)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_bound_is_exact(share):
    """Of 59 answers that are all real, the share is at least 0.95 at a confidence of 95 % (the rule of 59)."""
    order, real = np.arange(59), np.ones(59, bool)
    asked = (share, 1 - 0.05 * 9)
    assert claimed(order, order, real, 59, asked).low == pytest.approx(0.05 ** (1 / 59))
