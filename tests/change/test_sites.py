import pytest

from landuse.change.sites import TIERS, tier_of


@pytest.mark.parametrize(
    ("probability", "tier"),
    [(0.95, "certain"), (0.9, "certain"), (0.6, "likely"), (0.5, "likely"), (0.2, "possible"), (None, "unrated")],
)
def test_tiers(probability, tier):
    assert tier_of(probability) == tier
    assert tier in TIERS


def test_an_unknown_probability_is_unrated():
    assert tier_of(float("nan")) == "unrated"
