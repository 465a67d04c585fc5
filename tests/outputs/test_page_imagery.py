"""The pyramid of tiles under a map: where its pixels lie, how fine they are, and what they weigh."""

import base64

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.io import MemoryFile

from landuse.outputs.page.folders import read_folders
from landuse.outputs.page.imagery import AROUND, ImageryWish, native_zoom, pyramids
from landuse.outputs.page.mesh import Lattice
from tests.outputs.conftest import Maker, built_up, made_land

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    maker = Maker(tmp_path_factory.mktemp("pair"))
    codes = made_land((16, 20), blot=3)
    later = built_up(codes, sites=3)
    before = maker.classify("landuse_2010", codes, survey=maker.survey("a.tif", codes, px=64))
    after = maker.classify("landuse_2016", later, survey=maker.survey("b.tif", later, px=64))
    return read_folders([before, after, maker.diff("change", before, after)])


def sites_of(changes):
    return [site for change in changes for site in change.sites]


def pixels_of(text):
    with MemoryFile(base64.b64decode(text)) as memory, memory.open() as dataset:
        return dataset.read()


def weight(pyramid):
    return sum(map(len, pyramid.tiles.values()))


def test_a_small_survey_is_there_at_its_own_pixels(pair):
    years, changes = pair
    found = pyramids(years, sites_of(changes), ImageryWish(40 * MEGABYTE))
    for pyramid in found:
        assert pyramid.whole == pyramid.most == native_zoom(years, 42.0)
        assert pyramid.pixel_m == 3.5
        assert weight(pyramid) < 20 * MEGABYTE


def test_a_pixel_lies_where_its_ground_lies(pair):
    """The middle of each of some cells, looked up in the finest tiles, has about the colour of its class."""
    (year, _), _ = pair
    (pyramid,) = pyramids([year], [], ImageryWish(40 * MEGABYTE))
    grid = year.grid
    lines, cols = (axis.ravel().astype(float) for axis in np.mgrid[4:16:3, 4:20:3])
    x, y = Lattice(grid.transform, grid.crs, grid.shape).world(cols + 0.5, lines + 0.5)
    for place, line, col in zip(np.stack([x, y], axis=1) * 2**pyramid.most, lines, cols, strict=True):
        tile = pixels_of(pyramid.tiles[pyramid.most, int(place[0]), int(place[1])])
        across, down = (int(256 * (side % 1)) for side in place)
        around = tile[:3, max(down - 4, 0) : down + 5, max(across - 4, 0) : across + 5].mean(axis=(1, 2))
        color = year.colors[grid.names[grid.layers[0].classes[int(line), int(col)] - 1]]
        expected = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) * 0.6 + 40
        assert around == pytest.approx(expected, abs=14)


def test_above_the_budget_the_whole_is_coarser_and_sites_stay_sharp(pair):
    years, changes = pair
    budget = 400_000
    found = pyramids(years, sites_of(changes), ImageryWish(budget))
    assert sum(map(weight, found)) <= budget
    for pyramid in found:
        assert pyramid.whole is None or pyramid.whole < pyramid.most
        assert pyramid.sharp >= 1
        assert any(zoom == pyramid.most for zoom, _, _ in pyramid.tiles)


def test_without_a_budget_there_is_no_imagery(pair):
    assert pyramids(pair[0], [], ImageryWish(0)) == (None, None)


def test_a_survey_that_is_too_large_to_read_is_sharp_at_its_sites_alone(pair, monkeypatch):
    years, changes = pair
    monkeypatch.setattr("landuse.outputs.page.imagery.MOST_PIXELS", 1e4)
    for pyramid in pyramids(years, sites_of(changes), ImageryWish(40 * MEGABYTE)):
        assert pyramid.whole is None
        assert pyramid.sharp == len(sites_of(changes))


def test_imagery_elsewhere_is_fetched_only_when_asked_for(pair, monkeypatch):
    monkeypatch.setattr("landuse.outputs.views.at_hand", lambda survey: False)
    assert pyramids(pair[0], [], ImageryWish(MEGABYTE)) == (None, None)
    assert None not in pyramids(pair[0], [], ImageryWish(MEGABYTE, remote=True))


def test_imagery_that_is_gone_leaves_the_page_whole(maker):
    codes = made_land((3, 4), blot=1)
    folders = [maker.classify(f"landuse_{name}", codes, survey=maker.survey(f"{name}.tif", codes)) for name in "ab"]
    (maker.root / "a.tif").unlink()
    first, second = pyramids(read_folders(folders)[0], [], ImageryWish(MEGABYTE))
    assert first is None
    assert second is not None


def test_tiles_are_those_of_web_maps(pair):
    """At zoom z a tile is as many metres wide as web maps have it, and numbered from the north-west of the world."""
    (year, _), _ = pair
    (pyramid,) = pyramids([year], [], ImageryWish(MEGABYTE))
    zoom, x, y = min(pyramid.tiles)
    side = AROUND / 2**zoom
    west, north = x * side - AROUND / 2, AROUND / 2 - y * side
    lon, lat = Transformer.from_crs(3857, 4326, always_xy=True).transform(west + side / 2, north - side / 2)
    assert -76 < lon < -70
    assert 39 < lat < 45
