import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landuse.errors import UsageError
from landuse.evaluation.estimators import MapEstimates, StratifiedSample, estimate_map

G4 = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
G4_AREAS = np.array([0.020, 0.015, 0.320, 0.645]) * 900_000


def stratified_estimates(counts, areas) -> MapEstimates:
    """The estimates of a table of counts, rows mapped, where the strata are the map's classes."""
    counts = np.asarray(counts)
    mapped, reference = (index.ravel() for index in np.indices(counts.shape))
    sample = StratifiedSample(mapped, np.asarray(areas, float), counts.ravel())
    return estimate_map(sample, mapped, reference, len(areas))


def test_units_in_one_row_count_as_units_in_rows_of_their_own():
    counts = np.array(G4)
    mapped, reference = np.divmod(np.repeat(np.arange(16), counts.ravel()), 4)
    apart = estimate_map(StratifiedSample(mapped, G4_AREAS), mapped, reference, 4)
    together = stratified_estimates(counts, G4_AREAS)
    np.testing.assert_allclose(apart.areas.error, together.areas.error)
    np.testing.assert_allclose(apart.producers.error, together.producers.error)


def test_golden_g4():
    found = stratified_estimates(G4, G4_AREAS)
    np.testing.assert_allclose(found.areas.value, [21_158, 11_686, 285_770, 581_386], atol=1)
    np.testing.assert_allclose(found.areas.half_width, [6_158, 3_756, 15_510, 16_282], atol=1)
    assert found.overall.value[0] == pytest.approx(0.9465, abs=5e-5)
    assert found.overall.half_width[0] == pytest.approx(0.0185, abs=5e-5)
    np.testing.assert_allclose(found.users.value, [0.880, 0.733, 0.927, 0.963], atol=5e-4)
    np.testing.assert_allclose(found.producers.value, [0.749, 0.847, 0.935, 0.962], atol=6e-4)
    assert found.quantity == pytest.approx(0.0045, abs=5e-5)
    assert found.allocation == pytest.approx(0.0490, abs=5e-5)
    assert found.exchange == pytest.approx(0.0445, abs=5e-5)
    assert found.shift == pytest.approx(0.0045, abs=5e-5)


def test_areas_add_up_and_a_perfect_sample_is_certain():
    found = stratified_estimates(np.diag([10, 20, 30]), [100.0, 50.0, 0.5])
    np.testing.assert_allclose(found.areas.value, [100.0, 50.0, 0.5])
    np.testing.assert_allclose(found.areas.half_width, 0, atol=1e-9)
    np.testing.assert_allclose(found.producers.value, 1)
    assert stratified_estimates(G4, G4_AREAS).areas.value.sum() == pytest.approx(900_000)


@st.composite
def samples(draw):
    """A sample of at least two in every stratum, and areas."""
    classes = draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    counts = rng.integers(0, 30, (classes, classes)) + 2 * np.eye(classes, dtype=int)
    return counts, rng.uniform(1, 1000, classes)


@settings(max_examples=60)
@given(samples())
def test_estimates_add_up_to_the_map(sample):
    counts, areas = sample
    found = stratified_estimates(counts, areas)
    assert found.areas.value.sum() == pytest.approx(areas.sum())
    np.testing.assert_allclose(found.proportions.sum(axis=1), areas / areas.sum())
    assert found.quantity + found.allocation == pytest.approx(1 - found.overall.value[0])
    assert found.exchange + found.shift == pytest.approx(found.allocation)
    assert found.shift >= -1e-12
    assert ((found.users.value >= 0) & (found.users.value <= 1)).all()
    assert found.overall.value[0] == pytest.approx(found.users.value @ areas / areas.sum())


@settings(max_examples=40)
@given(samples(), st.floats(0.01, 1e6), st.randoms(use_true_random=False))
def test_units_and_the_order_of_classes_do_not_matter(sample, unit, random):
    counts, areas = sample
    order = list(range(len(areas)))
    random.shuffle(order)
    plain = stratified_estimates(counts, areas)
    other = stratified_estimates(counts[np.ix_(order, order)], unit * areas[order])
    np.testing.assert_allclose(other.areas.value, unit * plain.areas.value[order])
    np.testing.assert_allclose(other.areas.half_width, unit * plain.areas.half_width[order])
    np.testing.assert_allclose(other.producers.half_width, plain.producers.half_width[order])
    assert other.shift == pytest.approx(plain.shift, abs=1e-12)


def test_four_times_the_sample_is_half_the_interval():
    once, four = (stratified_estimates(times * np.array(G4), G4_AREAS) for times in (100, 400))
    np.testing.assert_allclose(once.areas.half_width / four.areas.half_width, 2, rtol=1e-3)
    np.testing.assert_allclose(once.areas.value, four.areas.value)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = np.array([[0.9, 0.1], [0.05, 0.95]])
    areas = np.array([20.0, 80.0])
    true_area = areas @ truth
    covered = 0
    for _ in range(400):
        sample = np.stack([rng.multinomial(150, row) for row in truth])
        found = stratified_estimates(sample, areas).areas
        covered += abs(found.value[0] - true_area[0]) <= found.half_width[0]
    assert 0.90 < covered / 400 < 0.99


@pytest.mark.parametrize(("sample", "areas"), [(G4, G4_AREAS), ([[30, 20], [20, 30]], np.array([80.0, 20.0]))])
def test_every_half_width_is_that_of_samples_drawn_again(sample, areas):
    """The formulas are linear in the errors, so they hold where the sample is large."""
    rng = np.random.default_rng(0)
    counts = 10 * np.array(sample)
    totals = counts.sum(axis=1)
    drawn = [
        stratified_estimates(
            np.stack([rng.multinomial(n, row / n) for n, row in zip(totals, counts, strict=True)]), areas
        )
        for _ in range(800)
    ]
    said = stratified_estimates(counts, areas)
    for name in ("areas", "users", "producers", "overall"):
        spread = np.std([getattr(one, name).value for one in drawn], axis=0)
        np.testing.assert_allclose(getattr(said, name).half_width, 1.96 * spread, rtol=0.1, err_msg=name)


def test_a_class_that_is_nowhere_mapped_keeps_the_rest_whole():
    found = stratified_estimates([[9, 1, 0], [2, 8, 0], [0, 0, 0]], [60.0, 40.0, 0.0])
    assert np.isnan(found.users.value[2])
    assert np.isfinite(found.areas.half_width).all()
    np.testing.assert_allclose(found.areas.value[:2], [62.0, 38.0])


def test_one_sample_a_stratum_says_nothing_of_its_spread():
    assert np.isnan(stratified_estimates([[1, 0], [0, 1]], [1.0, 1.0]).areas.half_width).all()


@pytest.mark.parametrize(
    ("sample", "areas", "says"),
    [
        ([[1, 2], [3, 4]], [1.0, -1.0], "from 0 upwards"),
        ([[0, 0], [3, 4]], [1.0, 1.0], "Stratum 1 has an area but no sample"),
        ([[1, 2], [3, 4]], [0.0, 0.0], "nothing to estimate"),
    ],
)
def test_bad_input_is_one_sentence(sample, areas, says):
    with pytest.raises(UsageError, match=says):
        stratified_estimates(sample, areas)


def halves(rng, classes=3, strata=4, cells=4000):
    """A made population: stratum, mapped class and true class of every cell; the strata are not the map's classes."""
    stratum = rng.integers(0, strata, cells)
    truth = (stratum + rng.choice(classes, cells, p=[0.8, 0.15, 0.05])) % classes
    mapped = np.where(rng.random(cells) < 0.85, truth, rng.integers(0, classes, cells))
    return stratum, mapped, truth


def drawn(rng, stratum, each=60):
    return np.concatenate([rng.choice(np.flatnonzero(stratum == h), each, replace=False) for h in np.unique(stratum)])


def test_where_strata_are_not_the_classes_the_whole_population_gives_its_own_figures():
    stratum, mapped, truth = halves(np.random.default_rng(0))
    areas = np.bincount(stratum).astype(float)
    found = estimate_map(StratifiedSample(stratum, areas), mapped, truth, 3)
    np.testing.assert_allclose(found.areas.value, np.bincount(truth))
    assert found.overall.value[0] == pytest.approx((mapped == truth).mean())
    for k in range(3):
        assert found.users.value[k] == pytest.approx((truth[mapped == k] == k).mean())
        assert found.producers.value[k] == pytest.approx((mapped[truth == k] == k).mean())


def test_intervals_cover_the_truth_in_93_to_97_of_a_hundred_samples():
    rng = np.random.default_rng(1)
    stratum, mapped, truth = halves(rng)
    areas, true_area = np.bincount(stratum).astype(float), np.bincount(truth)
    right = (mapped == truth).mean()
    hits = []
    for _ in range(500):
        chosen = drawn(rng, stratum)
        found = estimate_map(StratifiedSample(stratum[chosen], areas), mapped[chosen], truth[chosen], 3)
        inside = np.abs(found.areas.value - true_area) <= found.areas.half_width
        hits.append([*inside, abs(found.overall.value[0] - right) <= found.overall.half_width[0]])
    assert ((np.mean(hits, axis=0) > 0.93) & (np.mean(hits, axis=0) < 0.97)).all()
