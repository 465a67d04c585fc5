import numpy as np
import pytest

from tools.landscape.canopy import Stand, draw_crowns
from tools.landscape.changes import draw_plan
from tools.landscape.frame import Frame
from tools.landscape.light import cast_shadows
from tools.landscape.paint import paint_tile
from tools.landscape.season import SEASONS
from tools.landscape.spec import LandscapeSpec


@pytest.fixture(scope="module")
def plan():
    return draw_plan(LandscapeSpec(chips=5, seed=2))


def test_tiles_meet_without_a_seam(plan):
    whole = paint_tile(plan, Frame(200, 300, 1.0, 220, 260), SEASONS[1]).astype(int)
    part = paint_tile(plan, Frame(320, 360, 1.0, 100, 90), SEASONS[1]).astype(int)
    assert (np.abs(whole[60:160, 120:210] - part).max(axis=-1) > 2).mean() < 0.01


def test_years_differ_in_colour_but_not_in_form(plan):
    frame = Frame(100, 100, 1.0, 250, 250)
    first, second = (paint_tile(plan, frame, season).astype(float) for season in SEASONS)
    assert np.abs(first - second).mean() > 5
    assert first.std() > 10
    assert second.std() > 10


def test_a_coarser_pixel_is_the_mean_of_finer_ones(plan):
    fine = paint_tile(plan, Frame(300, 100, 1.0, 120, 120), SEASONS[0]).astype(float)
    coarse = paint_tile(plan, Frame(300, 100, 2.0, 60, 60), SEASONS[0]).astype(float)
    np.testing.assert_allclose(fine.reshape(60, 2, 60, 2, 3).mean(axis=(1, 3)), coarse, atol=1.0)


def test_a_shadow_falls_away_from_the_sun():
    frame = Frame(0, 0, 1.0, 60, 60)
    height = np.zeros(frame.shape, np.float32)
    height[28:32, 28:32] = 10.0
    shadow = cast_shadows(height, frame, SEASONS[0])  # the sun stands in the south-east
    rows, cols = np.nonzero(shadow > 0.5)
    assert rows.mean() < 28
    assert cols.mean() < 30
    assert shadow[28:32, 28:32].max() == 0


def test_crowns_keep_to_their_density():
    frame = Frame(0, 0, 1.0, 200, 200)
    stand = Stand(6.4, (2.4, 4.9), (8.0, 16.0), 1)
    density = np.zeros(frame.shape, np.float32)
    density[:, 100:] = 1.0
    crowns = draw_crowns(frame, density, density * 0, stand)
    assert (crowns.index[:, :94] == -1).all()
    assert (crowns.index[:, 100:] >= 0).mean() > 0.6
    assert crowns.height.max() <= 16.0
