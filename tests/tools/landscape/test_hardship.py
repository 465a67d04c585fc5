from dataclasses import replace

import numpy as np
import pytest

from landuse.errors import UsageError
from tools.landscape.changes import draw_plan
from tools.landscape.frame import Frame
from tools.landscape.hardship import flood, seeming, strip_gain
from tools.landscape.kinds import Cover
from tools.landscape.paint import paint_tile
from tools.landscape.season import HARD_SEASONS, SEASONS, seasons_of
from tools.landscape.spec import LandscapeSpec

FRAME = Frame(0.0, 0.0, 40.0, 200, 200)


def test_easy_is_what_it_was_and_hard_is_not_told_by_years():
    assert seasons_of("easy") == SEASONS
    assert [s.year for s in seasons_of("hard")] == [s.year for s in SEASONS]
    assert np.hypot(*HARD_SEASONS[1].shift) == pytest.approx(2.0)
    with pytest.raises(UsageError, match="easy or hard"):
        LandscapeSpec(difficulty="impossible")


def test_a_share_of_fields_looks_like_another_cover_and_water_never_does():
    covers = np.repeat(np.array([Cover.CROP, Cover.MEADOW, Cover.WATER], np.uint8), 400)
    seeds = np.arange(len(covers), dtype=np.int64)
    seen = seeming(covers, seeds, HARD_SEASONS[1])
    assert (seen != covers)[covers != Cover.WATER].mean() == pytest.approx(0.35, abs=0.06)
    assert (seen == covers)[covers == Cover.WATER].all()
    np.testing.assert_array_equal(seeming(covers, seeds, SEASONS[1]), covers)


def test_floods_take_their_share_of_open_land_in_other_places_each_year():
    wet = []
    for season in (HARD_SEASONS[1], replace(HARD_SEASONS[1], year=2030)):
        rgb = np.full((*FRAME.shape, 3), 200.0, np.float32)
        flood(rgb, np.full(FRAME.shape, Cover.CROP, np.uint8), FRAME, season, 5)
        wet.append(rgb[..., 0] < 140)
        assert 0.005 < wet[-1].mean() < 0.06
    assert (wet[0] & wet[1]).sum() < 0.5 * min(wet[0].sum(), wet[1].sum())
    dry = np.full((*FRAME.shape, 3), 200.0, np.float32)
    flood(dry, np.full(FRAME.shape, Cover.LITTER, np.uint8), FRAME, HARD_SEASONS[1], 5)
    assert (dry == 200).all()


def test_flight_strips_meet_in_seams():
    gain = strip_gain(FRAME, HARD_SEASONS[1], 5)[0]
    steps = np.abs(np.diff(gain, axis=0)).max(axis=1)
    assert gain.shape == (200, 3)
    assert (steps > 0).sum() == 5
    assert np.abs(gain - 1).max() <= 0.14


def test_a_hard_year_looks_unlike_an_easy_one():
    plan, frame = draw_plan(LandscapeSpec(chips=4, seed=2, pixel=2.0)), Frame(200.0, 200.0, 2.0, 64, 64)
    easy, hard = (paint_tile(plan, frame, seasons[1]).astype(float) for seasons in (SEASONS, HARD_SEASONS))
    assert np.abs(easy - hard).mean() > 8
