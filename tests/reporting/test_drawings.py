"""Maps show each cell in its class's colour, no change is lost when a map is shrunk, and ribbons keep their hectares."""

import base64
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from rasterio.io import MemoryFile

from landuse.change.transitions import Transition
from landuse.outputs.cog import Place
from landuse.reporting.compared import read_compared
from landuse.reporting.map_pictures import PALE, SIDE, draw_maps, drawn_changes, scale_bar, shares_of
from landuse.reporting.places import top_sites
from landuse.reporting.sankey import GAP, sankey


def pixels(uri):
    with MemoryFile(base64.b64decode(uri.split(",")[1])) as file, file.open() as dataset:
        return dataset.read()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_cells_have_the_colour_of_their_class_and_changes_that_of_what_they_became(change):
    compared = read_compared(change)
    maps = draw_maps(compared)
    shown, before, after = (pixels(uri).transpose(1, 2, 0) for uri in (maps.change, *(p.uri for p in maps.dates)))
    assert shown.shape == before.shape == after.shape == (48, 48, 3)
    colors = {c.name: np.array(c.rgb) for c in compared.legend.classes}
    cells = sum(line.cells for line in compared.transitions if line.before == "Developed")
    assert (before == colors["Developed"]).all(axis=2).sum() == cells
    with rasterio.open(change / "change.tif") as dataset:
        changed = dataset.read(1) > 0
    assert changed.any()
    assert np.array_equal(shown[changed], after[changed])
    assert (np.abs(shown[~changed].astype(int) - (255 * PALE + after[~changed] * (1 - PALE))) <= 1).all()


def test_no_change_is_lost_when_a_map_is_shrunk():
    changes = np.zeros((2 * SIDE + 7, 3 * SIDE + 1), np.uint16)
    changes[1234, 2345] = 301
    step = 4
    under = np.full((-(-changes.shape[0] // step), -(-changes.shape[1] // step), 3), 255, np.uint8)
    became = np.zeros((100, 3), np.uint8)
    became[1] = 1, 2, 3
    shown = drawn_changes(changes, under, became)
    assert np.argwhere((shown == (1, 2, 3)).all(axis=2)).tolist() == [[1234 // step, 2345 // step]]


@given(st.floats(10, 5000), st.integers(1, 5000))
def test_a_scale_bar_is_round_and_fits(side, cols):
    bar = scale_bar(Place(CRS.from_epsg(26914), Affine(side, 0, 0, 0, -side, 0), (10, cols)))
    assert 1 / 9 < bar.share <= 1 / 3
    assert bar.metres == pytest.approx(bar.share * cols * side)
    assert f"{bar.metres:.0e}"[0] in "125"


def test_sites_lie_on_the_map_where_they_changed(change):
    compared = read_compared(change)
    maps = draw_maps(compared)
    sites = top_sites(compared, maps.place.crs)
    for (x, y), site in zip(shares_of(maps.place, [s.point for s in sites]), sites, strict=True):
        row, col = int(y * maps.place.shape[0]), int(x * maps.place.shape[1])
        assert 3 <= row < 9
        assert 4 <= col < 12
        assert 49 > site.lat > 25
    assert [s.tier for s in sites] == sorted((s.tier for s in sites), key=["certain", "likely", "possible"].index)


names = st.sampled_from("ABCD")
flows = st.dictionaries(st.tuples(names, names).filter(lambda p: p[0] != p[1]), st.floats(0.01, 1e5), min_size=1)


@given(flows)
def test_bars_of_both_sides_hold_all_hectares_and_do_not_overlap(flows):
    lines = [Transition(a, b, 1, area, 1, area, None) for (a, b), area in flows.items()]
    found = sankey(lines, {}, height=70.0)
    total = sum(flows.values())
    for side in (found.before, found.after):
        assert sum(bar.area_ha for bar in side) == pytest.approx(total)
        for bar, below in pairwise(side):
            assert below.y == pytest.approx(bar.y + bar.height + GAP)
        assert side[-1].y + side[-1].height <= 70.0 + 1e-6
    assert len(found.ribbons) == len(flows)


def test_no_flow_is_no_drawing():
    assert sankey([], {}) is None
