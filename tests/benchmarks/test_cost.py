"""The arithmetic of what places cost."""

import pytest

from benchmarks.cost import PLACES, Assumptions, cost, map_bytes, table


def test_a_county_by_hand():
    found = cost(PLACES[0], Assumptions(rate=10, map_bytes=200, write_us=1_000))
    assert found.chips == 20_647  # 400 square miles are 1,036.0 km2, and a chip is 0.050176 km2
    assert found.core_hours == pytest.approx(20_647 * 0.101 / 3600)
    assert found.read_bytes == pytest.approx(1_035_995_244 * 0.3)
    assert found.kept_bytes == 20_647 * 200


def test_smaller_chips_and_finer_pixels_cost_more():
    base, fine = (cost(PLACES[1], Assumptions(10, chip_m=m, pixel_m=m / 224)) for m in (224, 112))
    assert fine.chips == pytest.approx(4 * base.chips, rel=1e-6)
    assert fine.core_hours == pytest.approx(4 * base.core_hours, rel=1e-6)
    assert fine.read_bytes == 4 * base.read_bytes


def test_the_table_says_what_it_rests_on():
    lines = table(Assumptions(rate=12.5, map_bytes=map_bytes(7)))
    assert len(lines) == 2 + len(PLACES) + 2
    assert {line.count("|") for line in lines[: 2 + len(PLACES)]} == {7}
    assert "12.5 chips/s a core" in lines[-1]
