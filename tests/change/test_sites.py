import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import shapely

from landuse.change import sites
from landuse.change.sites import TIERS, SiteTable, site_file, tier_of
from landuse.errors import LanduseError


@pytest.mark.parametrize(
    ("probability", "tier"),
    [(0.95, "certain"), (0.9, "certain"), (0.6, "likely"), (0.5, "likely"), (0.2, "possible"), (None, "unrated")],
)
def test_tiers(probability, tier):
    assert tier_of(probability) == tier
    assert tier in TIERS


def test_an_unknown_probability_is_unrated():
    assert tier_of(float("nan")) == "unrated"


def drawn(count, seed=0):
    """Sites with many ties; every third is confirmed, every seventh unrated."""
    rng, number = np.random.default_rng(seed), np.arange(count)
    probability = np.where(number % 7 == 0, np.nan, rng.integers(0, 5, count) / 4)
    outlines = np.where(number % 3 == 0, shapely.to_wkb(shapely.points(number, number)), None)
    x, y = rng.integers(0, 5, (2, count)).astype(float)
    return SiteTable(number + 2, rng.integers(1, 9, count), rng.integers(1, 4, count) / 2, probability, x, y, outlines)


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_sites_come_back_the_surest_first_then_the_largest_then_the_northernmost(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(sites, "AT_ONCE", at_once)
    table = drawn(40)
    order = np.lexsort((table.x, -table.y, -table.area_ha, -np.nan_to_num(table.probability)))
    with site_file(tmp_path) as file:
        file.add(table)
        for confirmed in (True, False):
            wanted = order[(order % 3 == 0) == confirmed]
            parts = list(file.ranked(confirmed=confirmed))
            assert max(map(len, parts)) <= at_once
            for name in ("states", "cells", "area_ha", "probability", "x", "y", "outlines"):
                found = np.concatenate([getattr(part, name) for part in parts])
                assert found.dtype == getattr(table, name).dtype
                assert np.array_equal(found, getattr(table, name)[wanted], equal_nan=name == "probability")
        sure = np.arange(40) % 3 == 0
        false = (table.cells * (1 - np.nan_to_num(table.probability)))[sure].sum()
        assert file.confirmed() == (sure.sum(), pytest.approx(false))
    assert not list(tmp_path.iterdir())


def test_no_sites_are_one_empty_table(tmp_path):
    with site_file(tmp_path) as file:
        (found,) = file.ranked(confirmed=True)
        assert len(found) == 0
        assert file.confirmed() == (0, 0.0)


def test_memory_does_not_follow_the_sites(tmp_path, monkeypatch):
    monkeypatch.setattr(sites, "AT_ONCE", 50)
    some, times = drawn(60), 200
    tracemalloc.start()
    try:
        with site_file(tmp_path) as file:
            for _ in range(times):
                file.add(some)
            assert sum(map(len, file.ranked(confirmed=False))) == 40 * times
        assert tracemalloc.get_traced_memory()[1] < 48 * len(some) * times / 4
    finally:
        tracemalloc.stop()


def test_a_folder_that_takes_no_file_is_one_sentence():
    with pytest.raises(LanduseError, match="Cannot keep the sites of change in /nowhere"), site_file(Path("/nowhere")):
        pass
